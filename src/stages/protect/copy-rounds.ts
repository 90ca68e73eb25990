/**
 * Which copies to compliance may be rounds of a loop: a list behind the mailbox sends them on through this gateway, under another
 * sender and a header of its own, and each would be copied again. Promises: copies are counted by the Message-ID and by what was found
 * and for whom, so many of each an hour; asked again for the same message it says the same. Where it cannot count, it lets copy.
 */
import { createHash } from "node:crypto";
import type { Findings } from "../../core/findings.ts";

const HOUR_MS = 3_600_000;
/** More than any conversation has, and few enough for whoever clears them away. */
export const COPIES_ALIKE_MAX = 50;
/** Counted in an hour, of all kinds. */
const COUNTED_MAX = 200_000;
/** One word that many mails share is no likeness. */
const VALUES_MIN = 2;

export type CopyFacts = {
  readonly message: string;
  readonly now: number;
  readonly messageId: string | null;
  readonly findings: Findings | null;
  readonly recipients: readonly string[];
};

export class CopyRounds {
  readonly #copies = new Map<string, Set<string>>();
  #hour = 0;
  #counted = 0;

  /** Takes a place among copies alike; false where too many went already. */
  take(facts: CopyFacts): boolean {
    const hour = Math.floor(facts.now / HOUR_MS);
    if (hour !== this.#hour) {
      this.#hour = hour;
      this.#counted = 0;
      this.#copies.clear();
    }
    const alike = keysOf(facts).map((key) => this.#copies.get(key) ?? this.#begun(key));
    if (alike.some((copies) => !copies.has(facts.message) && copies.size >= COPIES_ALIKE_MAX)) return false;
    for (const copies of alike) {
      if (copies.has(facts.message) || this.#counted >= COUNTED_MAX) continue;
      copies.add(facts.message);
      this.#counted += 1;
    }
    return true;
  }

  #begun(key: string): Set<string> {
    const copies = new Set<string>();
    if (this.#counted < COUNTED_MAX) this.#copies.set(key, copies);
    return copies;
  }
}

function keysOf({ messageId, findings, recipients }: CopyFacts): readonly string[] {
  const inBody = findings?.findings.filter(({ part }) => !part.startsWith("header:")) ?? [];
  const values = [...new Set(inBody.map(({ detector, valueHash }) => `${detector} ${valueHash}`))].toSorted();
  return [
    ...(messageId === null ? [] : [hashOf(["id", messageId])]),
    ...(values.length < VALUES_MIN ? [] : [hashOf(["found", ...recipients.toSorted(), "", ...values])]),
  ];
}

function hashOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
