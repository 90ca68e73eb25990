/** What may be asked of the writer thread, and how it answers. Plain values only: they are copied between threads. */
import type { MessagePort } from "node:worker_threads";
import type { ActorFacts } from "../../core/actor.ts";
import type { BlobMove } from "../../core/blob-store.ts";
import type { AuditRow } from "../../core/event.ts";
import type { FailpointOrder } from "../../core/failpoint.ts";
import type { ClaimShares, Deadlines, QueueCounts } from "../../core/queue-store.ts";
import type { ApprovalChange, ApprovalQuery, ApprovalRequest } from "../../core/review.ts";
import type { ChainHead, EventRow, MarkKind, SignableTip } from "./audit-chain.ts";
import type { MigrationReport } from "./migrations.ts";
import type { RedoPage } from "./redo-ring.ts";
import type { SealedColumnName } from "./sealed-columns.ts";
import type {
  BlobRow,
  LegalHoldRow,
  NewBlobRow,
  NewMessageRows,
  PatchRow,
  RecipientRow,
  StoredMessageRows,
  VariantRow,
  WaitingRow,
} from "./sqlite-rows.ts";
import type { ScanRows } from "./sqlite-scan.ts";
import type { DomainFactRow, NewDomainFactRow } from "./writer-domain-facts.ts";
import type { StoreFailure } from "./sqlite-store-error.ts";

export type CommitRows = {
  /** For `ended_at`. */
  readonly now: number;
  readonly variants: readonly { readonly variant: VariantRow; readonly blobs: readonly NewBlobRow[] }[];
  readonly findings: { readonly messageId: string; readonly sealed: string } | null;
  readonly events: readonly EventRow[];
  readonly recipients: readonly {
    readonly id: string;
    readonly fence: number;
    readonly patch: PatchRow;
    readonly events: readonly EventRow[];
    readonly children: readonly NewMessageRows[];
  }[];
  readonly approvals: readonly ApprovalChange[];
};

export type RecipientFilterRows = {
  readonly states?: readonly string[];
  readonly messageId?: string;
  /** One for each key that still opens. */
  readonly addressIndexes?: readonly string[];
  readonly limit: number;
};

/** A page of a table: rows in the walked stretch that need another key, and where the next stretch begins; null: the table is over. */
export type StretchOf<Row, Place> = { readonly rows: readonly Row[]; readonly next: Place | null };
export type SealedRow = { readonly id: string; readonly sealed: string };
export type WrappedRow = { readonly locator: string; readonly wrapped_key: string };

type LeaseRow = { readonly owner: string; readonly until: number };

/** Every call with its arguments and its result. */
export type WriterCalls = {
  accept: { args: NewMessageRows; result: null };
  claim: {
    args: { now: number; limit: number; lease: LeaseRow; shares: ClaimShares | null };
    /** `isWhole`: all that is due was looked at. */
    result: { readonly rows: readonly RecipientRow[]; readonly isWhole: boolean };
  };
  rest: { args: { lane: string; until: number | null }; result: null };
  waiting: { args: { now: number; limit: number }; result: readonly WaitingRow[] };
  claimThese: { args: { ids: readonly string[]; now: number; lease: LeaseRow }; result: readonly RecipientRow[] };
  renew: {
    args: { claims: readonly { recipientId: string; fence: number }[]; until: number };
    result: null;
  };
  commit: { args: CommitRows; result: { stale: readonly string[]; children: readonly string[] } };
  recover: { args: { now: number; ambiguousDueAt: number }; result: { resumed: number; ambiguous: number } };
  reap: { args: { endedBefore: number; limit: number }; result: readonly BlobRow[] };
  message: { args: { id: string }; result: StoredMessageRows | null };
  recipients: { args: RecipientFilterRows; result: readonly RecipientRow[] };
  approvals: { args: ApprovalQuery; result: readonly ApprovalRequest[] };
  scan: { args: ScanRows; result: readonly RecipientRow[] };
  counts: { args: null; result: QueueCounts };
  deadlines: { args: { before: number }; result: Deadlines };
  nextDueAt: { args: { now: number }; result: number | null };
  refsUnder: { args: { prefix: string; after: string; limit: number }; result: readonly BlobRow[] };
  referredTo: { args: { locators: readonly string[] }; result: readonly string[] };
  repoint: { args: { moves: readonly BlobMove[] }; result: readonly string[] };
  redoRecords: { args: { after: number }; result: RedoPage };
  forgetRedoRecords: { args: null; result: null };
  fact: { args: { kind: string; indexes: readonly string[] }; result: DomainFactRow | null };
  factsDue: { args: { kind: string; now: number; limit: number }; result: readonly DomainFactRow[] };
  factPage: { args: { kind: string; after: string; limit: number }; result: readonly DomainFactRow[] };
  putFacts: { args: { kind: string; rows: readonly NewDomainFactRow[]; factsMax: number }; result: null };
  removeFacts: { args: { kind: string; indexes: readonly string[] }; result: null };
  postponeFacts: { args: { ids: readonly string[]; lookAt: number }; result: null };
  forgetFacts: { args: { now: number; limit: number }; result: number };
  foreignSeals: {
    args: { column: SealedColumnName; mark: string; after: number };
    result: StretchOf<SealedRow, number>;
  };
  reseal: {
    args: {
      column: SealedColumnName;
      rows: readonly { id: string; from: string; to: string; index?: string }[];
    };
    result: number;
  };
  foreignWraps: { args: { mark: string; after: string }; result: StretchOf<WrappedRow, string> };
  rewrap: { args: { rows: readonly { locator: string; from: string; to: string }[] }; result: number };
  markRestored: {
    args: { now: number; backupAt: string; head: ChainHead; actor: string; reason: string };
    result: { open: number };
  };
  auditPage: { args: { fromSeq: number; rowsMax: number }; result: readonly AuditRow[] };
  auditOf: { args: { messageId: string; rowsMax: number }; result: readonly AuditRow[] };
  auditHead: { args: null; result: ChainHead };
  auditTip: { args: null; result: SignableTip };
  auditMarks: { args: { kind: MarkKind; beforeSeq: number; rowsMax: number }; result: readonly AuditRow[] };
  chainId: { args: null; result: string | null };
  removable: { args: { before: number; rowsMax: number }; result: { first: number; through: number } };
  anchor: { args: { event: EventRow; throughSeq: number }; result: null };
  trim: { args: { rowsMax: number }; result: number };
  addHold: { args: Omit<LegalHoldRow, "id" | "actor"> & { by: ActorFacts }; result: LegalHoldRow | null };
  liftHold: { args: { id: number; at: number; by: ActorFacts; reason: string }; result: LegalHoldRow | null };
};

export type WriterCall = {
  readonly [K in keyof WriterCalls]: { readonly kind: K; readonly args: WriterCalls[K]["args"] };
}[keyof WriterCalls];

/** Calls that write nothing. */
const READS: ReadonlySet<keyof WriterCalls> = new Set([
  "message",
  "recipients",
  "approvals",
  "scan",
  "counts",
  "deadlines",
  "nextDueAt",
  "refsUnder",
  "referredTo",
  "redoRecords",
  "fact",
  "factsDue",
  "factPage",
  "foreignSeals",
  "foreignWraps",
  "auditPage",
  "auditOf",
  "auditHead",
  "auditTip",
  "auditMarks",
  "chainId",
  "removable",
]);

export function isRead({ kind }: WriterCall): boolean {
  return READS.has(kind);
}

/** `isDurable`: the answer waits until the disk confirmed; otherwise it only keeps its place in the order. */
export type WriterRequest = { readonly id: number; readonly isDurable: boolean; readonly call: WriterCall };

export type WriterAnswer =
  | { readonly id: number; readonly kind: "done"; readonly result: unknown }
  | { readonly id: number; readonly kind: "failed"; readonly failure: StoreFailure };

export type ToWriter =
  { readonly kind: "requests"; readonly requests: readonly WriterRequest[] } | { readonly kind: "close" };

export type FromWriter =
  | { readonly kind: "opened"; readonly migration: MigrationReport }
  | { readonly kind: "refused"; readonly failure: StoreFailure }
  | { readonly kind: "answers"; readonly answers: readonly WriterAnswer[] }
  /** The store latched: nothing more is taken before a restart. */
  | { readonly kind: "unhealthy"; readonly failure: StoreFailure };

export type WriterThreadArguments = {
  readonly path: string;
  readonly owner: string;
  readonly now: number;
  readonly port: MessagePort;
  /** For tests of durability; empty otherwise. */
  readonly failpoints: readonly FailpointOrder[];
};
