/**
 * One SMTP session (RFC 5321): greets, reads commands one by one, keeps the state they change, and ends it.
 * Promises: one reply for each command; limits on commands and time; nothing of an unfinished transaction is kept.
 * What each command does stands in commands.ts, envelope-commands.ts, auth.ts and receive.ts.
 */
import { isUtf8 } from "node:buffer";
import { errorName, reasonOf } from "../../core/error-facts.ts";
import type { Clock } from "../../core/clock.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { Resolver } from "../../core/dns-answer.ts";
import type { Mailbox } from "../../core/envelope.ts";
import type { MessageId } from "../../core/ids.ts";
import type { Log, LogFields } from "../../core/log.ts";
import type { ReadPressure } from "../../core/pressure.ts";
import type { Task } from "../../core/spare-time.ts";
import type { OnSubmission, OpenIntake } from "../../core/stages.ts";
import { peerGroup } from "../../parts/smtp/network.ts";
import type { NetworkSet } from "../../parts/smtp/network.ts";
import { handlerOf } from "./commands.ts";
import type { Silence } from "./input.ts";
import type { AcceptOptions, Submitter } from "./options.ts";
import type { Offence, PeerLedger } from "./peer-ledger.ts";
import { candidatesFor, usersOf } from "./proof.ts";
import type { Candidate } from "./proof.ts";
import { REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";
import type { TlsDoor } from "./tls-door.ts";
import type { Transaction } from "./transaction.ts";
import type { Wire } from "./wire.ts";

export type AcceptDeps = {
  readonly openIntake: OpenIntake;
  readonly onSubmission: OnSubmission;
  readonly blobs: BlobStore;
  readonly resolver: Pick<Resolver, "txt">;
  readonly newMessageId: () => MessageId;
  /** How much may still be taken in, now. */
  readonly pressure: ReadPressure;
  /** Puts off what nobody waits for. */
  readonly later: (task: Task) => void;
  readonly clock: Clock;
  readonly log: Log;
};

/** What all sessions of a listener share. */
export type Context = {
  readonly options: AcceptOptions;
  readonly deps: AcceptDeps;
  readonly door: TlsDoor;
  readonly candidates: readonly Candidate[];
  readonly plaintext: NetworkSet;
  readonly postmaster: Mailbox;
  /** Bytes announced with SIZE by transactions that are open. */
  readonly announced: { bytes: number };
  readonly ledger: PeerLedger;
  /** The listener drains: finish what is under way, begin nothing. */
  readonly isClosing: () => boolean;
  /** Takes over work that outlives the command that began it; close() waits for it. */
  readonly supervise: (work: Promise<void>) => void;
};

export type Next = "go" | "close";
export type Handler = (session: Session, argument: string) => Next | Promise<Next>;

/** RFC 4954 section 4: an AUTH line may hold this much. */
const LINE_BYTES_MAX = 12_288;
/** RFC 5321 section 4.5.3.1.4, and room for the parameters of every extension on MAIL and RCPT. */
const COMMAND_BYTES_MAX = 512;
const ENVELOPE_COMMAND_BYTES_MAX = 512 + 1_536;
/** A web page that makes a browser talk to this port. */
const HTTP_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);

export class Session {
  readonly context: Context;
  readonly wire: Wire;
  /** Whose networks hold this peer; empty for strangers. */
  readonly submitters: readonly Submitter[];
  readonly mayUsePlaintext: boolean;
  helo: string | null = null;
  /** EHLO rather than HELO: extensions are in force. */
  isExtended = false;
  user: { readonly submitter: string } | null = null;
  authFailures = 0;
  #transaction: Transaction | null = null;
  #commands = 0;
  #badCommands = 0;

  constructor(context: Context, wire: Wire) {
    this.context = context;
    this.wire = wire;
    this.submitters = candidatesFor(context.candidates, wire.remoteAddress);
    this.mayUsePlaintext = context.plaintext.contains(wire.remoteAddress);
  }

  get transaction(): Transaction | null {
    return this.#transaction;
  }

  set transaction(next: Transaction | null) {
    this.context.announced.bytes += (next?.announcedBytes ?? 0) - (this.#transaction?.announcedBytes ?? 0);
    this.#transaction = next;
  }

  /** Where the peer could use it, and only inside TLS. */
  get offersAuth(): boolean {
    return this.wire.tls !== null && usersOf(this.submitters).length > 0;
  }

  /** RFC 8689 section 2: only inside TLS, and only where it is kept. */
  get offersRequireTls(): boolean {
    return this.wire.tls !== null && this.context.options.offerRequireTls;
  }

  /** Ends when the session does; never rejects. */
  async run(): Promise<void> {
    const { options, deps } = this.context;
    try {
      if (options.implicitTls && !(await this.secure())) return;
      if (await this.#greet()) await this.#converse();
    } catch (error) {
      // A bug, or the machine at its end: this session ends, the others go on.
      const code = reasonOf(error) ?? "PST-ACC-025";
      deps.log.error("accept_session_failed", { ...this.#peer(), code, error: errorName(error) });
      this.wire.reply(REFUSALS.notStored.reply.replace(/^451/, "421"));
    } finally {
      await this.abandon();
      this.wire.end();
    }
  }

  /** Waiting for a command: say 421 now. In a message: finish it first. */
  interrupt(): void {
    this.wire.input.interrupt();
  }

  /** Drops the transaction under way, if any. */
  async abandon(): Promise<void> {
    const { transaction } = this;
    this.transaction = null;
    await transaction?.abort();
  }

  /** Becomes TLS and forgets what was said before (RFC 3207 section 4.2). */
  async secure(): Promise<boolean> {
    await this.abandon();
    try {
      await this.wire.upgrade(this.context.door);
    } catch {
      // What the peer got wrong in the handshake is its own affair; the code says where to look.
      this.log("info", "accept_tls_failed", { code: "PST-ACC-028" });
      return false;
    }
    this.helo = null;
    this.isExtended = false;
    this.user = null;
    return true;
  }

  /** Answers with a refusal; too many bad commands end the session instead. */
  refuse(refusal: Refusal): Next {
    if (refusal.isBadCommand === true) this.offend("badCommands");
    if (this.isBarred("badCommands")) return this.refuseAndClose(REFUSALS.peerBadCommands);
    if (refusal.isBadCommand === true && ++this.#badCommands > this.context.options.limits.badCommandsMax) {
      return this.refuseAndClose(REFUSALS.tooManyBadCommands);
    }
    this.wire.reply(refusal.reply);
    this.log(refusal.isBadCommand === true ? "debug" : "info", "accept_refused", { code: refusal.code });
    return refusal.reply.startsWith("421") ? "close" : "go";
  }

  refuseAndClose(refusal: Refusal): Next {
    this.wire.reply(refusal.reply);
    this.log("info", "accept_refused", { code: refusal.code });
    return "close";
  }

  offend(offence: Offence): void {
    this.context.ledger.note(peerGroup(this.wire.remoteAddress), offence);
  }

  isBarred(offence: Offence): boolean {
    return this.context.ledger.isBarred(peerGroup(this.wire.remoteAddress), offence);
  }

  /** Nothing came: says why where that helps, and ends the session. */
  fallSilent(silence: Silence): Next {
    if (silence.kind === "closed") return "close";
    return this.refuseAndClose(silence.kind === "timeout" ? REFUSALS.timeout : REFUSALS.closing);
  }

  log(level: "debug" | "info" | "warn" | "error", event: string, fields: LogFields): void {
    this.context.deps.log[level](event, { ...this.#peer(), ...fields });
  }

  /** A line of a dialog inside a command, such as an AUTH response; null once the session has to end. */
  async readResponse(): Promise<string | null> {
    const read = await this.wire.input.readLine(LINE_BYTES_MAX, this.context.options.limits.commandTimeoutMs);
    if (read.kind === "line") return read.line.toString("latin1");
    if (read.kind === "bare-newline") this.refuseAndClose(REFUSALS.bareNewlineInCommand);
    else if (read.kind === "too-long") this.refuseAndClose(REFUSALS.lineTooLong);
    else this.fallSilent(read);
    return null;
  }

  /** Strangers are kept waiting: who cannot wait for a greeting is no mail server (RFC 5321 section 4.3.1). */
  async #greet(): Promise<boolean> {
    const { options } = this.context;
    if (this.submitters.length === 0 && options.limits.greetingPauseMs > 0) {
      const early = await this.wire.input.readPiece(1, options.limits.greetingPauseMs);
      if (early.kind === "closed") return false;
      if (early.kind === "piece") {
        this.refuseAndClose(REFUSALS.earlyTalk);
        return false;
      }
    }
    this.wire.reply(`220 ${options.hostname} ESMTP Postern`);
    return true;
  }

  async #converse(): Promise<void> {
    const { limits } = this.context.options;
    let next: Next = "go";
    while (next === "go") {
      if (this.context.isClosing()) {
        this.refuseAndClose(REFUSALS.closing);
        return;
      }
      const read = await this.wire.input.readLine(LINE_BYTES_MAX, limits.commandTimeoutMs);
      // After such a line nobody knows where commands begin: the session ends.
      if (read.kind === "bare-newline") next = this.refuseAndClose(REFUSALS.bareNewlineInCommand);
      else if (read.kind === "too-long") next = this.refuseAndClose(REFUSALS.lineTooLong);
      else if (read.kind !== "line") next = this.fallSilent(read);
      else if (++this.#commands > limits.commandsMax) next = this.refuseAndClose(REFUSALS.tooManyCommands);
      else next = await this.#execute(read.line);
    }
  }

  async #execute(line: Buffer): Promise<Next> {
    const text = decodeCommand(line);
    if (text === null) return this.refuse(REFUSALS.notText);
    const match = /^([A-Za-z]+)(?: +(.*))?$/s.exec(text.trimEnd());
    const verb = match?.[1]?.toUpperCase() ?? "";
    if (HTTP_METHODS.has(verb)) return this.refuseAndClose(REFUSALS.notSmtp);
    const isEnvelope = verb === "MAIL" || verb === "RCPT";
    const bytesMax = verb === "AUTH" ? LINE_BYTES_MAX : isEnvelope ? ENVELOPE_COMMAND_BYTES_MAX : COMMAND_BYTES_MAX;
    if (line.length + 2 > bytesMax) return this.refuse(REFUSALS.lineTooLong);
    const handler = handlerOf(verb);
    return handler === null ? this.refuse(REFUSALS.unknownCommand) : await handler(this, match?.[2] ?? "");
  }

  #peer(): LogFields {
    return { peer: this.wire.remoteAddress };
  }
}

/** null where the bytes are no text a command could consist of (RFC 6531 section 3.3). */
function decodeCommand(line: Buffer): string | null {
  if (!isUtf8(line)) return null;
  const text = line.toString("utf8");
  return /\p{Cc}/u.test(text) ? null : text;
}
