/**
 * Signed notes with Ed25519 (c2sp.org/signed-note, signature type 0x01): a text, an empty line, signature lines. Promises that a
 * note counts as valid only where a key that is trusted by name and id signed exactly this text. What a text says is for others.
 */
import { createPrivateKey, createPublicKey, hash, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

const ED25519 = 0x01;
const KEY_ID_BYTES = 4;
const SIGNATURE_BYTES = 64;
const PUBLIC_BYTES = 32;
/** A checkpoint has a few hundred; what is longer is none. */
const NOTE_CHARACTERS_MAX = 16_384;
const SIGNATURES_MAX = 16;
const SIGNATURE_LINE = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/u;
/** DER before the 32 bytes of an Ed25519 key (RFC 8410). */
const PKCS8_BEGIN = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_BEGIN = Buffer.from("302a300506032b6570032100", "hex");

/** `unknown`: signed by none of the keys given. `forged`: a key given is named, and did not sign this text. */
export type NoteVerdict = "valid" | "unknown" | "forged";

type Signature = { readonly name: string; readonly keyId: string; readonly bytes: Buffer };
type Parsed = { readonly text: string; readonly signatures: readonly Signature[] };

export class NoteSigner {
  readonly name: string;
  /** What others need to check signatures: `name+id+base64`, one word, no secret. */
  readonly verifier: string;
  readonly #key: KeyObject;
  readonly #keyId: Buffer;

  /** `name`: without spaces and plus signs. */
  constructor(name: string, key: KeyObject) {
    this.name = name;
    this.#key = key;
    const publicBytes = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI_BEGIN.length);
    this.#keyId = keyIdOf(name, publicBytes);
    const encoded = Buffer.concat([Buffer.of(ED25519), publicBytes]).toString("base64");
    this.verifier = `${name}+${this.#keyId.toString("hex")}+${encoded}`;
  }

  /** `text` ends with a line break. */
  sign(text: string): string {
    const signature = Buffer.concat([this.#keyId, sign(null, Buffer.from(text), this.#key)]);
    return `${text}\n— ${this.name} ${signature.toString("base64")}\n`;
  }
}

/** The keys somebody trusts, by their verifier lines. */
export class NoteVerifiers {
  readonly lines: readonly string[];
  readonly #keys = new Map<string, KeyObject>();

  /** Throws where a line is not one that `verifier` gives; see isVerifier. */
  constructor(lines: readonly string[]) {
    this.lines = [...new Set(lines)];
    for (const line of this.lines) {
      const parsed = parseVerifier(line);
      if (parsed === null) throw new Error("not a verifier line");
      this.#keys.set(`${parsed.name} ${parsed.keyId}`, parsed.key);
    }
  }

  check(note: string): NoteVerdict {
    const parsed = parseNote(note);
    if (parsed === null) return "forged";
    let verdict: NoteVerdict = "unknown";
    for (const { name, keyId, bytes } of parsed.signatures) {
      const key = this.#keys.get(`${name} ${keyId}`);
      if (key === undefined) continue;
      if (bytes.length !== SIGNATURE_BYTES || !verify(null, Buffer.from(parsed.text), key, bytes)) return "forged";
      verdict = "valid";
    }
    return verdict;
  }
}

/** The text of a note, whoever signed it; null where it is none. */
export function textOfNote(note: string): string | null {
  return parseNote(note)?.text ?? null;
}

/** Every note in a text that holds one after the other, empty lines between them; what is no note is left out. */
export function notesIn(text: string): readonly string[] {
  const notes: string[] = [];
  let lines: string[] = [];
  let isSigned = false;
  const end = (): void => {
    if (isSigned) notes.push(`${lines.join("\n").replace(/^\n+/, "")}\n`);
    lines = [];
    isSigned = false;
  };
  for (const line of text.split(/\r?\n/)) {
    const isSignature = SIGNATURE_LINE.test(line);
    if (isSigned && !isSignature) end();
    lines.push(line);
    isSigned ||= isSignature;
  }
  end();
  return notes;
}

export function isVerifier(line: string): boolean {
  return parseVerifier(line) !== null;
}

/** A private Ed25519 key from PEM, or from its seed: 32 bytes, raw, hexadecimal or base64. null: neither. */
export function readSigningKey(bytes: Uint8Array): KeyObject | null {
  const text = Buffer.from(bytes).toString("latin1").trim();
  try {
    const key = text.startsWith("-----BEGIN") ? createPrivateKey(text) : keyOfSeed(seedOf(bytes, text));
    return key?.asymmetricKeyType === "ed25519" ? key : null;
  } catch {
    // OpenSSL's message may tell about the key; that it is unusable is all we say.
    return null;
  }
}

function seedOf(bytes: Uint8Array, text: string): Buffer | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, "hex");
  if (bytes.length === PUBLIC_BYTES) return Buffer.from(bytes);
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, "base64") : null;
}

function keyOfSeed(seed: Buffer | null): KeyObject | null {
  if (seed === null || seed.every((byte) => byte === seed[0])) return null;
  return createPrivateKey({ key: Buffer.concat([PKCS8_BEGIN, seed]), format: "der", type: "pkcs8" });
}

function keyIdOf(name: string, publicBytes: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), publicBytes]);
  return hash("sha256", named, "buffer").subarray(0, KEY_ID_BYTES);
}

function parseVerifier(
  line: string,
): { readonly name: string; readonly keyId: string; readonly key: KeyObject } | null {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u.exec(line.trim());
  if (match === null) return null;
  const [, name = "", keyId = "", encoded = ""] = match;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length !== 1 + PUBLIC_BYTES || bytes[0] !== ED25519) return null;
  const publicBytes = bytes.subarray(1);
  if (keyIdOf(name, publicBytes).toString("hex") !== keyId) return null;
  const der = Buffer.concat([SPKI_BEGIN, publicBytes]);
  return { name, keyId, key: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

function parseNote(note: string): Parsed | null {
  const split = note.lastIndexOf("\n\n");
  if (split === -1 || !note.endsWith("\n") || note.length > NOTE_CHARACTERS_MAX) return null;
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) return null;
  const signatures = lines.map(parseSignature);
  if (signatures.some((signature) => signature === null)) return null;
  return { text: note.slice(0, split + 1), signatures: signatures.filter((signature) => signature !== null) };
}

function parseSignature(line: string): Signature | null {
  const match = SIGNATURE_LINE.exec(line);
  if (match === null) return null;
  const bytes = Buffer.from(match[2] ?? "", "base64");
  if (bytes.length <= KEY_ID_BYTES) return null;
  const keyId = bytes.subarray(0, KEY_ID_BYTES).toString("hex");
  return { name: match[1] ?? "", keyId, bytes: bytes.subarray(KEY_ID_BYTES) };
}
