/**
 * One small body as an encrypted record of a segment: header (magic, body length, blob id), ciphertext, tag.
 * AES-256-GCM under a key used for this record alone, which is why the nonce may be zero; the header is authenticated.
 * Promises: a record opens only as a whole, as the blob and with the length its reference says.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

const MAGIC = Buffer.from("PSR1", "latin1");
const HEADER_BYTES = 24;
const TAG_BYTES = 16;
const NONCE = Buffer.alloc(12);

export type SegmentRecord = {
  readonly blobId: string;
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
};

/** Bytes a record takes on disk. */
export function recordBytes(bodyBytes: number): number {
  return HEADER_BYTES + bodyBytes + TAG_BYTES;
}

export function encryptRecord(body: Uint8Array, key: Uint8Array, blobId: string): SegmentRecord {
  const header = headerOf(body.length, blobId);
  const cipher = createCipheriv("aes-256-gcm", key, NONCE);
  cipher.setAAD(header);
  const ciphertext = cipher.update(body);
  cipher.final();
  return { blobId, buffers: [header, ciphertext, cipher.getAuthTag()], bytes: recordBytes(body.length) };
}

/** A record as it lies on the disk: it opens wherever it lies, by its own key and blob id. */
export function rawRecord(blobId: string, bytes: Uint8Array): SegmentRecord {
  return { blobId, buffers: [bytes], bytes: bytes.length };
}

/** Throws when anything differs from what was encrypted. */
export function decryptRecord(record: Uint8Array, key: Uint8Array, blobId: string): Buffer {
  const header = headerOf(record.length - HEADER_BYTES - TAG_BYTES, blobId);
  if (!header.equals(record.subarray(0, HEADER_BYTES))) throw new Error("not the record that was asked for");
  const decipher = createDecipheriv("aes-256-gcm", key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
  const body = decipher.update(record.subarray(HEADER_BYTES, record.length - TAG_BYTES));
  decipher.final();
  return body;
}

function headerOf(bodyBytes: number, blobId: string): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(bodyBytes, 4);
  Buffer.from(blobId, "hex").copy(header, 8);
  return header;
}
