/**
 * Where in a message as stored a finding stands: from characters of a text as it was read back to bytes, through spaces, invisible
 * characters, entities, charset and transfer encoding. Promises: bytes that are called exact are what the finding was read from, or they
 * are not called so; a part is read when its first finding is asked for. For explaining one message, never while mail is inspected.
 */
import type { MimePart } from "../../../core/mime-structure.ts";
import { charsetOrigins, transferOrigins } from "../../../parts/mime/byte-origins.ts";
import type { ByteOrigins } from "../../../parts/mime/byte-origins.ts";
import type { Segment } from "../compiled-pack.ts";
import { anyText } from "../normalise.ts";
import { contentOf, isHtml, isTextual, readCharset } from "../part-text.ts";
import { mappedHtml } from "./mapped-html.ts";
import { MappedText } from "./mapped-text.ts";

/** Of a longer text only the part is told. */
const CHARS_MAX = 1_000_000;

export type SourcePlace = {
  /** What the bytes are: the finding itself, the tag it is an attribute of, or the part, the header or the message it stands somewhere in. */
  readonly precision: "exact" | "tag" | "part" | "header" | "message";
  /** Bytes of the message as stored, the end not included. */
  readonly start: number;
  readonly end: number;
  /** In the decoded text of the part, from 1; columns count characters. null where the finding is read out of something else. */
  readonly line: number | null;
  readonly column: number | null;
};

type Stored = {
  readonly bytes: Buffer;
  /** Its offsets count from here on. */
  readonly mime: { readonly root: MimePart; readonly sizeBytes: number };
  readonly partBytesMax: number;
};

type Span = { readonly start: number; readonly end: number };

type PartMap = {
  /** The decoded text, each of its bytes, and those of the part as stored. */
  readonly text: string;
  readonly lines: readonly number[];
  readonly charset: ByteOrigins | null;
  readonly transfer: ByteOrigins | null;
  /** As inspection may have read it. */
  readonly readings: readonly MappedText[];
};

export class SourceMap {
  readonly #stored: Stored;
  /** What stands before the message in the file, such as a byte order mark. */
  readonly #shift: number;
  readonly #parts = new Map<string, MimePart>();
  readonly #maps = new Map<MimePart, PartMap | null>();

  constructor(stored: Stored) {
    this.#stored = stored;
    this.#shift = stored.bytes.length - stored.mime.sizeBytes;
    const waiting = [stored.mime.root];
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      this.#parts.set(part.path, part);
      waiting.push(...part.children);
    }
  }

  placeOf(segment: Segment, span: Span): SourcePlace {
    const { part, isHeader, isWithin } = this.#partOf(segment.part);
    if (part === null) return this.#within("message", { start: 0, end: this.#stored.mime.sizeBytes });
    if (isHeader) return this.#within("header", { start: part.headerStart, end: part.bodyStart });
    const whole = { start: part.bodyStart, end: part.bodyEnd };
    const map = isWithin ? null : this.#mapOf(part);
    const origin = map?.readings.find(({ text }) => text.startsWith(segment.text))?.originOf(span.start, span.end);
    if (map === null || origin === null || origin === undefined) return this.#within("part", whole);
    const place = lineAndColumn(map, origin.start);
    const bytes = bytesOf(map, origin);
    if (bytes === null) return { ...this.#within("part", whole), ...place };
    const { start, end } = bytes;
    const precision = origin.isExact ? "exact" : "tag";
    return { ...this.#within(precision, { start: part.bodyStart + start, end: part.bodyStart + end }), ...place };
  }

  /** `1.2`, `header:subject@1.2`, `1.2:filename`, and `1.2>3>1` for what is in a file. */
  #partOf(path: string): { readonly part: MimePart | null; readonly isHeader: boolean; readonly isWithin: boolean } {
    const [outer = "", ...inner] = path.split(">");
    const header = /^header:[^@]*(?:@(?<of>.*))?$/.exec(outer);
    const name = header === null ? outer.replace(/:filename$/, "") : header.groups?.["of"];
    const part = name === undefined ? this.#stored.mime.root : (this.#parts.get(name) ?? null);
    const isHeader = (header !== null || outer !== name) && inner.length === 0;
    return { part, isHeader, isWithin: inner.length > 0 };
  }

  #within(precision: SourcePlace["precision"], { start, end }: Span): SourcePlace {
    return { precision, start: start + this.#shift, end: end + this.#shift, line: null, column: null };
  }

  #mapOf(part: MimePart): PartMap | null {
    const known = this.#maps.get(part);
    if (known !== undefined) return known;
    const map = part.children.length === 0 && isTextual(part) ? this.#readMap(part) : null;
    this.#maps.set(part, map);
    return map;
  }

  #readMap(part: MimePart): PartMap | null {
    const { bytes, partBytesMax } = this.#stored;
    const from = part.bodyStart + this.#shift;
    const raw = bytes.subarray(from, Math.min(part.bodyEnd + this.#shift, from + partBytesMax));
    const content = contentOf(part, raw).bytes;
    const { text } = readCharset(part, content);
    if (text.length > CHARS_MAX) return null;
    return {
      text,
      lines: [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (match) => match.index + match[0].length)],
      charset: charsetOrigins(content, text, part.charset),
      transfer: transferOrigins(raw, part.encoding, content),
      readings: readingsOf(part, text).map(anyText<MappedText>),
    };
  }
}

function readingsOf(part: MimePart, text: string): readonly MappedText[] {
  if (isHtml(part, text)) return [mappedHtml(text)];
  const plain = MappedText.of(text);
  // RFC 3676 section 4.1; part-text.ts reads it with its lines joined, and as it stands behind that.
  const joined = plain.replace(/ \r?\n/g, "");
  return joined === plain ? [plain] : [plain, MappedText.joined([joined, MappedText.unknown("\n"), plain])];
}

function bytesOf({ charset, transfer }: PartMap, { start, end }: Span): Span | null {
  const decoded = spanIn(charset, start, end);
  return decoded === null ? null : spanIn(transfer, decoded.start, decoded.end);
}

function spanIn(origins: ByteOrigins | null, start: number, end: number): Span | null {
  const [from, to] = [origins?.starts[start], origins?.ends[end - 1]];
  return from === undefined || to === undefined ? null : { start: from, end: to };
}

function lineAndColumn({ text, lines }: PartMap, offset: number): { readonly line: number; readonly column: number } {
  const behind = lines.findIndex((start) => start > offset);
  const line = behind === -1 ? lines.length : behind;
  return { line, column: Array.from(text.slice(lines[line - 1] ?? 0, offset)).length + 1 };
}
