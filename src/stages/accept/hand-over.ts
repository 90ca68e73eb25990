/**
 * From the last byte of a message to the reply: hop and loop limits, late proofs, durability, 250.
 * Promises: "queued" only after onSubmission resolved; every other way out keeps nothing and says try again, or why not.
 * A deadline bounds it, because a client that waits too long sends again what we already have (RFC 1047).
 */
import { errorName, reasonOf } from "../../core/error-facts.ts";
import type { Submission, SubmitterFacts } from "../../core/submission.ts";
import type { MessageId } from "../../core/ids.ts";
import type { StoredBody } from "../../core/stages.ts";
import { verifyDkim } from "../../parts/dkim/verify.ts";
import { LOOP_FIELD } from "../../parts/mime/trace-field.ts";
import type { HeaderFacts } from "./header-watch.ts";
import type { Submitter } from "./options.ts";
import { canBeSignedWhole, dkimDomainsOf, provenByHeader, submitterOfDomain } from "./proof.ts";
import { pressureRefusalOfMessage, REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";
import type { Session } from "./session.ts";
import type { IncomingMessage, Transaction } from "./transaction.ts";

export type Queued = { readonly kind: "queued"; readonly id: MessageId; readonly sizeBytes: number };
export type HandOver = Queued | { readonly kind: "refused"; readonly refusal: Refusal };

type Verdict =
  | { readonly kind: "submitter"; readonly submitter: Submitter }
  /** One of these must have signed. */
  | { readonly kind: "ask-dkim"; readonly submitters: readonly Submitter[] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export async function handOver(
  session: Session,
  transaction: Transaction,
  message: IncomingMessage,
): Promise<HandOver> {
  if (message.refusal !== null) return refused(message.refusal);
  const pressed = pressureRefusalOfMessage(session.context.deps.pressure());
  if (pressed !== null) return refused(pressed);
  const headers = message.headerFacts();
  const stop = refusalOfTrace(session, headers);
  if (stop !== null) return refused(stop);
  const verdict = judgeByHeaders(transaction, headers);
  if (verdict.kind === "refused") return verdict;
  const race = new DeadlineRace(session.context.options.limits.handlerTimeoutMs);
  const work = new Storing({ session, transaction, message, verdict, race });
  const result = await race.first(work.run());
  if (result !== "late") return result;
  session.context.supervise(work.settleLate());
  return refused(REFUSALS.tooSlow);
}

function refusalOfTrace(session: Session, headers: HeaderFacts): Refusal | null {
  const { limits, loopMarker } = session.context.options;
  const markers = headers.watched.get(LOOP_FIELD.toLowerCase()) ?? [];
  if (markers.includes(loopMarker)) return REFUSALS.loop;
  return headers.receivedCount > limits.hopsMax ? REFUSALS.tooManyHops : null;
}

function judgeByHeaders({ standing }: Transaction, headers: HeaderFacts): Verdict {
  if (standing.kind === "proven") return { kind: "submitter", submitter: standing.submitter };
  const submitter = provenByHeader(standing.submitters, headers);
  if (submitter !== null) return { kind: "submitter", submitter };
  const submitters = standing.submitters.filter(({ proof }) => proof.kind === "dkim");
  if (submitters.length === 0) return refused(REFUSALS.headerProof);
  return canBeSignedWhole(headers) ? { kind: "ask-dkim", submitters } : refused(REFUSALS.dkimProof);
}

type Work = {
  readonly session: Session;
  readonly transaction: Transaction;
  readonly message: IncomingMessage;
  readonly verdict: Exclude<Verdict, { kind: "refused" }>;
  readonly race: DeadlineRace;
};

/** Everything that waits for disks or DNS. After the deadline it ends at its next step and lets go of what it stored. */
class Storing {
  readonly #work: Work;
  #result: Promise<HandOver> | null = null;

  constructor(work: Work) {
    this.#work = work;
  }

  run(): Promise<HandOver> {
    this.#result = this.#run();
    return this.#result;
  }

  /** The client was told 451. Should the message be in the queue all the same, it will arrive twice: say so. */
  async settleLate(): Promise<void> {
    const result = await this.#result;
    if (result?.kind !== "queued") return;
    const { session, transaction } = this.#work;
    queuedLog(session, transaction, result)();
    session.log("warn", "accept_queued_late", { code: "PST-ACC-027", id: result.id });
  }

  async #run(): Promise<HandOver> {
    const { message, verdict } = this.#work;
    let stored: StoredBody;
    try {
      // Whose signature is to be verified has to be read first.
      stored = await message.finish(verdict.kind === "ask-dkim" ? "durable" : "with-rows");
    } catch (error) {
      this.#logFailure(error);
      return refused(REFUSALS.notStored);
    }
    const result = await this.#submit(stored);
    // Asked for again before its space is reclaimed: whether a failed commit left rows is for the rows to say.
    if (result.kind === "refused") this.#work.session.context.deps.blobs.disown([stored.body]);
    return this.#work.race.isOver && result.kind === "refused" ? refused(REFUSALS.tooSlow) : result;
  }

  async #submit(stored: StoredBody): Promise<HandOver> {
    const { session, transaction, verdict, race } = this.#work;
    const proof = verdict.kind === "submitter" ? verdict : await this.#askDkim(verdict.submitters, stored);
    if (proof.kind === "refused") return proof;
    if (race.isOver) return refused(REFUSALS.tooSlow);
    const id = session.context.deps.newMessageId();
    const submission: Submission = {
      id,
      origin: "relay",
      parent: null,
      envelope: transaction.envelope,
      recipients: transaction.recipients,
      submitter: factsOf(session, proof.submitter),
      body: stored.body,
      sha256: stored.sha256,
      mime: stored.mime,
      receivedAt: session.context.deps.clock.now(),
    };
    try {
      await session.context.deps.onSubmission(submission);
      return { kind: "queued", id, sizeBytes: stored.mime.sizeBytes };
    } catch (error) {
      this.#logFailure(error);
      return refused(REFUSALS.notStored);
    }
  }

  async #askDkim(
    submitters: readonly Submitter[],
    stored: StoredBody,
  ): Promise<Exclude<Verdict, { kind: "ask-dkim" }>> {
    const { blobs, resolver, clock } = this.#work.session.context.deps;
    const domains = dkimDomainsOf(submitters);
    const verified = await verifyDkim(blobs.read(stored.body), { domains, resolver, now: clock.now() });
    if (verified.kind === "unavailable") return refused(REFUSALS.dkimUnknown);
    const submitter = verified.kind === "signed" ? submitterOfDomain(submitters, verified.domain) : null;
    return submitter === null ? refused(REFUSALS.dkimProof) : { kind: "submitter", submitter };
  }

  #logFailure(error: unknown): void {
    const fields = { code: "PST-ACC-025", cause: reasonOf(error), error: errorName(error) };
    this.#work.session.log("error", "accept_storing_failed", fields);
  }
}

/** Once the client was answered. */
/** Writes the line when called, of what was true when it was made. */
export function queuedLog(session: Session, transaction: Transaction, queued: Queued): () => void {
  const { id, sizeBytes } = queued;
  const recipients = transaction.recipientCount;
  const tls = session.wire.tls?.protocol ?? null;
  return () => session.log("info", "accept_queued", { id, sizeBytes, recipients, tls });
}

function factsOf(session: Session, submitter: Submitter): SubmitterFacts {
  const { wire, helo } = session;
  return {
    submitter: submitter.name,
    proof: submitter.proof.kind,
    peerAddress: wire.remoteAddress,
    helo: helo ?? "",
    tls: wire.tls,
  };
}

class DeadlineRace {
  readonly #timeoutMs: number;
  #isOver = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  async first<T>(work: Promise<T>): Promise<T | "late"> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => {
        this.#isOver = true;
        resolve("late");
      }, this.#timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function refused(refusal: Refusal): { readonly kind: "refused"; readonly refusal: Refusal } {
  return { kind: "refused", refusal };
}
