/**
 * The keys at rest of this process: one key-encryption key (KEK) per role, from bytes the configuration resolved.
 * Promises: roles never share a key; a KEK itself encrypts nothing, each use has its own key derived from it (HKDF,
 * RFC 5869); what is wrapped carries the id of its KEK, so that a ring may later hold old keys beside the new one.
 * Leaves to others: where the bytes come from (parts/config), rotation.
 */
import { createHash, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { ExtendedGcm } from "./extended-gcm.ts";
import { KeyUnusableError, SealBrokenError } from "./key-errors.ts";

/** `spool` wraps the keys of stored bodies; `addresses` seals fields of the database and makes their look-up hashes. */
export type KeyRole = "spool" | "addresses";

/** `name` is what the operator calls it, such as its path in the configuration; it appears in errors. */
export type KeyMaterial = { readonly name: string; readonly bytes: Uint8Array };

type Kek = { readonly key: KeyObject; readonly id: Buffer; readonly wrapping: ExtendedGcm };

const KEK_BYTES = 32;
const ID_BYTES = 8;
const WRAP_VERSION = 1;

export class KeyRing {
  readonly #keks: ReadonlyMap<KeyRole, Kek>;

  /** Throws KeyUnusableError naming the key that cannot be used. A process gives only the roles it needs. */
  constructor(material: { readonly [Role in KeyRole]?: KeyMaterial }) {
    const keks = new Map<KeyRole, Kek>();
    const seen = new Map<string, string>();
    for (const role of ["spool", "addresses"] as const) {
      const given = material[role];
      if (given === undefined) continue;
      const bytes = readKek(given);
      const print = createHash("sha256").update(bytes).digest("hex");
      const twin = seen.get(print);
      if (twin !== undefined) {
        throw new KeyUnusableError("PST-SPL-011", `the keys ${twin} and ${given.name} are the same; make one for each`);
      }
      seen.set(print, given.name);
      keks.set(role, kekOf(bytes));
      bytes.fill(0);
    }
    this.#keks = keks;
  }

  /** Sixteen hex characters that tell keys apart and say nothing about them; safe in logs. */
  id(role: KeyRole): string {
    return this.#kek(role).id.toString("hex");
  }

  /** A 32-byte key for one purpose of this role; different purposes give unrelated keys. */
  derive(role: KeyRole, purpose: string): Buffer {
    return derived(this.#kek(role).key, purpose, KEK_BYTES);
  }

  /** Base64 of version, KEK id and the encrypted data key. `context` binds it to its place. */
  wrap(role: KeyRole, dataKey: Uint8Array, context: string): string {
    const kek = this.#kek(role);
    const sealed = kek.wrapping.seal(dataKey, Buffer.from(context));
    return Buffer.concat([Buffer.of(WRAP_VERSION), kek.id, sealed]).toString("base64");
  }

  /** Throws SealBrokenError when it was wrapped under another key or for another place, or was altered. */
  unwrap(role: KeyRole, wrapped: string, context: string): Buffer {
    const kek = this.#kek(role);
    const bytes = Buffer.from(wrapped, "base64");
    if (bytes[0] !== WRAP_VERSION || bytes.length <= 1 + ID_BYTES) {
      throw new SealBrokenError("a wrapped key has an unknown form");
    }
    const id = bytes.subarray(1, 1 + ID_BYTES);
    if (!id.equals(kek.id)) {
      throw new SealBrokenError(
        `a wrapped key needs the ${role} key ${id.toString("hex")}, the one given is ${this.id(role)}`,
      );
    }
    try {
      return kek.wrapping.open(bytes.subarray(1 + ID_BYTES), Buffer.from(context));
    } catch {
      throw new SealBrokenError("a wrapped key was altered or stands in the wrong place");
    }
  }

  #kek(role: KeyRole): Kek {
    const kek = this.#keks.get(role);
    if (kek === undefined) throw new KeyUnusableError("PST-SPL-012", `no key was given for the role ${role}`);
    return kek;
  }
}

function kekOf(bytes: Buffer): Kek {
  const key = createSecretKey(bytes);
  return {
    key,
    id: derived(key, "postern key id v1", ID_BYTES),
    wrapping: new ExtendedGcm(derived(key, "postern key wrap v1", KEK_BYTES)),
  };
}

function derived(key: KeyObject, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), purpose, bytes));
}

/** 32 raw bytes, or 32 bytes written as hexadecimal or base64 text with or without a line break at its end. */
function readKek(material: KeyMaterial): Buffer {
  const { name, bytes } = material;
  const text = Buffer.from(bytes).toString("latin1").trim();
  const isHex = /^[0-9a-fA-F]+$/.test(text);
  if (isHex && text.length === 2 * KEK_BYTES) return checkedKek(name, Buffer.from(text, "hex"));
  if (isHex && bytes.length === KEK_BYTES) {
    throw unusable(name, "has 32 hexadecimal characters, which are only 16 bytes");
  }
  if (bytes.length === KEK_BYTES) return checkedKek(name, Buffer.from(bytes));
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return checkedKek(name, Buffer.from(text, "base64"));
  throw unusable(name, bytes.length === 0 ? "is empty" : `has ${bytes.length} bytes`);
}

function checkedKek(name: string, bytes: Buffer): Buffer {
  if (bytes.every((byte) => byte === bytes[0])) throw unusable(name, "has 32 equal bytes, which is no key");
  return bytes;
}

function unusable(name: string, what: string): KeyUnusableError {
  const wanted = "expected 32 random bytes: raw, as 64 hexadecimal or as 44 base64 characters";
  return new KeyUnusableError("PST-SPL-010", `the key ${name} ${what}; ${wanted} (openssl rand -hex 32)`);
}
