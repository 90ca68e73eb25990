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

export function isRpmsg(bytes: Buffer): boolean {
  return bytes.subarray(0, RPMSG_MAGIC.length).equals(RPMSG_MAGIC);
}

const BEGIN = "-----BEGIN PGP MESSAGE-----";
const END = "-----END PGP MESSAGE-----";

/** Nothing but one armoured OpenPGP message: armour headers, base64 lines, checksum. Linear time. */
export function isArmouredMessage(text: string): boolean {
  const lines = text.trim().split(/\r?\n/);
  if (lines[0]?.trim() !== BEGIN || lines.at(-1)?.trim() !== END) return false;
  const blank = lines.findIndex((line) => line.trim() === "");
  const bodyFrom = blank > 0 && blank < 20 ? blank + 1 : 1;
  const headers = lines.slice(1, Math.max(1, bodyFrom - 1));
  if (!headers.every((line) => /^(?:Version|Charset|Hash|MessageID|Comment): ?[^\r\n]{0,200}$/.test(line)))
    return false;
  const body = lines.slice(bodyFrom, -1).map((line) => line.trim());
  const isBase64 = body.every((line) => line.length <= 96 && /^[A-Za-z0-9+/]*={0,4}$|^=[A-Za-z0-9+/]{4}$/.test(line));
  return isBase64 && startsLikeOpenPgp(body.find((line) => line !== "") ?? "");
}

/** The first packet is a session key (tags 1 and 3) or encrypted data (9, 18, 20): never literal or compressed text. */
function startsLikeOpenPgp(line: string): boolean {
  const first = Buffer.from(line.slice(0, 4), "base64")[0] ?? 0;
  if ((first & 0x80) === 0) return false;
  const tag = (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
  return [1, 3, 9, 18, 20].includes(tag);
}
