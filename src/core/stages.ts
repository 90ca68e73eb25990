/** The signatures of the eight verbs, as pipeline.ts calls them. Each verb implements its own and knows no other. */
import type { BlobRef, SealUntil } from "./blob-store.ts";
import type { Capabilities, Route } from "./capabilities.ts";
import type { Envelope, EnvelopeRecipient, Mailbox } from "./envelope.ts";
import type { Findings } from "./findings.ts";
import type { RecipientId } from "./ids.ts";
import type { MimeStructure } from "./mime-structure.ts";
import type { Origin, ReportKind } from "./origin.ts";
import type { AttemptFacts, MissingExtension, Outcome } from "./outcome.ts";
import type { Parcel } from "./parcel.ts";
import type { Companion, Floor, Plan, Step } from "./plan.ts";
import type { Policy } from "./policy.ts";
import type { NewMessage, StoredMessage, StoredRecipient } from "./queue-store.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { Rung } from "./rung.ts";
import type { EnhancedStatus } from "./status.ts";
import type { Submission } from "./submission.ts";

/** What spool hands back once a body is complete: everything about the bytes that was learned in the one pass. */
export type StoredBody = { readonly body: BlobRef; readonly sha256: string; readonly mime: MimeStructure };

/** accept's door into spool: one body, streamed. */
export interface BodyIntake {
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when the body is durable, unless told that its rows will see to that. */
  finish(until?: SealUntil): Promise<StoredBody>;
  abort(): Promise<void>;
}
export type OpenIntake = () => BodyIntake;

/** Resolves when message, recipients and audit rows are durable; only then may 250 be said. Rejects: nothing was accepted. */
export type OnSubmission = (submission: Submission) => Promise<void>;

/** Reads plaintext bytes [start, end) of the message under inspection. */
export type ReadBody = (start: number, end: number) => Promise<Buffer>;

/** Never rejects for what a message says: what cannot be read is `uninspectable`. */
export type Inspect = (message: { readonly mime: MimeStructure; readonly read: ReadBody }) => Promise<Findings>;

export type Discover = (recipient: Mailbox) => Promise<Capabilities>;

export type DecideInput = {
  readonly origin: Origin;
  readonly envelope: Envelope;
  readonly recipient: EnvelopeRecipient;
  readonly findings: Findings;
  readonly capabilities: Capabilities;
  readonly policy: Policy;
  /** The strongest floor demanded before; the new one is never below it. */
  readonly previousFloor: Floor | null;
  /** A person released the review hold: rule actions of kind `hold` no longer apply, everything else does. */
  readonly holdReleased: boolean;
  readonly now: number;
};
export type Decide = (input: DecideInput) => Plan;

export type Protect = (input: {
  readonly message: StoredMessage;
  readonly step: Step;
  /** Words of the tag field of this copy; none at most times. */
  readonly tags: readonly string[];
  /** Extensions the peer was seen to lack; empty at first. */
  readonly missing: readonly MissingExtension[];
}) => Promise<
  /** `variant` may be one of message.variants, reused byte for byte. */
  | { readonly kind: "parcel"; readonly parcel: Parcel; readonly isNew: boolean }
  | { readonly kind: "unprotectable"; readonly code: ReasonCode }
>;

export type DeliveryRecipient = { readonly id: RecipientId; readonly recipient: EnvelopeRecipient };

export type DeliveryRequest = {
  readonly origin: Origin;
  readonly envelope: Envelope;
  /** All of one domain, one plan step, one variant. */
  readonly recipients: readonly [DeliveryRecipient, ...DeliveryRecipient[]];
  readonly domain: string;
  readonly route: Extract<Route, { kind: "hosts" }>;
  readonly parcel: Parcel;
  /** Called once per transaction before the final dot, with those whose RCPT was taken; the dot waits for it. Rejection: the connection is dropped, nothing was sent. */
  readonly onDot: (ids: readonly RecipientId[], seen: { readonly host: string; readonly rung: Rung }) => Promise<void>;
  readonly signal: AbortSignal;
};

export type DeliveryReport = {
  readonly attempts: readonly AttemptFacts[];
  /** Exactly one for each requested recipient. */
  readonly outcomes: ReadonlyMap<RecipientId, Outcome>;
  readonly destination: Destination;
};

/** What became known of a destination as a whole, beyond one mail. */
export type Destination =
  /** It is spoken with; so many deliveries to it may run side by side. */
  | { readonly kind: "answers"; readonly window: number }
  /** Nobody is found there: no delivery begins before so long has passed. */
  | { readonly kind: "rests"; readonly forMs: number }
  | { readonly kind: "unknown" };
export type Deliver = (request: DeliveryRequest) => Promise<DeliveryReport>;

/** One recipient a report speaks of. */
export type ReportSubject = {
  readonly recipient: StoredRecipient;
  readonly status: EnhancedStatus;
  readonly code: ReasonCode | null;
  readonly replyCode: number | null;
  readonly host: string | null;
  readonly rule?: string;
};

/** Composes mail to the sender of `message` (PHI-free, docs/flow.md) and makes its body durable; the rows are the caller's. */
export type WriteReport = (input: {
  readonly kind: ReportKind;
  readonly step: number;
  readonly message: StoredMessage;
  /** The first names the parent recipient. */
  readonly subjects: readonly [ReportSubject, ...ReportSubject[]];
  /** Until when the message is tried, or held. */
  readonly until: number;
  readonly now: number;
}) => Promise<NewMessage>;

/**
 * Composes what goes out beside `message`, and makes its body durable; the rows are the caller's. null: nobody is to be told, or
 * enough were told this hour.
 */
export type WriteCompanion = (input: {
  readonly companion: Companion;
  readonly message: StoredMessage;
  /** Of the recipients it is about: the strongest floor, and what becomes of them. */
  readonly floor: Floor;
  readonly fates: readonly Fate[];
  readonly now: number;
  readonly findings: Findings | null;
  readonly recipients: readonly Mailbox[];
  /** null: left out. A code: left out, and operators have to know why. */
}) => Promise<NewMessage | ReasonCode | null>;

/** What rules let become of a copy, as far as they say. */
export type Fate = "sent" | "held" | "refused";
