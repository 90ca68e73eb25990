/**
 * Records the MIME structure of a message while it streams by (RFC 2045, RFC 2046, RFC 5322).
 * Promises: one pass; the same result for every split into chunks; never throws for what a message says; memory bound by
 * `headerBytesMax`, `partsMax` and the boundary length, not by the message. Hitting a limit is a defect, not an error.
 * Leaves decoding to decode-body.ts: a message/rfc822 part in base64 or quoted-printable has no children here.
 */
import { isAscii } from "node:buffer";
import type { MimeDefect, MimePart, MimeStructure } from "../../core/mime-structure.ts";
import { BOUNDARY_BYTES_MAX, isEmbeddedMessage, isIdentity, readPartFacts } from "./part-facts.ts";
import type { PartFacts } from "./part-facts.ts";

export type MimeLimits = {
  /** Containers within containers. */
  readonly depthMax: number;
  /** Parts of a message, containers counted. */
  readonly partsMax: number;
  /** Of one header section. */
  readonly headerBytesMax: number;
};

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;
/** Two dashes before, two after, and white space some relays add. */
const DELIMITER_BYTES_MAX = BOUNDARY_BYTES_MAX + 80;

type Frame = {
  readonly headerStart: number;
  /** Path of children is `${childPrefix}.${n}`. */
  path: string;
  childPrefix: string;
  readonly defaultType: string;
  bodyStart: number;
  bodyEnd: number;
  facts: PartFacts;
  /** `--boundary`, for an open or ended multipart. */
  delimiter: Buffer | null;
  isEnded: boolean;
  readonly isEmbeddedRoot: boolean;
  readonly children: Frame[];
};

const NOTHING = Buffer.alloc(0);
const NO_FACTS: PartFacts = readPartFacts(Buffer.alloc(0), "text/plain");

export class MimeScanner {
  readonly #limits: MimeLimits;
  readonly #root: Frame;
  readonly #stack: Frame[];
  readonly #defects = new Set<MimeDefect>();
  #chunk: Buffer = NOTHING;
  /** Of a header section that began in an earlier chunk. */
  #headerBefore: Buffer[] = [];
  #headerBeforeBytes = 0;
  #isInHeader = true;
  #isFull = false;
  #parts = 1;
  /** Bytes of all chunks before the current one. */
  #offset = 0;
  /** The beginning of a line whose end has not come yet; only its first bytes are kept. Made when first needed. */
  #held: Buffer = NOTHING;
  #heldBytes = 0;
  #heldEndsWithCr = false;
  #previousLineEnd = 0;
  #longestLine = 0;
  #has8bitHeader = false;
  #has8bitBody = false;

  constructor(limits: MimeLimits) {
    this.#limits = limits;
    this.#root = newFrame({ headerStart: 0, path: "", defaultType: "text/plain", isEmbeddedRoot: true });
    this.#stack = [this.#root];
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#chunk = chunk;
    let at = 0;
    let regionStart = 0;
    while (at < chunk.length) {
      if (!this.#isInHeader && this.#heldBytes === 0) at = this.#skipBodyLines(chunk, at);
      const lf = chunk.indexOf(LF, at);
      const wasInHeader = this.#isInHeader;
      if (lf === -1) {
        this.#hold(chunk, at);
        break;
      }
      this.#endLine(chunk, at, lf);
      at = lf + 1;
      if (wasInHeader !== this.#isInHeader) {
        this.#note8bit(chunk.subarray(regionStart, at), wasInHeader);
        regionStart = at;
      }
    }
    this.#note8bit(chunk.subarray(regionStart), this.#isInHeader);
    if (this.#isInHeader) this.#keepHeader();
    this.#offset += chunk.length;
    this.#chunk = NOTHING;
  }

  end(): MimeStructure {
    const size = this.#offset;
    if (this.#heldBytes > 0) {
      const start = size - this.#heldBytes;
      this.#line({ start, contentEnd: size, next: size, head: this.#held, headAt: 0 });
    }
    while (this.#isInHeader) this.#endHeader(size);
    this.#close(0, size);
    return {
      root: partOf(this.#root),
      sizeBytes: size,
      has8bitHeader: this.#has8bitHeader,
      has8bitBody: this.#has8bitBody,
      longestLine: this.#longestLine,
      defects: [...this.#defects].sort(),
    };
  }

  /** Runs over whole lines of a body that cannot be delimiters; returns where the first other line begins. */
  #skipBodyLines(chunk: Buffer, from: number): number {
    const watches = this.#stack.some((frame) => frame.delimiter !== null) && !this.#isFull;
    let at = from;
    let longest = this.#longestLine;
    let contentEnd = -1;
    for (;;) {
      if (watches && chunk[at] === DASH) break;
      const lf = chunk.indexOf(LF, at);
      if (lf === -1) break;
      contentEnd = lf > at && chunk[lf - 1] === CR ? lf - 1 : lf;
      if (contentEnd - at > longest) longest = contentEnd - at;
      at = lf + 1;
    }
    this.#longestLine = longest;
    if (contentEnd !== -1) this.#previousLineEnd = this.#offset + contentEnd;
    return at;
  }

  /** The section goes on in the next chunk. */
  #keepHeader(): void {
    const from = this.#inChunk(this.#stack.at(-1)?.headerStart ?? 0);
    const kept = Buffer.from(this.#chunk.subarray(from, from + this.#limits.headerBytesMax - this.#headerBeforeBytes));
    this.#headerBefore.push(kept);
    this.#headerBeforeBytes += kept.length;
  }

  /** The section from `start` to `end`, as far as the limit allows. */
  #takeHeader(start: number, end: number): Buffer {
    const { headerBytesMax } = this.#limits;
    if (end - start > headerBytesMax) this.#defects.add("header_limit");
    const here = this.#chunk.subarray(this.#inChunk(start), this.#inChunk(end));
    const whole = this.#headerBefore.length === 0 ? here : Buffer.concat([...this.#headerBefore, here]);
    this.#headerBefore = [];
    this.#headerBeforeBytes = 0;
    // Where a delimiter that began in an earlier chunk ends the section, it was kept too.
    return whole.subarray(0, Math.min(end - start, headerBytesMax));
  }

  /** Where the byte at `offset` of the message lies in the chunk, or where those behind it begin. */
  #inChunk(offset: number): number {
    return Math.max(0, offset - this.#offset);
  }

  #hold(chunk: Buffer, from: number): void {
    if (this.#held === NOTHING) this.#held = Buffer.allocUnsafe(DELIMITER_BYTES_MAX);
    if (this.#heldBytes < this.#held.length) chunk.copy(this.#held, this.#heldBytes, from);
    this.#heldBytes += chunk.length - from;
    if (chunk.length > from) this.#heldEndsWithCr = chunk[chunk.length - 1] === CR;
  }

  #endLine(chunk: Buffer, from: number, lf: number): void {
    const next = this.#offset + lf + 1;
    const held = this.#heldBytes;
    const endsWithCr = lf > from ? chunk[lf - 1] === CR : held > 0 && this.#heldEndsWithCr;
    const contentEnd = this.#offset + lf - (endsWithCr ? 1 : 0);
    if (held === 0) {
      this.#line({ start: this.#offset + from, contentEnd, next, head: chunk, headAt: from });
      return;
    }
    if (held < this.#held.length) chunk.copy(this.#held, held, from, lf);
    this.#heldBytes = 0;
    this.#line({ start: this.#offset + from - held, contentEnd, next, head: this.#held, headAt: 0 });
  }

  /** One whole line; `head` holds its first bytes from `headAt`. */
  #line(line: Line): void {
    const length = line.contentEnd - line.start;
    if (length > this.#longestLine) this.#longestLine = length;
    if (
      length >= 3 &&
      line.head[line.headAt] === DASH &&
      line.head[line.headAt + 1] === DASH &&
      this.#delimiter(line)
    ) {
      this.#previousLineEnd = line.contentEnd;
      return;
    }
    this.#previousLineEnd = line.contentEnd;
    if (this.#isInHeader && length === 0) this.#endHeader(line.next);
  }

  /** True when the line was a delimiter and has been acted on. */
  #delimiter(line: Line): boolean {
    if (this.#isFull) return false;
    const length = line.contentEnd - line.start;
    const text = line.head.subarray(line.headAt, line.headAt + Math.min(length, DELIMITER_BYTES_MAX));
    const found = length > DELIMITER_BYTES_MAX ? null : (this.#match(text, false) ?? this.#match(text, true));
    if (found === null) {
      if (this.#begins(text)) this.#defects.add("ambiguous_boundary");
      return false;
    }
    const { index, isClosing } = found;
    const frame = this.#stack[index];
    if (frame === undefined) return false;
    while (this.#isInHeader) this.#endHeader(line.start, true);
    this.#close(index + 1, this.#previousLineEnd);
    frame.isEnded = isClosing;
    if (!isClosing) this.#beginChild(frame, line.next);
    return true;
  }

  /** Innermost first; a multipart that has ended answers only where no open one does. */
  #match(text: Buffer, ended: boolean): { readonly index: number; readonly isClosing: boolean } | null {
    for (let index = this.#stack.length - 1; index >= 0; index--) {
      const frame = this.#stack[index];
      const delimiter = frame?.delimiter ?? null;
      if (delimiter === null || frame?.isEnded !== ended) continue;
      const size = delimiter.length;
      if (text.length < size || delimiter.compare(text, 0, size) !== 0) continue;
      if (isPadding(text, size)) return { index, isClosing: false };
      if (text[size] === DASH && text[size + 1] === DASH && isPadding(text, size + 2))
        return { index, isClosing: true };
    }
    return null;
  }

  /** Begins like the delimiter of a multipart that is open. */
  #begins(text: Buffer): boolean {
    return this.#stack.some(({ delimiter, isEnded }) => {
      if (delimiter === null || isEnded || text.length < delimiter.length) return false;
      return delimiter.compare(text, 0, delimiter.length) === 0;
    });
  }

  #beginChild(parent: Frame, headerStart: number): void {
    if (this.#parts >= this.#limits.partsMax) {
      this.#defects.add("part_limit");
      this.#isFull = true;
      return;
    }
    this.#parts++;
    const ordinal = parent.children.length + 1;
    const child = newFrame({
      headerStart,
      path: parent.childPrefix === "" ? `${ordinal}` : `${parent.childPrefix}.${ordinal}`,
      defaultType: parent.facts.contentType === "multipart/digest" ? "message/rfc822" : "text/plain",
      isEmbeddedRoot: false,
    });
    parent.children.push(child);
    this.#stack.push(child);
    this.#isInHeader = true;
  }

  /** The header section of the innermost part is complete; its body begins at `bodyStart`. */
  #endHeader(bodyStart: number, isCut = false): void {
    this.#isInHeader = false;
    const frame = this.#stack.at(-1);
    if (frame === undefined) return;
    frame.facts = readPartFacts(this.#takeHeader(frame.headerStart, bodyStart), frame.defaultType);
    frame.bodyStart = bodyStart;
    for (const defect of frame.facts.defects) this.#defects.add(defect);
    const { contentType, boundary, encoding } = frame.facts;
    if (frame.isEmbeddedRoot) placeEmbeddedRoot(frame, contentType.startsWith("multipart/"));
    const opensMessage = isEmbeddedMessage(contentType) && isIdentity(encoding) && !isCut;
    if (boundary === null && !opensMessage) return;
    if (this.#stack.length > this.#limits.depthMax) {
      this.#defects.add("depth_limit");
      return;
    }
    if (boundary !== null) frame.delimiter = Buffer.from(`--${boundary}`, "utf8");
    else this.#beginEmbedded(frame, bodyStart);
  }

  #beginEmbedded(parent: Frame, headerStart: number): void {
    if (this.#parts >= this.#limits.partsMax) {
      this.#defects.add("part_limit");
      return;
    }
    this.#parts++;
    const child = newFrame({ headerStart, path: parent.path, defaultType: "text/plain", isEmbeddedRoot: true });
    parent.children.push(child);
    this.#stack.push(child);
    this.#isInHeader = true;
  }

  /** Ends every frame from `index` inwards. */
  #close(index: number, end: number): void {
    let innerEnd = end;
    while (this.#stack.length > index) {
      const frame = this.#stack.pop();
      if (frame === undefined) return;
      // An empty body ends where it begins, past the line break its delimiter would claim; so do those around it.
      frame.bodyEnd = Math.max(frame.bodyStart, innerEnd);
      innerEnd = frame.bodyEnd;
      if (frame.delimiter !== null && !frame.isEnded && !this.#isFull) this.#defects.add("unclosed_multipart");
    }
  }

  #note8bit(region: Buffer, isHeader: boolean): void {
    if (region.length === 0 || (isHeader ? this.#has8bitHeader : this.#has8bitBody) || isAscii(region)) return;
    if (isHeader) this.#has8bitHeader = true;
    else this.#has8bitBody = true;
  }
}

type Line = {
  readonly start: number;
  /** Without the line break. */
  readonly contentEnd: number;
  readonly next: number;
  readonly head: Buffer;
  readonly headAt: number;
};

function newFrame(of: Pick<Frame, "headerStart" | "path" | "defaultType" | "isEmbeddedRoot">): Frame {
  return {
    ...of,
    childPrefix: of.path,
    bodyStart: of.headerStart,
    bodyEnd: of.headerStart,
    facts: NO_FACTS,
    delimiter: null,
    isEnded: false,
    children: [],
  };
}

/** A message's own multipart has no number; a lone body is number 1 of its message. */
function placeEmbeddedRoot(frame: Frame, isMultipart: boolean): void {
  const outer = frame.path;
  frame.childPrefix = outer;
  if (isMultipart) frame.path = outer === "" ? "" : `${outer}.TEXT`;
  else {
    frame.path = outer === "" ? "1" : `${outer}.1`;
    frame.childPrefix = frame.path;
  }
}

function isPadding(text: Buffer, from: number): boolean {
  for (let at = from; at < text.length; at++) if (text[at] !== 0x20 && text[at] !== 0x09) return false;
  return true;
}

function partOf(frame: Frame): MimePart {
  const { contentType, charset, encoding, disposition, filename, parameters } = frame.facts;
  return {
    path: frame.path,
    headerStart: frame.headerStart,
    bodyStart: frame.bodyStart,
    bodyEnd: frame.bodyEnd,
    contentType,
    charset,
    encoding,
    disposition,
    filename,
    parameters,
    children: frame.children.map(partOf),
  };
}
