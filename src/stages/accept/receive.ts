/**
 * DATA and BDAT: the message bytes between peer and spool (RFC 5321 section 4.1.1.4, RFC 3030).
 * Promises: reads on only when the spool took what came before; a refused message is still read to its end, within
 * bounds, so that reply and command stay in step; DATA and BDAT do not mix.
 */
import { errorName, reasonOf } from "../../core/error-facts.ts";
import { reached } from "../../core/failpoint.ts";
import { LOOP_FIELD } from "../../parts/mime/trace-field.ts";
import { DotFilter } from "./dot-filter.ts";
import { handOver, queuedLog } from "./hand-over.ts";
import type { Next, Session } from "./session.ts";
import { NewlineFilter } from "./newline-filter.ts";
import { Pace } from "./pace.ts";
import { watchedNames } from "./proof.ts";
import { pressureRefusalOfMessage, REFUSALS } from "./replies.ts";
import { IncomingMessage } from "./transaction.ts";
import type { ChunkedMessage, Transaction } from "./transaction.ts";

/** One read; larger ones gain nothing and hold memory for each session. */
const PIECE_BYTES_MAX = 64 * 1024;

export async function runData(session: Session, argument: string): Promise<Next> {
  const { transaction } = session;
  if (argument !== "") return session.refuse(REFUSALS.noArgument);
  if (transaction === null) return session.refuse(REFUSALS.mailFirst);
  if (transaction.chunked !== null) return session.refuse(REFUSALS.chunksBegun);
  if (transaction.recipientCount === 0) return session.refuse(REFUSALS.noRecipients);
  // RFC 2920 section 3.1: nothing may follow DATA before 354. Taken for commands, a message could give orders.
  if (session.wire.input.hasBuffered) return session.refuseAndClose(REFUSALS.earlyData);
  const pressed = pressureRefusalOfMessage(session.context.deps.pressure());
  const message = pressed === null ? openMessage(session, transaction) : null;
  if (message === null) {
    session.transaction = null;
    return session.refuse(pressed ?? REFUSALS.notStored);
  }
  session.wire.reply("354 End data with <CR><LF>.<CR><LF>");
  const end = await readDotted(session, message);
  session.transaction = null;
  if (end === "broken") {
    await message.abort();
    return "close";
  }
  const next = await conclude(session, transaction, message);
  return end === "endless" ? "close" : next;
}

/** `BDAT size [LAST]`. Whatever is answered, the chunk is read first: it is already on its way. */
export async function runBdat(session: Session, argument: string): Promise<Next> {
  const match = /^([0-9]{1,16})( +LAST)?$/i.exec(argument);
  // Without a size nobody knows where the next command begins.
  if (match === null) return session.refuseAndClose(REFUSALS.bdatSyntax);
  const sizeBytes = Number(match[1]);
  const isLast = match[2] !== undefined;
  const { transaction } = session;
  if (transaction === null || transaction.recipientCount === 0) {
    if (!(await swallow(session, sizeBytes))) return "close";
    return session.refuse(transaction === null ? REFUSALS.noTransaction : REFUSALS.noRecipients);
  }
  if (transaction.chunked === null) {
    const opened = openMessage(session, transaction);
    const { lineBytesMax } = session.context.options.limits;
    if (opened !== null) {
      transaction.chunked = { message: opened, filter: new NewlineFilter(lineBytesMax), pace: new Pace(session) };
    }
  }
  const { chunked } = transaction;
  if (chunked === null) {
    session.transaction = null;
    return (await swallow(session, sizeBytes)) ? session.refuse(REFUSALS.notStored) : "close";
  }
  const { message, filter, pace } = chunked;
  if (message.sizeBytes + sizeBytes > session.context.options.limits.messageBytesMax)
    await message.refuse(REFUSALS.tooLarge);
  if (!(await readChunk(session, { message, filter, pace, sizeBytes }))) return "close";
  if (isLast) await message.take(filter.end(), filter.defect);
  if (!isLast && message.refusal === null) {
    session.wire.reply(`250 2.0.0 ${sizeBytes} octets received`);
    return "go";
  }
  session.transaction = null;
  if (filter.hasNormalised && message.refusal === null) {
    session.log("info", "accept_newlines_normalised", { code: "PST-ACC-034" });
  }
  return await conclude(session, transaction, message);
}

/** null where the spool takes nothing now. */
function openMessage(session: Session, transaction: Transaction): IncomingMessage | null {
  const { options, deps } = session.context;
  const { standing } = transaction;
  const submitters = standing.kind === "pending" ? standing.submitters : [];
  const onIntakeError = (error: unknown): void =>
    session.log("error", "accept_intake_failed", {
      code: "PST-ACC-025",
      cause: reasonOf(error),
      error: errorName(error),
    });
  try {
    const intake = deps.openIntake();
    return new IncomingMessage(intake, {
      limits: options.limits,
      watch: [LOOP_FIELD, ...watchedNames(submitters)],
      onIntakeError,
      supervise: (work) => session.context.supervise(work),
    });
  } catch (error) {
    onIntakeError(error);
    return null;
  }
}

/** `ended`: the dot came. `endless`: refused, and too much came after. `broken`: the peer went or fell silent. */
async function readDotted(session: Session, message: IncomingMessage): Promise<"ended" | "endless" | "broken"> {
  const { limits } = session.context.options;
  const filter = new DotFilter(limits.lineBytesMax);
  const watch = new Stopwatch(session, limits.dataTimeoutMs);
  const pace = new Pace(session);
  let readBytes = 0;
  for (;;) {
    const piece = await nextPiece(session, PIECE_BYTES_MAX, watch);
    if (piece === null) return "broken";
    await refuseUnderPressure(message, pace);
    const { segments, consumed, ended } = filter.push(piece);
    await message.take(segments, filter.defect);
    if (ended) {
      session.wire.input.unread(piece.subarray(consumed));
      return "ended";
    }
    readBytes += piece.length;
    if (message.refusal !== null && readBytes > 2 * limits.messageBytesMax) return "endless";
  }
}

async function refuseUnderPressure(message: IncomingMessage, pace: Pace): Promise<void> {
  if (message.refusal !== null) return;
  const refusal = await pace.next();
  if (refusal !== null) await message.refuse(refusal);
}

type Chunk = ChunkedMessage & { readonly sizeBytes: number };

/** False once the session has to end. */
async function readChunk(session: Session, { message, filter, pace, sizeBytes }: Chunk): Promise<boolean> {
  if (message.refusal !== null) {
    const wasRead = await swallow(session, sizeBytes);
    if (!wasRead) await message.abort();
    return wasRead;
  }
  const watch = new Stopwatch(session, session.context.options.limits.dataTimeoutMs);
  for (let left = sizeBytes; left > 0;) {
    const piece = await nextPiece(session, Math.min(left, PIECE_BYTES_MAX), watch);
    if (piece === null) return false;
    await refuseUnderPressure(message, pace);
    left -= piece.length;
    await message.take(filter.push(piece), filter.defect);
  }
  return true;
}

/** Reads and forgets a chunk. One larger than any message is answered at once, and the session ends. */
async function swallow(session: Session, sizeBytes: number): Promise<boolean> {
  const { limits } = session.context.options;
  if (sizeBytes > limits.messageBytesMax) {
    session.refuseAndClose(REFUSALS.tooLarge);
    return false;
  }
  const watch = new Stopwatch(session, limits.dataTimeoutMs);
  for (let left = sizeBytes; left > 0;) {
    const piece = await nextPiece(session, Math.min(left, PIECE_BYTES_MAX), watch);
    if (piece === null) return false;
    left -= piece.length;
  }
  return true;
}

/** null when the peer went, fell silent or took too long in all; it was told so where it can still hear. */
async function nextPiece(session: Session, bytesMax: number, watch: Stopwatch): Promise<Buffer | null> {
  const { dataBlockTimeoutMs } = session.context.options.limits;
  const read = watch.isOver
    ? ({ kind: "timeout" } as const)
    : await session.wire.input.readPiece(bytesMax, dataBlockTimeoutMs);
  if (read.kind === "piece") return read.piece;
  session.log("info", "accept_message_broken_off", { code: read.kind === "closed" ? "PST-ACC-024" : "PST-ACC-023" });
  session.fallSilent(read);
  return null;
}

class Stopwatch {
  readonly #now: () => number;
  readonly #until: number;

  constructor(session: Session, timeoutMs: number) {
    const { clock } = session.context.deps;
    this.#now = () => clock.monotonic();
    this.#until = clock.monotonic() + timeoutMs;
  }

  get isOver(): boolean {
    return this.#now() > this.#until;
  }
}

async function conclude(session: Session, transaction: Transaction, message: IncomingMessage): Promise<Next> {
  const result = await handOver(session, transaction, message);
  if (result.kind === "refused") {
    await message.abort();
    return session.refuse(result.refusal);
  }
  await reached("accept.before-250");
  session.wire.reply(`250 2.0.0 queued as ${result.id}`);
  session.wire.flush();
  session.context.deps.later(queuedLog(session, transaction, result));
  await reached("accept.after-250");
  return "go";
}
