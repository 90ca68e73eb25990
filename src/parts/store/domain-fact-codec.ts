/** Turns facts of domains into rows and back. Promises that domain and value leave this module sealed, and the domain as a keyed hash. */
import { randomUUID } from "node:crypto";
import { DOMAIN_FACT_LIMITS } from "../../core/domain-facts.ts";
import type { DomainFact, DomainFactKind } from "../../core/domain-facts.ts";
import type { Sealer } from "../../core/sealer.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";
import { canonicalAddress } from "./share-keys.ts";
import { storeError } from "./sqlite-store-error.ts";
import type { DomainFactRow, NewDomainFactRow } from "./writer-domain-facts.ts";

type SealedFact = Pick<DomainFact, "domain" | "value">;

export class DomainFactCodec {
  readonly #sealer: Sealer;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
  }

  /** Under every key a row may have been written with. */
  indexes(domain: string): readonly string[] {
    return this.#sealer.indexes(hashed(domain));
  }

  row(kind: DomainFactKind, fact: DomainFact, now: number): NewDomainFactRow {
    const domain = canonicalAddress(fact.domain);
    const text = JSON.stringify({ domain, value: fact.value } satisfies SealedFact);
    if (Buffer.byteLength(text) > DOMAIN_FACT_LIMITS.valueBytesMax) {
      throw storeError(
        "PST-SPL-062",
        `a fact of kind ${kind} is larger than ${DOMAIN_FACT_LIMITS.valueBytesMax} bytes`,
      );
    }
    const id = randomUUID();
    const [index = "", ...former] = this.indexes(domain);
    return {
      id,
      kind,
      domain_index: index,
      sealed: this.#sealer.seal(text, contextOf(id)),
      written_at: now,
      look_at: fact.lookAt,
      forget_at: fact.forgetAt,
      formerIndexes: JSON.stringify(former),
    };
  }

  fact({ id, sealed, look_at: lookAt, forget_at: forgetAt }: DomainFactRow): DomainFact {
    try {
      const { domain, value } = JSON.parse(this.#sealer.open(sealed, contextOf(id))) as SealedFact;
      return { domain, value, lookAt, forgetAt };
    } catch (error) {
      throw storeError("PST-SPL-061", contextOf(id), error);
    }
  }
}

/** Under the present key; for a row that is sealed anew. `text`: what was sealed. */
export function domainIndexOf(text: string, sealer: Sealer): string {
  return sealer.index(hashed((JSON.parse(text) as SealedFact).domain));
}

function hashed(domain: string): string {
  return `domain ${canonicalAddress(domain)}`;
}

function contextOf(id: string): string {
  return `${SEALED_COLUMNS["domain_fact.sealed"].context} ${id}`;
}
