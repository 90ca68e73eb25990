/**
 * 8-bit to 7-bit conversion for a server without 8BITMIME (RFC 6152 section 3, RFC 2045 section 6).
 * Promises: readers decode the same content; output is ASCII with lines of at most 998 bytes, checked again on what was
 * written; what cannot be converted without loss is refused by code. Flat memory: bodies stream from blob to blob.
 * Leaves signatures over the old bytes to the caller. Text outside of parts (preamble, epilogue) may be dropped.
 */
import { isAscii } from "node:buffer";
import type { BlobRef, BlobStore } from "../../core/blob-store.ts";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { decodeTransfer } from "./decode-body.ts";
import { setTransferEncoding, foldLongLines } from "./header-rewrite.ts";
import { MimeScanner } from "./mime-scanner.ts";
import { isEmbeddedMessage } from "./part-facts.ts";
import { Base64Encoder, Base64Rewrapper, QuotedPrintableEncoder } from "./transfer-encode.ts";
import type { TransferEncoder } from "./transfer-encode.ts";

export type DownconvertArgs = {
  readonly blobs: BlobStore;
  readonly body: BlobRef;
  readonly mime: MimeStructure;
  /** Applied to the header section of the message itself. */
  readonly editHeader: (header: Buffer) => Promise<Buffer> | Buffer;
  /** Quoted-printable parts with illegal lines are rewritten in memory up to this size. */
  readonly requoteBytesMax: number;
  readonly headerBytesMax: number;
};

export type Downconverted =
  { readonly kind: "converted"; readonly ref: BlobRef } | { readonly kind: "refused"; readonly code: ReasonCode };

export const LINE_BYTES_MAX = 998;

type Encoding = "base64" | "quoted-printable";

type Segment =
  | { readonly kind: "copy"; readonly start: number; readonly end: number }
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | {
      readonly kind: "encode";
      readonly start: number;
      readonly end: number;
      readonly how: How;
      readonly closes: boolean;
    }
  /** Delimiters and the text around them: lines that cannot travel are emptied. */
  | { readonly kind: "gap"; readonly start: number; readonly end: number };

type How = "to-base64" | "to-quoted-printable" | "rewrap" | "requote";

class Refused extends Error {
  readonly code: ReasonCode;
  constructor(code: ReasonCode) {
    super("the message cannot be converted to 7-bit");
    this.code = code;
  }
}

/** Writes the converted message as a new blob; rejects only where the store does. */
export async function downconvert(args: DownconvertArgs): Promise<Downconverted> {
  const { mime } = args;
  if (mime.has8bitHeader) return { kind: "refused", code: "PST-PRT-002" };
  if (mime.defects.some((defect) => defect.endsWith("_limit"))) return { kind: "refused", code: "PST-PRT-004" };
  try {
    const segments: Segment[] = [];
    await planPart(args, mime.root, segments);
    return { kind: "converted", ref: await write(args, segments) };
  } catch (error) {
    if (error instanceof Refused) return { kind: "refused", code: error.code };
    throw error;
  }
}

async function planPart(args: DownconvertArgs, part: MimePart, segments: Segment[]): Promise<void> {
  if (part.contentType === "multipart/signed") {
    if (await isIllegal(args, part.headerStart, part.bodyEnd)) throw new Refused("PST-PRT-003");
    const header = await readHeader(args, part);
    segments.push({ kind: "bytes", bytes: header }, { kind: "copy", start: part.bodyStart, end: part.bodyEnd });
    return;
  }
  if (part.children.length === 0) await planLeaf(args, part, segments);
  else await planContainer(args, part, segments);
}

async function planContainer(args: DownconvertArgs, part: MimePart, segments: Segment[]): Promise<void> {
  if (part.encoding !== "7bit" && part.encoding !== "8bit" && part.encoding !== "binary")
    throw new Refused("PST-PRT-004");
  const header = await readHeader(args, part);
  const bytes = part.encoding === "7bit" ? header : setTransferEncoding(header, "7bit", isMessageRoot(args, part));
  segments.push({ kind: "bytes", bytes });
  let at = part.bodyStart;
  for (const child of part.children) {
    segments.push({ kind: "gap", start: at, end: child.headerStart });
    await planPart(args, child, segments);
    at = child.bodyEnd;
  }
  segments.push({ kind: "gap", start: at, end: part.bodyEnd });
}

async function planLeaf(args: DownconvertArgs, part: MimePart, segments: Segment[]): Promise<void> {
  const { bodyStart: start, bodyEnd: end, encoding } = part;
  const header = await readHeader(args, part);
  const illegal = await isIllegal(args, start, end);
  const asRoot = isMessageRoot(args, part);
  if (!illegal && encoding !== "binary") {
    const bytes = encoding === "8bit" ? setTransferEncoding(header, "7bit", asRoot) : header;
    segments.push({ kind: "bytes", bytes }, { kind: "copy", start, end });
    return;
  }
  const how = howOf(part);
  if (how === "requote" && end - start > args.requoteBytesMax) throw new Refused("PST-PRT-004");
  const target: Encoding = how === "to-base64" || how === "rewrap" ? "base64" : "quoted-printable";
  const closes = end === args.mime.sizeBytes && target === "base64";
  segments.push({ kind: "bytes", bytes: setTransferEncoding(header, target, asRoot) });
  segments.push({ kind: "encode", start, end, how, closes });
}

function howOf(part: MimePart): How {
  // RFC 2046 sections 5.1 and 5.2, RFC 3464: these may not be encoded, and inside they could not be converted.
  if (part.contentType.startsWith("multipart/") || part.contentType.startsWith("message/"))
    throw new Refused("PST-PRT-004");
  switch (part.encoding) {
    case "base64":
      return "rewrap";
    case "quoted-printable":
      return "requote";
    case "unknown":
      throw new Refused("PST-PRT-004");
    default:
      return part.contentType.startsWith("text/") && !/^(utf|ucs|iso-10646-ucs)-?(16|32|2|4)/.test(part.charset ?? "")
        ? "to-quoted-printable"
        : "to-base64";
  }
}

function isMessageRoot(args: DownconvertArgs, part: MimePart): boolean {
  return part === args.mime.root || isEmbeddedRoot(args.mime.root, part);
}

function isEmbeddedRoot(within: MimePart, part: MimePart): boolean {
  return within.children.some(
    (child) => (child === part && isEmbeddedMessage(within.contentType)) || isEmbeddedRoot(child, part),
  );
}

async function readHeader(args: DownconvertArgs, part: MimePart): Promise<Buffer> {
  if (part.bodyStart - part.headerStart > args.headerBytesMax) throw new Refused("PST-PRT-007");
  const raw = await collect(args.blobs.read(args.body, { start: part.headerStart, end: part.bodyStart }));
  const folded = foldLongLines(part === args.mime.root ? await args.editHeader(raw) : raw, LINE_BYTES_MAX);
  if (folded === null) throw new Refused("PST-PRT-004");
  return folded;
}

/** True where the range holds a byte above 127, a NUL, or a line that is too long. */
async function isIllegal(args: DownconvertArgs, start: number, end: number): Promise<boolean> {
  if (start >= end) return false;
  let line = 0;
  for await (const bytes of args.blobs.read(args.body, { start, end })) {
    if (!isAscii(bytes) || bytes.includes(0)) return true;
    for (let at = 0; at < bytes.length;) {
      const lf = bytes.indexOf(0x0a, at);
      line += (lf === -1 ? bytes.length : lf) - at;
      // The CR of a line break is counted here; one byte of caution costs nothing.
      if (line > LINE_BYTES_MAX) return true;
      if (lf === -1) break;
      line = 0;
      at = lf + 1;
    }
  }
  return false;
}

async function write(args: DownconvertArgs, segments: readonly Segment[]): Promise<BlobRef> {
  const writer = args.blobs.create();
  const scanner = new MimeScanner({ depthMax: 0, partsMax: 1, headerBytesMax: args.headerBytesMax });
  try {
    for (const segment of segments) {
      for await (const bytes of bytesOf(args, segment)) {
        scanner.push(bytes);
        await writer.write(bytes);
      }
    }
    const { has8bitBody, has8bitHeader, longestLine } = scanner.end();
    if (has8bitBody || has8bitHeader || longestLine > LINE_BYTES_MAX) throw new Refused("PST-PRT-004");
    return await writer.seal();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function* bytesOf(args: DownconvertArgs, segment: Segment): AsyncGenerator<Uint8Array> {
  if (segment.kind === "bytes") {
    yield segment.bytes;
    return;
  }
  if (segment.start >= segment.end) return;
  const source = args.blobs.read(args.body, { start: segment.start, end: segment.end });
  if (segment.kind === "copy") yield* source;
  else if (segment.kind === "gap") yield* withoutIllegalLines(source);
  else yield* encoded(source, segment);
}

async function* encoded(
  source: AsyncIterable<Uint8Array>,
  segment: Extract<Segment, { kind: "encode" }>,
): AsyncGenerator<Uint8Array> {
  const encoder = encoderOf(segment.how);
  if (segment.how === "requote") {
    const decoded = decodeTransfer(await collect(source), "quoted-printable");
    if (decoded.kind === "unreadable") throw new Refused("PST-PRT-004");
    yield encoder.push(decoded.bytes);
  } else {
    for await (const bytes of source) {
      if (segment.how === "rewrap" && !isAscii(bytes)) throw new Refused("PST-PRT-004");
      yield encoder.push(bytes);
    }
  }
  yield encoder.end();
  if (segment.closes) yield Buffer.from("\r\n");
}

function encoderOf(how: How): TransferEncoder {
  switch (how) {
    case "to-base64":
      return new Base64Encoder();
    case "rewrap":
      return new Base64Rewrapper();
    default:
      return new QuotedPrintableEncoder();
  }
}

async function* withoutIllegalLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let line: Buffer = Buffer.alloc(0);
  let isDropped = false;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length;) {
      const lf = bytes.indexOf(0x0a, at);
      const to = lf === -1 ? bytes.length : lf + 1;
      const piece = bytes.subarray(at, to);
      isDropped ||= !isAscii(piece) || line.length + piece.length > LINE_BYTES_MAX + 2;
      line = isDropped ? Buffer.alloc(0) : Buffer.concat([line, piece]);
      if (lf !== -1) {
        yield isDropped ? Buffer.from("\r\n") : line;
        line = Buffer.alloc(0);
        isDropped = false;
      }
      at = to;
    }
  }
  if (!isDropped) yield line;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of source) chunks.push(bytes);
  return Buffer.concat(chunks);
}
