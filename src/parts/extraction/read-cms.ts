/**
 * Reads CMS objects that hide nothing (RFC 5652 data, signed-, digested- and authenticated-data, RFC 3274 compressed-data): opaque S/MIME and
 * signed files.
 * Promises: what was signed is read as a message where it is a MIME entity (RFC 8551 section 3.5), else as the file it is; encrypting types
 * are `encrypted`; what stands beside the content (certificates, attributes) is told where it is readable.
 */
import { contentKindOf } from "./content-kind.ts";
import { inflate } from "./inflate.ts";
import { readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

const DATA = "2a864886f70d010701";
/** Enveloped, signed and enveloped, encrypted, and enveloped with a proof of it (RFC 5083). */
const ENCRYPTING = ["2a864886f70d010703", "2a864886f70d010704", "2a864886f70d010706", "2a864886f70d0109100117"];
/** Signed, digested, authenticated, compressed. */
const CARRYING = ["2a864886f70d010702", "2a864886f70d010705", "2a864886f70d0109100102", "2a864886f70d0109100109"];
const COMPRESSED = "2a864886f70d0109100109";
const OCTETS = 0x04;
const OID = 0x06;
const SEQUENCE = 0x30;
const EXPLICIT = 0xa0;
const CONSTRUCTED = 0x20;
const DEPTH_MAX = 32;
const PIECES_MAX = 1_000_000;
const BESIDE_BYTES_MAX = 1024 * 1024;
/** A MIME entity begins with its type, or with another field of a header. */
const ENTITY = /^(?:content-[a-z-]{1,40}|mime-version|from|to|subject|date|message-id|received)[ \t]*:/i;

export async function readCms(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const info = childrenOf(bytes, nodeAt(bytes, 0, bytes.length));
  const type = oidOf(bytes, info[0]);
  if (ENCRYPTING.includes(type)) throw new Unreadable("encrypted");
  if (type !== DATA && !CARRYING.includes(type)) throw new Unreadable("unsupported_type");
  const wrapped = childrenOf(bytes, expect(info[1], EXPLICIT))[0];
  const carried = type === DATA ? wrapped : carriedIn(bytes, expect(wrapped, SEQUENCE));
  const octets = carried === undefined ? null : octetsOf(bytes, carried, 0);
  const beside = carried === undefined ? bytes : bytes.subarray(carried.end);
  reading.text(content.place, readable(beside.subarray(0, BESIDE_BYTES_MAX)));
  if (octets === null) return;
  await readInner(type === COMPRESSED ? await whole(octets, reading) : octets, content, reading);
}

/** Among version, algorithms and the like: what has a type and then the content itself; undefined where that is elsewhere. */
function carriedIn(bytes: Buffer, wrapped: Node): Node | undefined {
  for (const field of childrenOf(bytes, wrapped)) {
    if (field.tag !== SEQUENCE) continue;
    const [type, content] = childrenOf(bytes, field);
    if (type?.tag === OID && content?.tag === EXPLICIT) return childrenOf(bytes, content)[0];
  }
  return undefined;
}

async function whole(octets: Buffer, reading: Reading): Promise<Buffer> {
  const { bytes, isWhole } = await inflate(octets, "zlib", reading);
  if (!isWhole) throw new Unreadable("damaged");
  return bytes;
}

async function readInner(bytes: Buffer, { place, name, depth }: Content, reading: Reading): Promise<void> {
  reading.spendEntries(1);
  const inner = within(place, 1);
  if (depth + 1 >= reading.budgets.archiveDepthMax) return reading.unread(inner, "over_budget");
  if (contentKindOf(bytes).kind === "text" && ENTITY.test(bytes.toString("latin1", 0, 100)))
    return reading.file(inner, "signed.eml", bytes);
  const signedName = name === null ? null : name.replace(/\.p7[ms]$/i, "");
  await readContent(bytes, { place: inner, name: signedName === name ? null : signedName, depth: depth + 1 }, reading);
}

/** `end`: behind the node, its end marks included. */
type Node = { readonly tag: number; readonly start: number; readonly stop: number; readonly end: number };

function expect(node: Node | undefined, tag: number): Node {
  if (node === undefined || node.tag !== tag) throw new Unreadable("damaged");
  return node;
}

function oidOf(bytes: Buffer, node: Node | undefined): string {
  const { start, stop } = expect(node, OID);
  return bytes.toString("hex", start, stop);
}

/** BER (X.690 section 8.1): definite or indefinite. */
function nodeAt(bytes: Buffer, at: number, end: number): Node {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || at + 2 > end || (tag & 0x1f) === 0x1f)
    throw new Unreadable("damaged");
  if (first === 0x80) return indefinite(bytes, { tag, start: at + 2, end });
  const size = first < 0x80 ? 0 : first & 0x7f;
  if (size > 6 || at + 2 + size > end) throw new Unreadable("damaged");
  const start = at + 2 + size;
  const stop = start + (size === 0 ? first : bytes.readUIntBE(at + 2, size));
  if (stop > end) throw new Unreadable("damaged");
  return { tag, start, stop, end: stop };
}

/** Ends with the end mark that belongs to it: counted, since what it holds may be indefinite too. */
function indefinite(bytes: Buffer, { tag, start, end }: Omit<Node, "stop">): Node {
  if ((tag & CONSTRUCTED) === 0) throw new Unreadable("damaged");
  let depth = 1;
  let at = start;
  while (at + 2 <= end) {
    if (bytes[at] === 0 && bytes[at + 1] === 0) {
      depth -= 1;
      at += 2;
      if (depth === 0) return { tag, start, stop: at - 2, end: at };
    } else if (bytes[at + 1] === 0x80) {
      depth += 1;
      at += 2;
      if (depth > DEPTH_MAX) throw new Unreadable("over_budget");
    } else {
      at = nodeAt(bytes, at, end).end;
    }
  }
  throw new Unreadable("damaged");
}

function childrenOf(bytes: Buffer, { start, stop }: Node): readonly Node[] {
  const children: Node[] = [];
  for (let at = start; at < stop;) {
    const child = nodeAt(bytes, at, stop);
    if (children.push(child) > PIECES_MAX) throw new Unreadable("over_budget");
    at = child.end;
  }
  return children;
}

/** Octets in one piece or in many, each again in one or in many. */
function octetsOf(bytes: Buffer, node: Node, depth: number): Buffer {
  if (depth > DEPTH_MAX) throw new Unreadable("over_budget");
  if (node.tag === OCTETS) return bytes.subarray(node.start, node.stop);
  if (node.tag !== (OCTETS | CONSTRUCTED)) throw new Unreadable("damaged");
  return Buffer.concat(childrenOf(bytes, node).map((child) => octetsOf(bytes, child, depth + 1)));
}

function readable(bytes: Buffer): string {
  return (bytes.toString("latin1").match(/[\t\n\r -~]{8,}/g) ?? []).join("\n");
}
