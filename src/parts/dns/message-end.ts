/**
 * Whether a DNS message ends where its last record does (RFC 1035 section 4.1). Promises: never throws and never reads beyond the octets.
 * Leaves to the codec: what the records hold.
 */

const HEADER_BYTES = 12;
const COUNTS_AT = [4, 6, 8, 10] as const;
const QUESTION_BYTES = 4;
/** Type, class, TTL and length, before the data. */
const RECORD_BYTES = 10;
const LENGTH_AT = 8;
const POINTER = 0xc0;

export function endsWithLastRecord(bytes: Buffer): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  const [questions = 0, ...sections] = COUNTS_AT.map((at) => bytes.readUInt16BE(at));
  let at: number | null = HEADER_BYTES;
  for (let count = 0; count < questions && at !== null; count += 1) at = endOfQuestion(bytes, at);
  const records = sections.reduce((sum, count) => sum + count, 0);
  for (let count = 0; count < records && at !== null; count += 1) at = endOfRecord(bytes, at);
  return at === bytes.length;
}

function endOfQuestion(bytes: Buffer, start: number): number | null {
  const name = endOfName(bytes, start);
  return name === null ? null : name + QUESTION_BYTES;
}

function endOfRecord(bytes: Buffer, start: number): number | null {
  const name = endOfName(bytes, start);
  if (name === null || name + RECORD_BYTES > bytes.length) return null;
  return name + RECORD_BYTES + bytes.readUInt16BE(name + LENGTH_AT);
}

/** A pointer ends a name in its place, wherever it leads. */
function endOfName(bytes: Buffer, start: number): number | null {
  for (let at = start; ;) {
    const length = bytes[at];
    if (length === undefined) return null;
    if (length >= POINTER) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}
