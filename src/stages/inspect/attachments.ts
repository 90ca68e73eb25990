/**
 * Attachments of one message in formats that are read elsewhere: by processes that a bad file can only end.
 * Promises: never rejects; all attachments of a message, those of messages and texts within them included, share one budget of time,
 * of files and of what inflates, and none lies deeper than it may; without readers every such attachment is `unsupported_type`. Leaves what the items mean for the message to extract.ts.
 */
import { contentKindOf, isMisnamed } from "../../parts/extraction/content-kind.ts";
import type { ContentKind } from "../../parts/extraction/content-kind.ts";
import type { ExtractContent, ExtractedItem } from "../../parts/extraction/extraction-types.ts";
import type { InspectOptions } from "./inspect-options.ts";

/** A name for what a declared type promises. */
const NAMES_BY_TYPE: ReadonlyMap<string, string> = new Map([
  ["application/pdf", "x.pdf"],
  ["application/rtf", "x.rtf"],
  ["text/rtf", "x.rtf"],
  ["application/zip", "x.zip"],
  ["application/x-zip-compressed", "x.zip"],
  ["application/gzip", "x.gz"],
  ["application/x-gzip", "x.gz"],
  ["application/x-tar", "x.tar"],
  ["application/x-bzip2", "x.bz2"],
  ["application/x-xz", "x.xz"],
  ["application/zstd", "x.zst"],
  ["application/x-7z-compressed", "x.7z"],
  ["application/vnd.rar", "x.rar"],
  ["application/x-rar-compressed", "x.rar"],
  ["application/dicom", "x.dcm"],
  ["application/pkcs7-mime", "x.p7m"],
  ["application/x-pkcs7-mime", "x.p7m"],
  ["application/postscript", "x.ps"],
  ["application/msword", "x.doc"],
  ["application/vnd.ms-excel", "x.xls"],
  ["application/vnd.ms-powerpoint", "x.ppt"],
  ["application/vnd.ms-outlook", "x.msg"],
  ["application/ms-tnef", "x.tnef"],
  ["application/vnd.ms-tnef", "x.tnef"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "x.docx"],
  ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "x.xlsx"],
  ["application/vnd.openxmlformats-officedocument.presentationml.presentation", "x.pptx"],
  ["application/vnd.oasis.opendocument.text", "x.odt"],
  ["application/vnd.oasis.opendocument.spreadsheet", "x.ods"],
  ["application/vnd.oasis.opendocument.presentation", "x.odp"],
]);

/** True where name or declared type promise another content than the bytes are. */
export function isMisdeclared(type: string, filename: string | null, kind: ContentKind): boolean {
  const promised = NAMES_BY_TYPE.get(type) ?? nameOfFamily(type);
  return isMisnamed(filename, kind) || isMisnamed(promised, kind);
}

function nameOfFamily(type: string): string | null {
  // Drawings in text, and DICOM under its other name (RFC 3240, PS3.18).
  if (type === "image/svg+xml") return "x.svg";
  if (type.startsWith("image/")) return type === "image/dicom+rle" ? "x.dcm" : "x.png";
  if (type.startsWith("audio/") || type.startsWith("video/")) return "x.mp4";
  return type.startsWith("text/") ? "x.txt" : null;
}

/** Where a file stands, and in how many others. */
export type Place = { readonly path: string; readonly nesting: number; readonly message: number };

/** Containers of one attachment around what lies in this place of it; that of Outlook is none of the mail it holds. */
export function depthOf(place: string): number {
  return place === "" ? 0 : place.split(">").length;
}

export class Attachments {
  readonly #extract: ExtractContent | null;
  readonly #options: InspectOptions;
  readonly #monotonic: () => number;
  #msLeft: number;
  #waitedMs = 0;
  #picturesLeft: number;
  #entriesLeft: number;
  #inflatedBytesLeft: number;

  constructor(extract: ExtractContent | null, options: InspectOptions, monotonic: () => number) {
    this.#extract = extract;
    this.#options = options;
    this.#monotonic = monotonic;
    this.#entriesLeft = options.archiveEntriesMax;
    this.#inflatedBytesLeft = options.inflatedBytesMax;
    this.#msLeft = options.attachmentTimeMsMax;
    this.#picturesLeft = extract === null ? 0 : options.picturesMax;
  }

  /** Somebody reads the text of pictures, and has not read too many yet. */
  get takesPictures(): boolean {
    return this.#picturesLeft > 0;
  }

  /** Time spent on readers and waiting for them, which is none of the message's time for its texts. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** `nesting`: how many files, and messages within attachments, it stands in. */
  async read(
    bytes: Buffer,
    { charsLeft, nesting }: { readonly charsLeft: number; readonly nesting: number },
  ): Promise<readonly ExtractedItem[]> {
    if (this.#extract === null) return [{ kind: "unread", place: "", reason: "unsupported_type" }];
    const { partBytesMax, archiveDepthMax, inflateRatioMax, pdfPagesMax } = this.#options;
    const timeMsMax = Math.ceil(this.#msLeft);
    if (timeMsMax <= 0 || charsLeft <= 0 || nesting >= archiveDepthMax)
      return [{ kind: "unread", place: "", reason: "over_budget" }];
    const begun = this.#monotonic();
    const { items, tookMs, pictures, spent } = await this.#extract({
      bytes,
      budgets: {
        textCharsMax: charsLeft,
        fileBytesMax: partBytesMax,
        archiveEntriesMax: Math.max(0, this.#entriesLeft),
        archiveDepthMax: archiveDepthMax - nesting,
        inflatedBytesMax: Math.max(0, this.#inflatedBytesLeft),
        inflateRatioMax,
        timeMsMax,
        pdfPagesMax,
        // A picture by itself is small enough only where the message says so.
        imageBytesMax: contentKindOf(bytes).kind === "image" ? 0 : this.#options.inlineImageBytesMax,
        picturesMax: this.#picturesLeft,
      },
    });
    this.#msLeft -= tookMs;
    this.#picturesLeft -= pictures;
    this.#entriesLeft -= spent.entries;
    this.#inflatedBytesLeft -= spent.inflatedBytes;
    this.#waitedMs += this.#monotonic() - begun;
    return items;
  }
}
