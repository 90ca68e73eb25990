/**
 * The seam under every stored body. Bodies are always encrypted at rest, each under its own key, and a blob is shredded
 * by forgetting its wrapped key. Implementations share one behavioural suite (src/parts/store/blob-store.suite.ts).
 */

export type BlobRef = {
  /** Where the blob lies; opaque to callers, safe in logs. */
  readonly locator: string;
  readonly sizeBytes: number;
  /** The blob's key wrapped by the spool KEK, base64. Without it the blob cannot be read. */
  readonly wrappedKey: string;
  /** Unset: durable. Otherwise who stores a row that refers to the blob makes it durable with the row, in one transaction. */
  readonly pending?: PendingRecord;
};

/** A blob as it is stored, for its place in a file whose name is durable. */
export type PendingRecord = {
  readonly path: string;
  readonly position: number;
  readonly record: Uint8Array;
};

/** A blob that became durable with its row, and where it belongs; what is there may have been lost with the power. */
export type RedoRecord = { readonly locator: string; readonly record: Uint8Array };

/** `with-rows`: a small body may be left to the rows (`pending`), durable as soon as one refers to it; until then nobody reads it. */
export type SealUntil = "durable" | "with-rows";

export interface BlobWriter {
  /** Resolves when more may be written: back-pressure reaches the peer. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves once payload and directory entry are durable, unless told otherwise. Rejects when the disk would not say so. */
  seal(until?: SealUntil): Promise<BlobRef>;
  /** Forgets what was written; safe after any failure, idempotent. */
  abort(): Promise<void>;
}

/** What rows refer to: asked in small portions, never listed whole, so that nothing here grows with the queue. */
export interface BlobReferences {
  /** Which of these locators a row refers to. */
  referredTo(locators: readonly string[]): Promise<ReadonlySet<string>>;
  /** References whose locator begins with `prefix`, ordered by locator, after `after`. */
  refsUnder(query: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly BlobRef[]>;
  /** Rows that refer to `from` refer to `to` from now on, all in one durable transaction; resolves to those `from` that some row did. */
  repoint(moves: readonly BlobMove[]): Promise<ReadonlySet<string>>;
}

/** What the rows hold of bodies besides: see PendingRecord. */
export interface RedoLog {
  /** A portion from `after` on, which begins as 0; `next` is null behind the last. */
  redoRecords(after: number): Promise<{ readonly records: readonly RedoRecord[]; readonly next: number | null }>;
  /** All of them are durable where they belong. */
  forgetRedoRecords(): Promise<void>;
}

export type BlobMove = { readonly from: string; readonly to: string };

export type TidyOptions = {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Bytes that may be copied in this run. */
  readonly copyBytesMax: number;
  readonly signal: AbortSignal;
};

export type Tidied = {
  /** Files removed. */
  readonly dropped: number;
  /** Bodies that lie elsewhere now, and their bytes. */
  readonly moved: number;
  readonly copiedBytes: number;
};

export interface BlobStore {
  create(): BlobWriter;
  /** Streams plaintext bytes [start, end). Every byte yielded was authenticated. Rejects on damage, never truncates. */
  read(ref: BlobRef, range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
  /** Reads it whole; rejects with RangeError when it is larger than bytesMax. */
  readAll(ref: BlobRef, bytesMax: number): Promise<Buffer>;
  /** Rows refer to these now. Until then, or until they are released or disowned, their space is not reclaimed. */
  keep(refs: readonly BlobRef[]): void;
  /** No row refers to these, as far as is known; `tidy` asks before it reclaims them. */
  disown(refs: readonly BlobRef[]): void;
  /** The row that held the reference is surely gone: the space may be reclaimed. Idempotent. */
  release(refs: readonly BlobRef[]): Promise<void>;
  /**
   * At start, before anything is stored: what became durable with its rows only is brought to its place; what an earlier life left
   * and no row refers to was never acknowledged, or is released, and goes. Takes as long as there are files, not rows.
   */
  recover(references: BlobReferences & RedoLog): Promise<{ readonly reclaimed: number }>;
  /** Beside the mail: locators that rows refer to and that are gone or cut short. Looks at one after the other, with pauses. */
  verify(references: BlobReferences, signal: AbortSignal): Promise<{ readonly missing: readonly string[] }>;
  /** Beside the mail: reclaims what no row refers to, and copies what is left of files that are mostly dead. */
  tidy(references: BlobReferences, options: TidyOptions): Promise<Tidied>;
  close(): Promise<void>;
}
