/**
 * AES-256-GCM with a 24-byte random nonce (C2SP XAES-256-GCM: SP 800-108 derives a key from the first 12 bytes, GCM
 * takes the other 12). Plain GCM must not be used for more than 2^32 random nonces under one key (SP 800-38D section
 * 8.3), which a busy gateway's address key would reach within months; this form has no such limit in practice.
 * Promises: `open` returns only what `seal` was given with the same key and the same associated text.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";

const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;

export class ExtendedGcm {
  readonly #key: KeyObject;
  readonly #subkey: Buffer;

  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new Error("an AES-256 key has 32 bytes");
    this.#key = createSecretKey(key);
    this.#subkey = doubled(encryptBlocks(this.#key, Buffer.alloc(16)));
  }

  /** nonce | ciphertext | tag. A nonce is given by known-answer tests only. */
  seal(plaintext: Uint8Array, associated: Uint8Array, nonce: Uint8Array = randomBytes(NONCE_BYTES)): Buffer {
    const cipher = createCipheriv("aes-256-gcm", this.#keyFor(nonce), nonce.subarray(12));
    cipher.setAAD(associated);
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  /** Throws when anything differs; nothing unauthenticated is returned. */
  open(sealed: Uint8Array, associated: Uint8Array): Buffer {
    if (sealed.length < OVERHEAD_BYTES) throw new Error("sealed text too short");
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv("aes-256-gcm", this.#keyFor(nonce), nonce.subarray(12), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const plaintext = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    return Buffer.concat([plaintext, decipher.final()]);
  }

  /** SP 800-108 counter mode over CMAC; both inputs fill one block, so CMAC is one XOR with its first subkey. */
  #keyFor(nonce: Uint8Array): Buffer {
    const blocks = Buffer.alloc(32);
    for (const counter of [1, 2]) {
      const at = (counter - 1) * 16;
      blocks[at + 1] = counter;
      blocks[at + 2] = 0x58; // label "X"
      blocks.set(nonce.subarray(0, 12), at + 4);
    }
    for (let i = 0; i < 32; i += 1) blocks[i] = (blocks[i] ?? 0) ^ (this.#subkey[i % 16] ?? 0);
    return encryptBlocks(this.#key, blocks);
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
