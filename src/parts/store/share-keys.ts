/**
 * Whose shares of the work a message takes up, as keyed hashes: one for submitter and sender together, one for each recipient's
 * domain. Addresses and domains are compared whatever their case and the form of an international domain.
 */
import { domainToASCII } from "node:url";
import { isPlainName } from "../../core/plain-name.ts";
import type { MessageShares } from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";
import type { Submission } from "../../core/submission.ts";

/** Characters of a keyed hash: 64 bits tell all there are apart, and keep the index small. */
const SHARE_CHARACTERS = 16;
const REMEMBERED_MAX = 4_096;

export class ShareKeys {
  readonly #sealer: Sealer;
  /** By what was hashed: most mail comes from few and goes to few, and one mail's shares are asked for more than once. */
  readonly #known = new Map<string, string>();

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  of({ submitter, envelope, recipients }: Pick<Submission, "submitter" | "envelope" | "recipients">): MessageShares {
    const address = envelope.sender === null ? "" : envelope.sender.address;
    return {
      sender: this.#keyOf(`sender ${submitter.submitter} `, address),
      lanes: recipients.map(({ mailbox }) => this.#keyOf("lane ", mailbox.domain)),
    };
  }

  #keyOf(what: string, address: string): string {
    const text = what + address;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const key = this.#sealer.index(what + canonicalAddress(address)).slice(0, SHARE_CHARACTERS);
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.set(text, key);
    return key;
  }
}

/** An address without `@` is a domain. */
export function canonicalAddress(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  const isAscii = domain.startsWith("[") || isPlainName(domain.toLowerCase());
  const ascii = isAscii ? domain : domainToASCII(domain);
  return `${address.slice(0, at + 1)}${ascii === "" ? domain : ascii}`.normalize("NFC").toLowerCase();
}
