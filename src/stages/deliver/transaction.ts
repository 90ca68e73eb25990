/**
 * One mail transaction: MAIL, RCPT, DATA, body, final dot (RFC 5321 section 3.3, RFC 2920).
 * Promises: no dot before the intent is durable and none when a connection or reply says otherwise; every recipient whose fate this
 * transaction decides is settled once; after the dot only a reply settles it, its loss is `ambiguous`. The envelope is pipelined where
 * offered, DATA never is: a server that refused everyone is not asked for a body.
 */
import { setImmediate } from "node:timers/promises";
import { assertNever } from "../../core/assert-never.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { EnhancedStatus } from "../../core/status.ts";
import type { DeliveryRecipient, DeliveryRequest } from "../../core/stages.ts";
import type { Reply } from "../../parts/smtp/reply.ts";
import { toPeerReply } from "../../parts/smtp/reply.ts";
import type { ReplyPhase, ReplyVerdict } from "../../parts/smtp/reply-table.ts";
import { classifyReply } from "../../parts/smtp/reply-table.ts";
import { BodyUnreadableError, readBlocks } from "./body.ts";
import { mailCommand, rcptCommand } from "./commands.ts";
import { ConnectionLost } from "./connection.ts";
import { BareLineBreakError, DotStuffer } from "./dot-stuffer.ts";
import type { Demand } from "./floor.ts";
import { shortfall, usedBy } from "./floor.ts";
import type { DeliverOptions } from "./options.ts";
import type { Progress, Session } from "./session.ts";
import type { HostVerdict } from "./verdicts.ts";

export type Transaction = {
  readonly session: Session;
  readonly host: string;
  readonly request: DeliveryRequest;
  readonly recipients: readonly DeliveryRecipient[];
  readonly demand: Demand;
  readonly options: DeliverOptions;
  readonly blobs: BlobStore;
  readonly progress: Progress;
  readonly settle: (recipient: DeliveryRecipient, outcome: Outcome) => void;
};

/** `clean`: the session may carry another transaction. `verdict` speaks for the recipients not settled; null when none is left. */
export type TransactionEnd = { readonly isClean: boolean; readonly verdict: HostVerdict | null };

/** Rejects with ConnectionLost before the final dot only. */
export async function transact(tx: Transaction): Promise<TransactionEnd> {
  const lacking = shortfall(tx.session, tx.demand);
  if (lacking !== null) return { isClean: true, verdict: lacking };
  const { sizeBytesMax } = tx.session.extensions;
  if (sizeBytesMax !== null && tx.request.parcel.variant.sizeBytes > sizeBytesMax) {
    settleAll(tx, tx.recipients, { kind: "failed", status: "5.3.4", code: "PST-DLV-016", reply: null, host: tx.host });
    return { isClean: true, verdict: null };
  }
  const envelope = await sendEnvelope(tx);
  if (envelope.kind === "ended") return envelope.end;
  if (envelope.taken.length === 0) return { isClean: await reset(tx), verdict: envelope.verdict };
  const end = await sendMessage(tx, envelope.taken);
  return { isClean: end.isClean, verdict: end.verdict ?? envelope.verdict };
}

type EnvelopeEnd =
  | { readonly kind: "ended"; readonly end: TransactionEnd }
  | { readonly kind: "answered"; readonly taken: readonly DeliveryRecipient[]; readonly verdict: HostVerdict | null };

async function sendEnvelope(tx: Transaction): Promise<EnvelopeEnd> {
  const { session, options, progress, demand } = tx;
  const { connection, extensions } = session;
  const wanted = { ...demand, sizeBytes: tx.request.parcel.variant.sizeBytes };
  const mail = mailCommand(tx.request.envelope, wanted, extensions);
  const rcpts = tx.recipients.map(({ recipient }) => rcptCommand(recipient, extensions));
  progress.phase = "mail";
  progress.lastReply = null;
  await connection.write(extensions.pipelining ? mail + rcpts.join("") : mail, options.timeouts.blockMs);
  const answer = await connection.reply(options.timeouts.mailMs);
  const verdict = judge(tx, "mail", answer);
  if (verdict.action !== "proceed") {
    // Answers to pipelined RCPT may still be on their way: the session ends here.
    return { kind: "ended", end: { isClean: false, verdict: concludeAll(tx, tx.recipients, { verdict, answer }) } };
  }
  progress.phase = "rcpt";
  return await readRecipients(tx, extensions.pipelining ? null : rcpts);
}

/** `unsent`: the RCPT commands still to be sent one by one; null when they went with MAIL. */
async function readRecipients(tx: Transaction, unsent: readonly string[] | null): Promise<EnvelopeEnd> {
  const { connection } = tx.session;
  const taken: DeliveryRecipient[] = [];
  let left: HostVerdict | null = null;
  for (const [index, recipient] of tx.recipients.entries()) {
    const command = unsent?.[index];
    if (command !== undefined) await connection.write(command, tx.options.timeouts.blockMs);
    const answer = await connection.reply(tx.options.timeouts.rcptMs);
    const verdict = judge(tx, "rcpt", answer);
    if (verdict.action === "proceed") {
      taken.push(recipient);
      continue;
    }
    const forHost = conclude(tx, recipient, { verdict, answer });
    if (forHost !== null && forHost.kind !== "below") {
      return { kind: "ended", end: { isClean: false, verdict: forHost } };
    }
    left = forHost ?? left;
  }
  return { kind: "answered", taken, verdict: left };
}

async function sendMessage(tx: Transaction, taken: readonly DeliveryRecipient[]): Promise<TransactionEnd> {
  const { session, options, progress } = tx;
  const { connection } = session;
  // A reply too many would be taken for the answer to DATA.
  if (connection.hasUnread) throw new ConnectionLost("protocol");
  progress.phase = "data";
  await connection.write("DATA\r\n", options.timeouts.blockMs);
  const invitation = await connection.reply(options.timeouts.dataMs);
  const verdict = judge(tx, "data", invitation);
  if (verdict.action !== "proceed") {
    return { isClean: false, verdict: concludeAll(tx, taken, { verdict, answer: invitation }) };
  }
  progress.phase = "body";
  const held = await sendBody(tx, taken);
  if (held.kind === "ended") return held.end;
  try {
    await tx.request.onDot(
      taken.map(({ id }) => id),
      { host: tx.host, rung: session.rung },
    );
  } catch {
    // Not an error of the peer: the intent is not durable, so the dot must never leave.
    connection.drop();
    return { isClean: false, verdict: { kind: "stop", code: "PST-DLV-027", status: "4.3.0", reply: null } };
  }
  const early = await earlyReply(tx, taken);
  if (early !== null) return early;
  return await sendDot(tx, taken, held.lastBytes);
}

type BodyEnd =
  { readonly kind: "held"; readonly lastBytes: Buffer } | { readonly kind: "ended"; readonly end: TransactionEnd };

/** Sends all but the last block, which stays here until the intent is durable. */
async function sendBody(tx: Transaction, taken: readonly DeliveryRecipient[]): Promise<BodyEnd> {
  const { connection } = tx.session;
  const stuffer = new DotStuffer();
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const block of readBlocks(tx.request.parcel.variant, tx.blobs)) {
      if (held.length > 0) {
        await connection.write(held, tx.options.timeouts.blockMs);
        // A turn of the event loop after each block: others get theirs, and a refusal of the peer is heard.
        await setImmediate();
      }
      const early = await earlyReply(tx, taken);
      if (early !== null) return { kind: "ended", end: early };
      held = stuffer.push(block);
    }
    return { kind: "held", lastBytes: Buffer.concat([held, stuffer.end()]) };
  } catch (error) {
    if (!(error instanceof BodyUnreadableError) && !(error instanceof BareLineBreakError)) throw error;
    connection.drop();
    if (error instanceof BodyUnreadableError) {
      const verdict = { kind: "stop", code: "PST-DLV-026", status: "4.3.0", reply: null } as const;
      return { kind: "ended", end: { isClean: false, verdict } };
    }
    settleAll(tx, taken, { kind: "failed", status: "5.6.0", code: "PST-DLV-034", reply: null, host: tx.host });
    return { kind: "ended", end: { isClean: false, verdict: null } };
  }
}

/** A server that speaks before the final dot has refused: stop sending and drop, so that no dot can follow. */
async function earlyReply(tx: Transaction, taken: readonly DeliveryRecipient[]): Promise<TransactionEnd | null> {
  const { connection } = tx.session;
  if (!connection.hasUnread) return null;
  const answer = await connection.reply(tx.options.timeouts.blockMs);
  const verdict = judge(tx, "body", answer);
  connection.drop();
  return { isClean: false, verdict: concludeAll(tx, taken, { verdict, answer }) };
}

/** From the write on the message may be taken: no rejection any more, and every recipient left is settled. */
async function sendDot(
  tx: Transaction,
  taken: readonly DeliveryRecipient[],
  lastBytes: Buffer,
): Promise<TransactionEnd> {
  const { session, options, progress, host } = tx;
  // Ended while the intent was stored: surely nothing was delivered.
  session.connection.assertOpen();
  progress.phase = "dot";
  let answer: Reply;
  try {
    await session.connection.write(lastBytes, options.timeouts.blockMs);
    answer = await session.connection.reply(options.timeouts.dotMs);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    settleAll(tx, taken, { kind: "ambiguous", code: "PST-DLV-025", host, observed: session.rung });
    return { isClean: false, verdict: null };
  }
  session.messages += 1;
  const verdict = judge(tx, "dot", answer);
  if (verdict.action !== "proceed") {
    return { isClean: answer.code !== 421, verdict: concludeAll(tx, taken, { verdict, answer }) };
  }
  progress.phase = "done";
  const reply = toPeerReply(answer);
  const status = (reply.enhanced?.startsWith("2.") === true ? reply.enhanced : "2.0.0") as EnhancedStatus<2>;
  const dsnPassedOn = session.extensions.dsn;
  settleAll(tx, taken, { kind: "delivered", status, observed: session.rung, host, reply, dsnPassedOn });
  return { isClean: true, verdict: null };
}

/** True when the server forgot the transaction and may be used again. */
async function reset(tx: Transaction): Promise<boolean> {
  try {
    await tx.session.connection.write("RSET\r\n", tx.options.timeouts.blockMs);
    return (await tx.session.connection.reply(tx.options.timeouts.mailMs)).code === 250;
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return false;
  }
}

function judge(tx: Transaction, phase: ReplyPhase, reply: Reply): ReplyVerdict {
  tx.progress.lastReply = reply;
  return classifyReply(phase, reply, usedBy(tx.demand));
}

type Judged = { readonly verdict: ReplyVerdict; readonly answer: Reply };

function concludeAll(tx: Transaction, recipients: readonly DeliveryRecipient[], judged: Judged): HostVerdict | null {
  let left: HostVerdict | null = null;
  for (const recipient of recipients) left = conclude(tx, recipient, judged) ?? left;
  return left;
}

/** Settles the recipient, or says what the reply means for the host. */
function conclude(tx: Transaction, recipient: DeliveryRecipient, { verdict, answer }: Judged): HostVerdict | null {
  const { host, session } = tx;
  const reply = toPeerReply(answer);
  switch (verdict.action) {
    case "failed":
      tx.settle(recipient, { kind: "failed", status: verdict.status, code: verdict.code, reply, host });
      return null;
    case "recipient-deferred": {
      const { status, code } = verdict;
      tx.settle(recipient, { kind: "deferred", scope: "recipient", status, code, reply, host, unmet: null });
      return null;
    }
    case "ambiguous":
      tx.settle(recipient, { kind: "ambiguous", code: verdict.code, host, observed: session.rung });
      return null;
    case "next-host":
      return { kind: "trouble", code: verdict.code, status: verdict.status, reply };
    case "lane-deferred":
      return { kind: "lane", code: verdict.code, status: verdict.status, reply };
    case "missing":
      return { kind: "below", code: verdict.code, rung: session.rung, missing: [verdict.extension] };
    case "proceed":
    case "use-helo":
    case "below-floor":
      return { kind: "trouble", code: "PST-DLV-004", status: "4.5.0", reply };
    default:
      return assertNever(verdict);
  }
}

function settleAll(tx: Transaction, recipients: readonly DeliveryRecipient[], outcome: Outcome): void {
  for (const recipient of recipients) tx.settle(recipient, outcome);
}
