/**
 * AES-256-GCM with a 24-byte random nonce (C2SP XAES-256-GCM: SP 800-108 derives a key from the first 12 bytes, GCM
 * takes the other 12). Plain GCM must not be used for more than 2^32 random nonces under one key (SP 800-38D section
 * 8.3), which a busy gateway's address key would reach within months; this form has no such limit in practice. The first
 * half of the nonce, and with it the derived key, serves for a while: deriving costs as much as sealing a short text.
 * Promises: `open` returns only what `seal` was given with the same key and the same associated text.
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { freshBytes } from "./random-pool.ts";

const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;
/** Half of the nonce. */
const HALF_BYTES = NONCE_BYTES / 2;
/** Seals under one derived key; with random second halves, far below the 2^32 of SP 800-38D. */
const SEALS_PER_KEY_MAX = 65_536;
/** Derived keys kept for opening. */
const OPENING_KEYS_MAX = 64;

export class ExtendedGcm {
  readonly #key: KeyObject;
  readonly #subkey: Buffer;
  #sealing: { readonly half: Buffer; readonly key: KeyObject; left: number } | null = null;
  /** By first half of the nonce, oldest first. */
  readonly #opening = new Map<string, KeyObject>();

  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new Error("an AES-256 key has 32 bytes");
    this.#key = createSecretKey(key);
    this.#subkey = doubled(encryptBlocks(this.#key, Buffer.alloc(16)));
  }

  /** nonce | ciphertext | tag. A nonce is given by known-answer tests only. */
  seal(plaintext: Uint8Array, associated: Uint8Array, given?: Uint8Array): Buffer {
    const { half, key } =
      given === undefined ? this.#sealingKey() : { half: given.subarray(0, HALF_BYTES), key: this.#keyFor(given) };
    const other = given === undefined ? freshBytes(HALF_BYTES) : given.subarray(HALF_BYTES);
    const cipher = createCipheriv("aes-256-gcm", key, other);
    cipher.setAAD(associated);
    return Buffer.concat([half, other, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws when anything differs; nothing unauthenticated is returned. */
  open(sealed: Uint8Array, associated: Uint8Array): Buffer {
    if (sealed.length < OVERHEAD_BYTES) throw new Error("sealed text too short");
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#openingKey(nonce), nonce.subarray(HALF_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    return Buffer.concat([plaintext, decipher.final()]);
  }

  #sealingKey(): { readonly half: Buffer; readonly key: KeyObject } {
    if (this.#sealing === null || this.#sealing.left === 0) {
      const half = Buffer.from(freshBytes(HALF_BYTES));
      this.#sealing = { half, key: this.#keyFor(half), left: SEALS_PER_KEY_MAX };
    }
    this.#sealing.left -= 1;
    return this.#sealing;
  }

  /** The keys of texts sealed together are the same: derived once while they are opened together. */
  #openingKey(nonce: Uint8Array): KeyObject {
    const half = Buffer.from(nonce.subarray(0, HALF_BYTES)).toString("latin1");
    const known = this.#opening.get(half);
    if (known !== undefined) return known;
    const key = this.#keyFor(nonce);
    const [oldest] = this.#opening.keys();
    if (oldest !== undefined && this.#opening.size >= OPENING_KEYS_MAX) this.#opening.delete(oldest);
    this.#opening.set(half, key);
    return key;
  }

  /** SP 800-108 counter mode over CMAC; both inputs fill one block, so CMAC is one XOR with its first subkey. */
  #keyFor(nonce: Uint8Array): KeyObject {
    const blocks = Buffer.alloc(32);
    for (const counter of [1, 2]) {
      const at = (counter - 1) * 16;
      blocks[at + 1] = counter;
      blocks[at + 2] = 0x58; // label "X"
      blocks.set(nonce.subarray(0, HALF_BYTES), at + 4);
    }
    for (let i = 0; i < 32; i += 1) blocks[i] = (blocks[i] ?? 0) ^ (this.#subkey[i % 16] ?? 0);
    return createSecretKey(encryptBlocks(this.#key, blocks));
  }
}

function encryptBlocks(key: KeyObject, blocks: Buffer): Buffer {
  const cipher = createCipheriv("aes-256-ecb", key, null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(blocks), cipher.final()]);
}

/** Multiplication by x in GF(2^128), as CMAC makes its first subkey (RFC 4493 section 2.3). */
function doubled(block: Buffer): Buffer {
  const out = Buffer.alloc(16);
  for (let i = 0; i < 16; i += 1) out[i] = ((block[i] ?? 0) << 1) | ((block[i + 1] ?? 0) >> 7);
  if ((block[0] ?? 0) & 0x80) out[15] = (out[15] ?? 0) ^ 0x87;
  return out;
}
