/**
 * Passwords of submitters that prove themselves by AUTH.
 * Promises: comparison takes the same time whatever differs; a stored hash never becomes the password.
 */
import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

export type Password =
  /** What hashPassword wrote. */
  { readonly kind: "scrypt"; readonly encoded: string } | { readonly kind: "secret"; readonly secret: string };

type ScryptHash = {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
};

const DEFAULT_LOG2N = 15;
/** 128 * N * r bytes; refuses a hash that would need more than 256 MiB. */
const LOG2N_MAX = 18;

/** `scrypt:15:8:1:<salt>:<hash>`, base64; salt and hash at least 16 bytes. null where the text is none. */
export function parseScrypt(encoded: string): ScryptHash | null {
  const match = /^scrypt:([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)$/.exec(encoded);
  if (match === null) return null;
  const [log2n, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [salt, hash] = [Buffer.from(match[4] ?? "", "base64"), Buffer.from(match[5] ?? "", "base64")];
  if (log2n < 10 || log2n > LOG2N_MAX || r < 1 || r > 8 || p < 1 || p > 4) return null;
  return salt.length < 16 || hash.length < 16 || hash.length > 64 ? null : { log2n, r, p, salt, hash };
}

/** A configured text: what begins with `scrypt:` is a hash (and must be one, see proof.ts), anything else the secret itself. */
export function passwordOf(text: string): Password {
  return text.startsWith("scrypt:") ? { kind: "scrypt", encoded: text } : { kind: "secret", secret: text };
}

export async function hashPassword(password: string, log2n: number = DEFAULT_LOG2N): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, { log2n, r: 8, p: 1, salt, hash: Buffer.alloc(32) });
  return `scrypt:${log2n}:8:1:${salt.toString("base64")}:${hash.toString("base64")}`;
}

export async function verifyPassword(given: string, stored: Password): Promise<boolean> {
  if (stored.kind === "secret") return equalTexts(given, stored.secret);
  const parsed = parseScrypt(stored.encoded);
  if (parsed === null) return false;
  return timingSafeEqual(await derive(given, parsed), parsed.hash);
}

/** Compares without telling by time where two texts differ. */
export function equalTexts(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(a), digest(b));
}

function derive(password: string, parameters: ScryptHash): Promise<Buffer> {
  const { log2n, r, p, salt, hash } = parameters;
  const cost = { N: 2 ** log2n, r, p, maxmem: 256 * 2 ** log2n * r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
