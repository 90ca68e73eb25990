/**
 * The keys at rest of this process: one key-encryption key (KEK) per role, from bytes the configuration resolved.
 * Promises: roles never share a key; a KEK itself encrypts nothing, each use has its own key derived from it (HKDF,
 * RFC 5869); what is wrapped carries the id of its KEK, so that a ring holds the keys of before beside the present one:
 * they open, and never wrap again. Leaves to others: where the bytes come from (parts/config), wrapping anew (rekey).
 */
import { createHash, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { ExtendedGcm } from "./extended-gcm.ts";
import { KeyUnusableError, SealBrokenError } from "./key-errors.ts";

/** `spool` wraps the keys of stored bodies; `addresses` seals fields of the database and makes their look-up hashes. */
export type KeyRole = "spool" | "addresses";

/** `name` is what the operator calls it, such as its path in the configuration; it appears in errors. */
export type KeyMaterial = { readonly name: string; readonly bytes: Uint8Array };

/** The present key of each role; a process gives only the roles it needs. `previous` still opens what it once wrapped. */
export type RingMaterial = { readonly [Role in KeyRole]?: KeyMaterial } & {
  readonly previous?: { readonly [Role in KeyRole]?: readonly KeyMaterial[] };
};

type Kek = { readonly key: KeyObject; readonly id: string; readonly wrapping: ExtendedGcm };
type Keks = readonly [Kek, ...Kek[]];

const ROLES = ["spool", "addresses"] as const satisfies readonly KeyRole[];

const KEK_BYTES = 32;
const ID_BYTES = 8;
const WRAP_VERSION = 1;

export class KeyRing {
  #keks: ReadonlyMap<KeyRole, Keks>;

  /** Throws KeyUnusableError naming the key that cannot be used. */
  constructor(material: RingMaterial) {
    this.#keks = readRing(material);
  }

  /**
   * Takes other keys in force, for whoever holds this ring. Throws KeyUnusableError (PST-SPL-014) and changes nothing where the
   * key that wraps now would be gone: it must come back as a previous one.
   */
  replace(material: RingMaterial): void {
    const next = readRing(material);
    for (const [role, [current]] of this.#keks) {
      if (next.get(role)?.some(({ id }) => id === current.id) === true) continue;
      throw new KeyUnusableError("PST-SPL-014", `the key ${current.id} of keys.${role} is not among the new ones`);
    }
    this.#keks = next;
  }

  /** Sixteen hex characters that tell keys apart and say nothing about them; safe in logs. */
  id(role: KeyRole): string {
    return this.#current(role).id;
  }

  /** All that open, the present one first. */
  ids(role: KeyRole): readonly string[] {
    return (this.#keks.get(role) ?? []).map(({ id }) => id);
  }

  /** A 32-byte key for one purpose of this role; different purposes give unrelated keys. `id`: of a previous key. */
  derive(role: KeyRole, purpose: string, id: string = this.id(role)): Buffer {
    return derived(this.#kek(role, id).key, purpose, KEK_BYTES);
  }

  /** Base64 of version, KEK id and the encrypted data key. `context` binds it to its place. */
  wrap(role: KeyRole, dataKey: Uint8Array, context: string): string {
    const kek = this.#current(role);
    const sealed = kek.wrapping.seal(dataKey, Buffer.from(context));
    return Buffer.concat([Buffer.of(WRAP_VERSION), Buffer.from(kek.id, "hex"), sealed]).toString("base64");
  }

  /** What every key wrapped by the present one begins with. */
  mark(role: KeyRole): string {
    return Buffer.concat([Buffer.of(WRAP_VERSION), Buffer.from(this.#current(role).id, "hex")]).toString("base64");
  }

  /** Throws SealBrokenError when it was wrapped under a key not given or for another place, or was altered. */
  unwrap(role: KeyRole, wrapped: string, context: string): Buffer {
    const kek = this.#kek(role, wrappingKeyId(wrapped));
    try {
      const sealed = Buffer.from(wrapped, "base64").subarray(1 + ID_BYTES);
      return kek.wrapping.open(sealed, Buffer.from(context));
    } catch {
      throw new SealBrokenError("a wrapped key was altered or stands in the wrong place");
    }
  }

  #current(role: KeyRole): Kek {
    const [current] = this.#keks.get(role) ?? [];
    if (current === undefined) throw new KeyUnusableError("PST-SPL-012", `no key was given for the role ${role}`);
    return current;
  }

  #kek(role: KeyRole, id: string): Kek {
    const current = this.#current(role);
    const kek = this.#keks.get(role)?.find((known) => known.id === id);
    if (kek !== undefined) return kek;
    throw new SealBrokenError(`a wrapped key needs the ${role} key ${id}, the one given is ${current.id}`);
  }
}

/** Which key wrapped it. Throws SealBrokenError where it has no form of ours. */
export function wrappingKeyId(wrapped: string): string {
  const bytes = Buffer.from(wrapped, "base64");
  if (bytes[0] !== WRAP_VERSION || bytes.length <= 1 + ID_BYTES) {
    throw new SealBrokenError("a wrapped key has an unknown form");
  }
  return bytes.subarray(1, 1 + ID_BYTES).toString("hex");
}

function readRing(material: RingMaterial): ReadonlyMap<KeyRole, Keks> {
  const keks = new Map<KeyRole, Keks>();
  const seen = new Map<string, string>();
  for (const role of ROLES) {
    const given = material[role];
    if (given === undefined) continue;
    const previous = material.previous?.[role] ?? [];
    keks.set(role, [usableKek(given, seen), ...previous.map((old) => usableKek(old, seen))]);
  }
  return keks;
}

/** `seen`: names of the keys read so far, by what they are. */
function usableKek(given: KeyMaterial, seen: Map<string, string>): Kek {
  const bytes = readKek(given);
  const print = createHash("sha256").update(bytes).digest("hex");
  const twin = seen.get(print);
  if (twin !== undefined) {
    throw new KeyUnusableError("PST-SPL-011", `the keys ${twin} and ${given.name} are the same; make one for each`);
  }
  seen.set(print, given.name);
  const kek = kekOf(bytes);
  bytes.fill(0);
  return kek;
}

function kekOf(bytes: Buffer): Kek {
  const key = createSecretKey(bytes);
  return {
    key,
    id: derived(key, "postern key id v1", ID_BYTES).toString("hex"),
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
