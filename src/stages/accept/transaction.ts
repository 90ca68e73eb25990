/**
 * One mail transaction from MAIL to its end (RFC 5321 section 3.3), and the message that streams into it.
 * Promises: a recipient named twice is kept once; after the first refusal nothing more is written, and nothing is kept.
 */
import type { SealUntil } from "../../core/blob-store.ts";
import type { Envelope, EnvelopeRecipient } from "../../core/envelope.ts";
import { reached } from "../../core/failpoint.ts";
import type { BodyIntake, StoredBody } from "../../core/stages.ts";
import { mailboxKey } from "../../parts/smtp/mailbox.ts";
import type { BodyDefect } from "./dot-filter.ts";
import { HeaderWatch } from "./header-watch.ts";
import type { HeaderFacts } from "./header-watch.ts";
import type { NewlineFilter } from "./newline-filter.ts";
import type { AcceptLimits } from "./options.ts";
import type { Pace } from "./pace.ts";
import type { Standing } from "./proof.ts";
import { REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";

export class Transaction {
  readonly envelope: Envelope;
  readonly standing: Extract<Standing, { kind: "proven" | "pending" }>;
  /** Announced with SIZE; 0 where nothing was. */
  readonly announcedBytes: number;
  readonly #recipients = new Map<string, EnvelopeRecipient>();
  /** The message, once its first BDAT chunk came. */
  chunked: ChunkedMessage | null = null;

  constructor(envelope: Envelope, standing: Extract<Standing, { kind: "proven" | "pending" }>, announcedBytes: number) {
    this.envelope = envelope;
    this.standing = standing;
    this.announcedBytes = announcedBytes;
  }

  get recipients(): readonly EnvelopeRecipient[] {
    return [...this.#recipients.values()];
  }

  get recipientCount(): number {
    return this.#recipients.size;
  }

  /** False where there is no room for another one. */
  add(recipient: EnvelopeRecipient, recipientsMax: number): boolean {
    const key = mailboxKey(recipient.mailbox);
    if (this.#recipients.has(key)) return true;
    if (this.#recipients.size >= recipientsMax) return false;
    this.#recipients.set(key, recipient);
    return true;
  }

  async abort(): Promise<void> {
    await this.chunked?.message.abort();
    this.chunked = null;
  }
}

/** A message that comes in BDAT chunks, with the filter that spans them. */
export type ChunkedMessage = {
  readonly message: IncomingMessage;
  readonly filter: NewlineFilter;
  readonly pace: Pace;
};

type IncomingOptions = {
  readonly limits: AcceptLimits;
  /** Header names whose values matter. */
  readonly watch: readonly string[];
  /** Told when the intake fails; the peer is only told to try again. */
  readonly onIntakeError: (error: unknown) => void;
  /** Takes over the removal of what was written: a disk that hangs must not keep the peer from its answer. */
  readonly supervise: (work: Promise<void>) => void;
};

/** Filtered message bytes on their way into the spool. */
export class IncomingMessage {
  readonly #intake: BodyIntake;
  readonly #options: IncomingOptions;
  readonly #headers: HeaderWatch;
  #sizeBytes = 0;
  #refusal: Refusal | null = null;
  /** Finished or aborted: either happens once. */
  #isSettled = false;

  constructor(intake: BodyIntake, options: IncomingOptions) {
    this.#intake = intake;
    this.#options = options;
    this.#headers = new HeaderWatch(options.watch, options.limits.headerBytesMax);
  }

  get refusal(): Refusal | null {
    return this.#refusal;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  headerFacts(): HeaderFacts {
    return this.#headers.facts();
  }

  /** Writes what the filter let through; a defect it met refuses the message. */
  async take(segments: readonly Buffer[], defect: BodyDefect | null): Promise<void> {
    if (defect !== null) await this.refuse(DEFECT_REFUSALS[defect]);
    if (segments.length === 0 || this.#refusal !== null) return;
    // One write for a piece, into however many segments its dots and line breaks cut it.
    const [only] = segments;
    const bytes = only !== undefined && segments.length === 1 ? only : Buffer.concat(segments);
    const isFirst = this.#sizeBytes === 0;
    this.#sizeBytes += bytes.length;
    this.#headers.push(bytes);
    if (this.#sizeBytes > this.#options.limits.messageBytesMax) await this.refuse(REFUSALS.tooLarge);
    else if (this.#headers.isTooLong) await this.refuse(REFUSALS.headerTooLong);
    else await this.#write(bytes);
    if (isFirst) await reached("accept.first-byte");
  }

  /** The first refusal stands, and what was written is forgotten at once. */
  async refuse(refusal: Refusal): Promise<void> {
    this.#refusal ??= refusal;
    await this.abort();
  }

  /** Completes the body. From here on abort() does nothing: a body the queue may know is disowned, never torn away. */
  async finish(until: SealUntil): Promise<StoredBody> {
    this.#isSettled = true;
    try {
      return await this.#intake.finish(until);
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  async abort(): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#forget();
  }

  #forget(): void {
    const { onIntakeError, supervise } = this.#options;
    // Recovery at start reclaims what an abort could not; the peer was not told 250.
    supervise(this.#intake.abort().catch(onIntakeError));
  }

  async #write(segment: Buffer): Promise<void> {
    const { handlerTimeoutMs } = this.#options.limits;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), handlerTimeoutMs);
    });
    try {
      const came = await Promise.race([this.#intake.write(segment), late]);
      if (came === "late") await this.refuse(REFUSALS.tooSlow);
    } catch (error) {
      this.#options.onIntakeError(error);
      await this.refuse(REFUSALS.notStored);
    } finally {
      clearTimeout(timer);
    }
  }
}

const DEFECT_REFUSALS: Readonly<Record<BodyDefect, Refusal>> = {
  "bare-newline": REFUSALS.bareNewline,
  nul: REFUSALS.nul,
  "line-too-long": REFUSALS.lineOfMessageTooLong,
};
