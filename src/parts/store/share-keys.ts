/**
 * Whose shares of the work a message takes up, as keyed hashes: one for submitter and sender together, one for each recipient's
 * domain. Addresses and domains are compared whatever their case and the form of an international domain.
 */
import { domainToASCII } from "node:url";
import type { MessageShares } from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";
import type { Submission } from "../../core/submission.ts";

/** Characters of a keyed hash: 64 bits tell all there are apart, and keep the index small. */
const SHARE_CHARACTERS = 16;
const LANES_REMEMBERED_MAX = 4_096;

export class ShareKeys {
  readonly #sealer: Sealer;
  /** By domain; most mail goes to few. */
  readonly #lanes = new Map<string, string>();

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  of({ submitter, envelope, recipients }: Pick<Submission, "submitter" | "envelope" | "recipients">): MessageShares {
    const address = envelope.sender === null ? "" : canonicalAddress(envelope.sender.address);
    return {
      sender: this.#key(`sender ${submitter.submitter} ${address}`),
      lanes: recipients.map(({ mailbox }) => this.#laneOf(mailbox.domain)),
    };
  }

  #laneOf(domain: string): string {
    const known = this.#lanes.get(domain);
    if (known !== undefined) return known;
    const lane = this.#key(`lane ${canonicalAddress(domain)}`);
    if (this.#lanes.size >= LANES_REMEMBERED_MAX) this.#lanes.clear();
    this.#lanes.set(domain, lane);
    return lane;
  }

  #key(text: string): string {
    return this.#sealer.index(text).slice(0, SHARE_CHARACTERS);
  }
}

/** An address without `@` is a domain. */
export function canonicalAddress(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  const ascii = domain.startsWith("[") ? domain : domainToASCII(domain);
  return `${address.slice(0, at + 1)}${ascii === "" ? domain : ascii}`.normalize("NFC").toLowerCase();
}
