/**
 * Seals small fields of the database (addresses, replies, findings, plans) under the `addresses` key.
 * Promises: the same field sealed twice looks different; a field opens only in the place it was sealed for; the look-up
 * hash uses a key of its own, so that knowing it opens nothing. Leaves normalising (case, A-labels) to the caller.
 */
import { createHmac, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { Sealer } from "../../core/sealer.ts";
import { ExtendedGcm } from "./extended-gcm.ts";
import { SealBrokenError } from "./key-errors.ts";
import type { KeyRing } from "./key-ring.ts";

const FORM = /^s1\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/;
const INDEX_HEX_CHARACTERS = 32;

export class FieldSealer implements Sealer {
  readonly #keyId: string;
  readonly #fields: ExtendedGcm;
  readonly #indexKey: KeyObject;

  constructor(keyRing: KeyRing) {
    this.#keyId = keyRing.id("addresses");
    this.#fields = new ExtendedGcm(keyRing.derive("addresses", "postern field encryption v1"));
    this.#indexKey = createSecretKey(keyRing.derive("addresses", "postern field index v1"));
  }

  seal(plaintext: string, context: string): string {
    const sealed = this.#fields.seal(Buffer.from(plaintext, "utf8"), Buffer.from(context, "utf8"));
    return `s1.${this.#keyId}.${sealed.toString("base64url")}`;
  }

  open(sealed: string, context: string): string {
    const match = FORM.exec(sealed);
    if (match === null) throw new SealBrokenError(`the sealed text for ${context} has an unknown form`);
    if (match[1] !== this.#keyId) {
      throw new SealBrokenError(
        `the sealed text for ${context} needs the addresses key ${match[1]}, given: ${this.#keyId}`,
      );
    }
    try {
      const bytes = Buffer.from(match[2] ?? "", "base64url");
      return this.#fields.open(bytes, Buffer.from(context, "utf8")).toString("utf8");
    } catch {
      throw new SealBrokenError(`the sealed text for ${context} was altered or stands in the wrong place`);
    }
  }

  index(text: string): string {
    return createHmac("sha256", this.#indexKey).update(text, "utf8").digest("hex").slice(0, INDEX_HEX_CHARACTERS);
  }
}
