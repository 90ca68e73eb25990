/**
 * Recognises content the sender's client encrypted already: S/MIME (RFC 8551), PGP/MIME (RFC 3156), inline OpenPGP
 * (RFC 9580 section 6.2) and Microsoft's rights-protected messages (MS-OXORMMS).
 * Promises: the bytes decide, never the declared type alone: a clear text that calls itself encrypted is not protected.
 * Signed-only mail (signed-data) is not encrypted. Pure.
 */

/** 1.2.840.113549.1.7.3, enveloped-data, and 1.2.840.113549.1.9.16.1.23, authEnvelopedData, as DER. */
const ENCRYPTED_OIDS: readonly Buffer[] = [
  Buffer.from("06092a864886f70d010703", "hex"),
  Buffer.from("060b2a864886f70d0109100117", "hex"),
];
const RPMSG_MAGIC = Buffer.from("76e80460c411e386", "hex");

export const PKCS7_MIME_TYPES: ReadonlySet<string> = new Set(["application/pkcs7-mime", "application/x-pkcs7-mime"]);
export const RPMSG_TYPE = "application/x-microsoft-rpmsg-message";

/** The bytes are a CMS ContentInfo of an encrypting type, DER or BER. */
export function isEncryptedCms(bytes: Buffer): boolean {
  if (bytes[0] !== 0x30 || bytes.length < 16) return false;
  const length = bytes[1] ?? 0;
  const header = length > 0x80 ? 2 + (length & 0x7f) : 2;
  return ENCRYPTED_OIDS.some((oid) => bytes.subarray(header, header + oid.length).equals(oid));
}

/** The whole content is one CMS object, with nothing behind it: EnvelopedData and AuthEnvelopedData both begin with a version. */
export function isWholeEncryptedCms(bytes: Buffer): boolean {
  if (!isEncryptedCms(bytes)) return false;
  const outer = derHeader(bytes, 0, 0x30);
  if (outer === null || !endsWith(bytes, outer)) return false;
  const oid = derHeader(bytes, outer.content, 0x06);
  const wrapper = oid === null ? null : derHeader(bytes, oid.content + (oid.length ?? 0), 0xa0);
  const inner = wrapper === null ? null : derHeader(bytes, wrapper.content, 0x30);
  return inner !== null && bytes[inner.content] === 0x02 && bytes[inner.content + 1] === 0x01;
}

/** `length` null: indefinite (BER). */
type DerHeader = { readonly content: number; readonly length: number | null };

function derHeader(bytes: Buffer, at: number, tag: number): DerHeader | null {
  const first = bytes[at + 1];
  if (bytes[at] !== tag || first === undefined) return null;
  if (first === 0x80) return { content: at + 2, length: null };
  if (first < 0x80) return { content: at + 2, length: first };
  const size = first & 0x7f;
  if (size > 6 || at + 2 + size > bytes.length) return null;
  return { content: at + 2 + size, length: bytes.readUIntBE(at + 2, size) };
}

/** An indefinite length ends with the end marks of ContentInfo and of what it wraps. */
function endsWith(bytes: Buffer, { content, length }: DerHeader): boolean {
  if (length === null) return bytes.length > content + 4 && bytes.readUInt32BE(bytes.length - 4) === 0;
  return content + length === bytes.length;
}

/** Behind the mark stands compressed, encrypted data: never text. */
export function isRpmsg(bytes: Buffer): boolean {
  const rest = bytes.subarray(RPMSG_MAGIC.length, RPMSG_MAGIC.length + 4_096);
  return bytes.subarray(0, RPMSG_MAGIC.length).equals(RPMSG_MAGIC) && !rest.every((byte) => byte >= 9 && byte < 127);
}

const SALTED = Buffer.from("Salted__");

/** Why nobody here can read a file that no reader knows: OpenPGP and OpenSSL say that they encrypted it. */
export function reasonOfUnknown(bytes: Buffer): "encrypted" | "unsupported_type" {
  const isEncrypted =
    bytes.subarray(0, SALTED.length).equals(SALTED) ||
    (bytes.length > 0 && isEncryptedOpenPgp(bytes)) ||
    (bytes.subarray(0, BEGIN.length).equals(Buffer.from(BEGIN)) && isArmouredMessage(bytes.toString("latin1")));
  return isEncrypted ? "encrypted" : "unsupported_type";
}

const BEGIN = "-----BEGIN PGP MESSAGE-----";
const END = "-----END PGP MESSAGE-----";

/** Nothing but one armoured OpenPGP message: armour headers, base64 lines, checksum, encrypted packets. Linear time. */
export function isArmouredMessage(text: string): boolean {
  if (!text.trimStart().startsWith(BEGIN)) return false;
  const lines = text.trim().split(/\r?\n/);
  if (lines[0]?.trim() !== BEGIN || lines.at(-1)?.trim() !== END) return false;
  const bodyFrom = armourBodyFrom(lines);
  const headers = lines.slice(1, Math.max(1, bodyFrom - 1));
  if (!headers.every((line) => /^(?:Version|Charset|Hash|MessageID|Comment): ?[^\r\n]{0,200}$/.test(line)))
    return false;
  const body = lines.slice(bodyFrom, -1).map((line) => line.trim());
  const data = body.filter((line) => !/^=[A-Za-z0-9+/]{4}$/.test(line));
  const base64 = data.join("");
  const isBase64 = data.every((line) => line.length <= 96) && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  return isBase64 && isEncryptedOpenPgp(Buffer.from(base64, "base64"));
}

/** What stands readable before the armoured data. */
export function armourHeaders(text: string): string {
  const lines = text.trim().split(/\r?\n/, 21);
  return lines.slice(1, Math.max(1, armourBodyFrom(lines) - 1)).join("\n");
}

function armourBodyFrom(lines: readonly string[]): number {
  const blank = lines.findIndex((line) => line.trim() === "");
  return blank > 0 && blank < 20 ? blank + 1 : 1;
}

/** Session keys (tags 1, 3), encrypted data (9, 18, 20), marker and padding (10, 21): never literal or compressed text. */
const ENCRYPTED_DATA: readonly number[] = [9, 18, 20];
const BESIDE_ENCRYPTED: readonly number[] = [1, 3, 10, 21];

/** Whole packets up to the end (RFC 9580 section 4.2), the last of them encrypted data. */
function isEncryptedOpenPgp(bytes: Buffer): boolean {
  let hasData = false;
  for (let at = 0; at < bytes.length;) {
    const packet = packetAt(bytes, at);
    if (packet === null || packet.end > bytes.length) return false;
    if (!ENCRYPTED_DATA.includes(packet.tag) && !BESIDE_ENCRYPTED.includes(packet.tag)) return false;
    hasData ||= ENCRYPTED_DATA.includes(packet.tag);
    at = packet.end;
  }
  return hasData;
}

function packetAt(bytes: Buffer, at: number): { readonly tag: number; readonly end: number } | null {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) === 0) return null;
  if ((first & 0x40) !== 0) {
    const end = newLengthEnd(bytes, at + 1);
    return end === null ? null : { tag: first & 0x3f, end };
  }
  const tag = (first >> 2) & 0x0f;
  const size = [1, 2, 4, 0][first & 0x03] ?? 0;
  if (size === 0) return { tag, end: bytes.length };
  return at + 1 + size > bytes.length ? null : { tag, end: at + 1 + size + bytes.readUIntBE(at + 1, size) };
}

/** Where a packet with lengths of the new form ends, partial ones included. */
function newLengthEnd(bytes: Buffer, from: number): number | null {
  let at = from;
  for (;;) {
    const first = bytes[at];
    if (first === undefined) return null;
    if (first < 192) return at + 1 + first;
    if (first < 224) return at + 2 + ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192;
    if (first === 255) return at + 5 > bytes.length ? null : at + 5 + bytes.readUInt32BE(at + 1);
    at += 1 + 2 ** (first & 0x1f);
  }
}
