/**
 * One mail transaction: MAIL, RCPT, DATA, body, final dot (RFC 5321 section 3.3, RFC 2920).
 * Promises: no dot before the intent is durable and none when a connection or reply says otherwise; every recipient whose fate this
 * transaction decides is settled once; after the dot only a reply settles it, its loss is `ambiguous`. Envelope and DATA are pipelined
 * where offered; a body is sent only where somebody was taken. Replies that cannot belong to what was asked refuse nobody for good:
 * a recipient is not failed by the answer another one got.
 */
import { setImmediate } from "node:timers/promises";
import { assertNever } from "../../core/assert-never.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
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
import { saysRequireTls, shortfall, usedBy } from "./floor.ts";
import type { DeliverOptions } from "./options.ts";
import type { Progress, Session } from "./session.ts";
import type { HostVerdict } from "./verdicts.ts";

/** A server that takes a body more slowly than this is given up. In whole seconds: timers of one length share a list. */
const SLOWEST_BYTES_PER_SECOND = 16_000;
const DATA = "DATA\r\n";

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
  const bodyMs = 1_000 * Math.ceil(tx.request.parcel.variant.sizeBytes / SLOWEST_BYTES_PER_SECOND);
  tx.session.connection.limit(tx.options.timeouts.totalMs + bodyMs);
  const lacking = shortfall(tx.session, tx.demand);
  if (lacking !== null) return { isClean: true, verdict: lacking };
  const { sizeBytesMax } = tx.session.extensions;
  if (sizeBytesMax !== null && tx.request.parcel.variant.sizeBytes > sizeBytesMax) {
    settleAll(tx, tx.recipients, { kind: "failed", status: "5.3.4", code: "PST-DLV-016", reply: null, host: tx.host });
    return { isClean: true, verdict: null };
  }
  const refused: Refused[] = [];
  try {
    return await converse(tx, refused);
  } catch (error) {
    if (error instanceof ConnectionLost && !isOutOfCount(error, tx)) settleRefused(tx, refused);
    throw error;
  }
}

/** A refusal at RCPT, kept back until the answer to DATA shows that each reply was that of its command. */
type Refused = { readonly recipient: DeliveryRecipient; readonly judged: Judged };

async function converse(tx: Transaction, refused: Refused[]): Promise<TransactionEnd> {
  const envelope = await sendEnvelope(tx, refused);
  if (envelope.kind === "ended") return envelope.end;
  if (envelope.taken.length === 0) return await endWithoutBody(tx, refused);
  const invitation = await askForBody(tx, { taken: envelope.taken, refused });
  if (invitation.kind === "ended") return invitation.end;
  const end = await sendMessage(tx, envelope.taken);
  return { isClean: end.isClean, verdict: end.verdict ?? invitation.left };
}

/** Replies too many, or perhaps too few: which command each was for is unknown. */
function isOutOfCount({ reason }: ConnectionLost, { progress, session }: Transaction): boolean {
  const isOfGroup = progress.phase === "rcpt" || (progress.phase === "data" && session.extensions.pipelining);
  return reason === "protocol" || (reason === "timeout" && isOfGroup);
}

/** Nobody was taken. A server that asks for the body all the same is left: it is nobody's. */
async function endWithoutBody(tx: Transaction, refused: Refused[]): Promise<TransactionEnd> {
  const { connection, extensions } = tx.session;
  const answer = extensions.pipelining ? await connection.reply(tx.options.timeouts.dataMs) : null;
  if (answer !== null && answer.code < 300) return { isClean: false, verdict: outOfStep(answer) };
  const verdict = settleRefused(tx, refused);
  if (answer === null || answer.code >= 400) return { isClean: await reset(tx), verdict };
  connection.drop();
  return { isClean: false, verdict };
}

function outOfStep(answer: Reply): HostVerdict {
  return { kind: "trouble", code: "PST-DLV-004", status: "4.5.0", reply: toPeerReply(answer) };
}

type EnvelopeEnd =
  | { readonly kind: "ended"; readonly end: TransactionEnd }
  | { readonly kind: "answered"; readonly taken: readonly DeliveryRecipient[] };

async function sendEnvelope(tx: Transaction, refused: Refused[]): Promise<EnvelopeEnd> {
  const { session, options, progress, demand } = tx;
  const { connection, extensions } = session;
  const requireTls = saysRequireTls(session, demand);
  progress.requireTls = requireTls;
  const wanted = { ...demand, requireTls, sizeBytes: tx.request.parcel.variant.sizeBytes };
  const mail = mailCommand(tx.request.envelope, wanted, extensions);
  const rcpts = tx.recipients.map(({ recipient }) => rcptCommand(recipient, extensions));
  progress.phase = "mail";
  progress.lastReply = null;
  assertInStep(tx);
  const group = extensions.pipelining ? `${mail}${rcpts.join("")}${DATA}` : mail;
  await connection.write(group, options.timeouts.blockMs);
  const answer = await connection.reply(options.timeouts.mailMs);
  const verdict = judge(tx, "mail", answer);
  if (verdict.action !== "proceed") {
    // Answers to what was pipelined may still be on their way: the session ends here.
    return { kind: "ended", end: { isClean: false, verdict: concludeAll(tx, tx.recipients, { verdict, answer }) } };
  }
  await reached("deliver.after-mail");
  progress.phase = "rcpt";
  return await readRecipients(tx, { unsent: extensions.pipelining ? null : rcpts, refused });
}

/** `unsent`: the RCPT commands still to be sent one by one; null when they went with MAIL. `refused` receives who was. */
async function readRecipients(
  tx: Transaction,
  { unsent, refused }: { readonly unsent: readonly string[] | null; readonly refused: Refused[] },
): Promise<EnvelopeEnd> {
  const { connection } = tx.session;
  const taken: DeliveryRecipient[] = [];
  for (const [index, recipient] of tx.recipients.entries()) {
    const command = unsent?.[index];
    if (command !== undefined) {
      assertInStep(tx);
      await connection.write(command, tx.options.timeouts.blockMs);
    }
    const answer = await connection.reply(tx.options.timeouts.rcptMs);
    const verdict = judge(tx, "rcpt", answer);
    if (verdict.action === "proceed") {
      taken.push(recipient);
      continue;
    }
    const judged = { verdict, answer };
    if (!speaksForHost(verdict)) {
      refused.push({ recipient, judged });
      continue;
    }
    // An invitation to send the body is no answer to RCPT: which reply was for which command is unknown.
    if (answer.code >= 400) settleRefused(tx, refused);
    return { kind: "ended", end: { isClean: false, verdict: conclude(tx, recipient, judged) } };
  }
  await reached("deliver.after-rcpt");
  return { kind: "answered", taken };
}

function speaksForHost({ action }: ReplyVerdict): boolean {
  return action !== "failed" && action !== "recipient-deferred" && action !== "missing";
}

type Invitation =
  | { readonly kind: "invited"; readonly left: HostVerdict | null }
  | { readonly kind: "ended"; readonly end: TransactionEnd };

/**
 * DATA, and with its answer the refusals at RCPT. A reply no server gives to DATA shows that the replies before it were not those
 * of their commands either: nobody is settled then.
 */
async function askForBody(
  tx: Transaction,
  envelope: { readonly taken: readonly DeliveryRecipient[]; readonly refused: Refused[] },
): Promise<Invitation> {
  const { session, options, progress } = tx;
  const { connection, extensions } = session;
  if (!extensions.pipelining) assertInStep(tx);
  progress.phase = "data";
  if (!extensions.pipelining) await connection.write(DATA, options.timeouts.blockMs);
  const answer = await connection.reply(options.timeouts.dataMs);
  const verdict = judge(tx, "data", answer);
  if (verdict.action === "proceed") return { kind: "invited", left: settleRefused(tx, envelope.refused) };
  if (answer.code < 300 || (extensions.pipelining && !(await isOfData(tx, answer)))) {
    return { kind: "ended", end: { isClean: false, verdict: outOfStep(answer) } };
  }
  settleRefused(tx, envelope.refused);
  return { kind: "ended", end: { isClean: false, verdict: concludeAll(tx, envelope.taken, { verdict, answer }) } };
}

/** Behind a reply too many, the answer to DATA is still to come and would be taken for the one to RSET. */
async function isOfData(tx: Transaction, answer: Reply): Promise<boolean> {
  return answer.code === 421 || (await answerToReset(tx)) !== "another";
}

async function sendMessage(tx: Transaction, taken: readonly DeliveryRecipient[]): Promise<TransactionEnd> {
  const { session, progress } = tx;
  const { connection } = session;
  progress.phase = "body";
  const held = await sendBody(tx, taken);
  if (held.kind === "ended") return held.end;
  // From here on the end is ambiguous: only the patience of the dot may cut it short.
  connection.limit(null);
  await reached("deliver.before-intent");
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
  await reached("deliver.intent-durable");
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
    await reached("deliver.dot-written");
    answer = await session.connection.reply(options.timeouts.dotMs);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    settleAll(tx, taken, { kind: "ambiguous", code: "PST-DLV-025", host, observed: session.rung });
    return { isClean: false, verdict: null };
  }
  await reached("deliver.reply-read");
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

/** A reply nobody asked for would be taken for the answer to what comes next, and every later one for another's. */
function assertInStep(tx: Transaction): void {
  if (tx.session.connection.hasUnread) throw new ConnectionLost("protocol");
}

/** Settles each once; gives the last thing they say about the host. */
function settleRefused(tx: Transaction, refused: Refused[]): HostVerdict | null {
  let left: HostVerdict | null = null;
  for (const { recipient, judged } of refused.splice(0)) left = conclude(tx, recipient, judged) ?? left;
  return left;
}

/** True when the server forgot the transaction and may be used again. */
async function reset(tx: Transaction): Promise<boolean> {
  return (await answerToReset(tx)) === "ok";
}

async function answerToReset(tx: Transaction): Promise<"ok" | "another" | "none"> {
  try {
    await tx.session.connection.write("RSET\r\n", tx.options.timeouts.blockMs);
    return (await tx.session.connection.reply(tx.options.timeouts.mailMs)).code === 250 ? "ok" : "another";
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return "none";
  }
}

function judge(tx: Transaction, phase: ReplyPhase, reply: Reply): ReplyVerdict {
  tx.progress.lastReply = reply;
  return classifyReply(phase, reply, usedBy(tx.session, tx.demand));
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
