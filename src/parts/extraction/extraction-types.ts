/** What passes between the service and the child processes that read hostile formats. Types only. */
import type { UninspectableReason } from "../../core/findings.ts";

/** What reading one attachment may still cost; each reached limit is told as `over_budget`. */
export type ExtractionBudgets = {
  /** Characters of text, over everything inside. */
  readonly textCharsMax: number;
  /** Bytes of files handed back to be read by the service, over everything inside. */
  readonly fileBytesMax: number;
  /** Entries of archives, over everything inside. */
  readonly archiveEntriesMax: number;
  /** Archives and documents inside one another. */
  readonly archiveDepthMax: number;
  /** Bytes that inflating really makes, over everything inside. */
  readonly inflatedBytesMax: number;
  /** How many times larger than the attachment they may be, from a mebibyte on. */
  readonly inflateRatioMax: number;
  readonly timeMsMax: number;
  readonly pdfPagesMax: number;
  /** Pictures below this size are no place for a text. */
  readonly imageBytesMax: number;
  /** Larger ones handed back for their text to be read, over everything inside; 0 where nobody can. */
  readonly picturesMax: number;
};

/** A picture that may show a text, and what it counts for where that is not read. */
export type PictureItem = {
  readonly kind: "picture";
  readonly place: string;
  readonly reason: UninspectableReason;
  readonly bytes: Buffer;
};

/** `place` tells where, in numbers and words of our own, never in names of the sender: `3`, `3>1`, `2:sheet`. */
export type ExtractedItem =
  | { readonly kind: "text"; readonly place: string; readonly text: string }
  /** A name or a remark about a file, shown beside it. */
  | { readonly kind: "name"; readonly place: string; readonly text: string }
  /** A text or a message: nothing in it can hurt, and the service reads such files itself. */
  | { readonly kind: "file"; readonly place: string; readonly name: string; readonly bytes: Buffer }
  | { readonly kind: "unread"; readonly place: string; readonly reason: UninspectableReason }
  /** The content is of another kind than the name inside the archive says. */
  | { readonly kind: "misnamed"; readonly place: string };

export type ExtractionRequest = { readonly bytes: Uint8Array; readonly budgets: ExtractionBudgets };

/** Of the budgets; a reader that ended before its answer did not tell. */
export type Spent = { readonly entries: number; readonly inflatedBytes: number };

/** `tookMs` without the time it waited for a reader, and without that of pictures, of which `pictures` were tried. */
export type Extracted = {
  readonly items: readonly ExtractedItem[];
  readonly tookMs: number;
  readonly pictures: number;
  readonly spent: Spent;
};

/** Never rejects: what cannot be read is an item of kind `unread`, beside whatever was read before. */
export type ExtractContent = (request: ExtractionRequest) => Promise<Extracted>;
