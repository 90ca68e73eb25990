/**
 * Seals small fields of the database (addresses, replies, findings, plans) under the `addresses` key.
 * Promises: the same field sealed twice looks different; a field opens only in the place it was sealed for; the look-up
 * hash uses a key of its own, so that knowing it opens nothing; keys of before still open and still find. Leaves normalising
 * (case, A-labels) to the caller.
 */
import { createHmac, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Sealer } from "../../core/sealer.ts";
import { ExtendedGcm } from "./extended-gcm.ts";
import { SealBrokenError } from "./key-errors.ts";
import type { KeyRing } from "./key-ring.ts";

const FORM = /^s1\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/;
const INDEX_HEX_CHARACTERS = 32;
/** Hashes kept, of texts asked for again. */
const REMEMBERED_MAX = 4_096;

type FieldKeys = {
  readonly id: string;
  readonly fields: ExtendedGcm;
  readonly indexKey: KeyObject;
  readonly known: Map<string, string>;
};

export class FieldSealer implements Sealer {
  readonly #keyRing: KeyRing;
  readonly #keys = new Map<string, FieldKeys>();

  /** Follows the ring when other keys come in force. */
  constructor(keyRing: KeyRing) {
    this.#keyRing = keyRing;
    this.#current();
  }

  seal(plaintext: string, context: string): string {
    const { id, fields } = this.#current();
    const sealed = fields.seal(Buffer.from(plaintext, "utf8"), Buffer.from(context, "utf8"));
    return `s1.${id}.${sealed.toString("base64url")}`;
  }

  open(sealed: string, context: string): string {
    const match = FORM.exec(sealed);
    const [, id = "", text = ""] = match ?? [];
    if (match === null) throw new SealBrokenError(`the sealed text for ${context} has an unknown form`);
    if (!this.#keyRing.ids("addresses").includes(id)) {
      const given = this.#keyRing.id("addresses");
      throw new SealBrokenError(`the sealed text for ${context} needs the addresses key ${id}, given: ${given}`);
    }
    try {
      const bytes = Buffer.from(text, "base64url");
      return this.#keysOf(id).fields.open(bytes, Buffer.from(context, "utf8")).toString("utf8");
    } catch {
      throw new SealBrokenError(`the sealed text for ${context} was altered or stands in the wrong place`);
    }
  }

  mark(): string {
    return `s1.${this.#keyRing.id("addresses")}.`;
  }

  index(text: string): string {
    const keys = this.#current();
    const known = keys.known.get(text);
    if (known !== undefined) return known;
    const index = hashed(text, keys);
    if (keys.known.size >= REMEMBERED_MAX) keys.known.clear();
    keys.known.set(text, index);
    return index;
  }

  indexes(text: string): readonly string[] {
    return this.#keyRing.ids("addresses").map((id) => hashed(text, this.#keysOf(id)));
  }

  #current(): FieldKeys {
    return this.#keysOf(this.#keyRing.id("addresses"));
  }

  #keysOf(id: string): FieldKeys {
    let keys = this.#keys.get(id);
    if (keys === undefined) {
      const fields = new ExtendedGcm(this.#keyRing.derive("addresses", "postern field encryption v1", id));
      const indexKey = createSecretKey(this.#keyRing.derive("addresses", "postern field index v1", id));
      keys = { id, fields, indexKey, known: new Map() };
      this.#keys.set(id, keys);
    }
    return keys;
  }
}

function hashed(text: string, { indexKey }: FieldKeys): string {
  return createHmac("sha256", indexKey).update(text, "utf8").digest("hex").slice(0, INDEX_HEX_CHARACTERS);
}
