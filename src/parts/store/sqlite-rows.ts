/** The rows of the state database as they cross between the event loop and the writer thread: sealed text and plain facts. */
import type { PendingRecord } from "../../core/blob-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import type { EventRow } from "./audit-chain.ts";

export type BlobRow = { readonly locator: string; readonly size_bytes: number; readonly wrapped_key: string };
/** With the body, where that becomes durable with the row; see redo-ring.ts. */
export type NewBlobRow = BlobRow & { readonly pending: PendingRecord | null };

export type MessageRow = {
  readonly id: string;
  readonly origin: string;
  readonly received_at: number;
  readonly expires_at: number;
  readonly sha256: string;
  readonly body_locator: string;
  /** Envelope, submitter, parent and MIME structure. */
  readonly sealed: string;
};

export type VariantRow = { readonly id: string; readonly message_id: string; readonly sealed: string };

/** What a recipient is born with. */
export type NewRecipientRow = {
  readonly id: string;
  readonly message_id: string;
  readonly ordinal: number;
  readonly address_index: string;
  readonly lane: string;
  readonly sender: string;
  readonly sealed: string;
  readonly state: RecipientState;
  readonly fence: number;
  readonly due_at: number;
  readonly lease_owner: string | null;
  readonly lease_until: number | null;
};

export type RecipientRow = NewRecipientRow & {
  readonly attempts: number;
  readonly sealed_plan: string | null;
  readonly step_index: number;
  readonly variant_id: string | null;
  readonly unmet_since: number | null;
  readonly possible_duplicate: number;
  readonly deadline_at: number | null;
  readonly hold_released: number;
  readonly notices_sent: number;
  readonly last_code: string | null;
  readonly sealed_reply: string | null;
  readonly last_host: string | null;
};

/** A due recipient of a lane that rests: nothing sealed. */
export type WaitingRow = Pick<
  RecipientRow,
  "id" | "message_id" | "fence" | "state" | "attempts" | "unmet_since" | "deadline_at" | "notices_sent" | "last_host"
> & { readonly received_at: number; readonly expires_at: number };

/** The columns a transition may change, in the order they are written. */
export const PATCH_COLUMNS = [
  "state",
  "due_at",
  "attempts",
  "sealed_plan",
  "step_index",
  "variant_id",
  "unmet_since",
  "possible_duplicate",
  "deadline_at",
  "hold_released",
  "notices_sent",
  "last_code",
  "sealed_reply",
  "last_host",
  "lease_owner",
  "lease_until",
] as const;
export type PatchRow = { readonly [K in (typeof PATCH_COLUMNS)[number]]?: RecipientRow[K] };

export type ParentRow = { readonly recipientId: string; readonly kind: string; readonly step: number };

/** Everything one new message writes. */
export type NewMessageRows = {
  readonly message: MessageRow;
  readonly blobs: readonly NewBlobRow[];
  readonly recipients: readonly NewRecipientRow[];
  readonly parent: ParentRow | null;
  readonly events: readonly EventRow[];
};

/** Everything one stored message reads. */
export type StoredMessageRows = {
  readonly message: MessageRow & { readonly sealed_findings: string | null };
  readonly blobs: readonly BlobRow[];
  readonly variants: readonly VariantRow[];
};

/** Of one message (`message_id`), or of all between two times (`since`, `until` or open). */
export type LegalHoldRow = {
  readonly id: number;
  readonly message_id: string | null;
  readonly since: number | null;
  readonly until: number | null;
  readonly placed_at: number;
  readonly actor: string;
  readonly reason: string;
};
