/**
 * Keys and hashes of an index. The key of the operator gives three others: one for the hashes of values (HMAC-SHA-256, cut
 * to 64 bits), one for the file, and the seed of the quick hash that asks the filters first.
 * Promises: equal values hash alike under one key and unlike under another; the quick hash is no secret keeper and never
 * leaves the sealed file.
 */
import { createHmac, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { EDM_FIELDS } from "./edm-fields.ts";
import type { EdmField } from "./edm-fields.ts";

const KEY_BYTES = 32;
/** Shortest key taken: 128 bits. */
export const KEY_BYTES_MIN = 16;

/** What a thread that only looks values up is given. */
export type LookupKeys = { readonly values: Uint8Array; readonly seed: number };

export class EdmKey {
  readonly #bytes: Buffer;

  /** `text`: as a key file holds it, with the line end an editor leaves. */
  constructor(bytes: Uint8Array) {
    const text = Buffer.from(bytes).toString("latin1").trim();
    this.#bytes = /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(bytes);
  }

  get isLongEnough(): boolean {
    return this.#bytes.length >= KEY_BYTES_MIN;
  }

  /** Names the key without telling anything of it. */
  get id(): string {
    return this.#derive("postern edm key id v1", "").subarray(0, 8).toString("hex");
  }

  lookupKeys(): LookupKeys {
    const values = this.#derive("postern edm values v1", "");
    return { values, seed: this.#derive("postern edm filter v1", "").readInt32LE(0) };
  }

  /** For one file, by the salt in its header. */
  fileKey(salt: string): Buffer {
    return this.#derive("postern edm file v1", salt);
  }

  #derive(purpose: string, salt: string): Buffer {
    return Buffer.from(hkdfSync("sha256", this.#bytes, salt, purpose, KEY_BYTES));
  }
}

/** The first 64 bits of an HMAC, in two halves: allocated once and overwritten by each call. */
export class ValueHasher {
  hi = 0;
  lo = 0;
  readonly #key: KeyObject;

  constructor(values: Uint8Array) {
    this.#key = createSecretKey(values);
  }

  hash(field: EdmField, value: string): void {
    const text = createHmac("sha256", this.#key).update(`${field}\0${value}`).digest("latin1");
    this.hi = wordAt(text, 0);
    this.lo = wordAt(text, 4);
  }
}

function wordAt(text: string, at: number): number {
  const high = (text.charCodeAt(at) << 24) | (text.charCodeAt(at + 1) << 16);
  return (high | (text.charCodeAt(at + 2) << 8) | text.charCodeAt(at + 3)) >>> 0;
}

const FNV_PRIME = 0x01000193;

/** 32 bits of a folded word. */
export function quickHash(word: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < word.length; i += 1) hash = Math.imul(hash ^ word.charCodeAt(i), FNV_PRIME);
  return spread(hash);
}

/** One step of quickHash, for callers that have the characters already; `spread` ends it. */
export function quickStep(hash: number, code: number): number {
  return Math.imul(hash ^ code, FNV_PRIME);
}

/** Every bit of the result depends on every bit given. */
export function spread(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

const FIELD_MARKS = Object.fromEntries(
  EDM_FIELDS.map((field, number) => [field, Math.imul(number + 1, 0x9e3779b1)]),
) as Readonly<Record<EdmField, number>>;

/** The quick hash of a value of a field, by that of its text. */
export function valueMark(field: EdmField, hash: number): number {
  return spread(hash ^ FIELD_MARKS[field]);
}

/** The quick hash of two words in whatever order. */
export function pairMark(one: number, other: number): number {
  return spread(spread(one + other) ^ Math.imul(one ^ other, 0x9e3779b1));
}
