/** What is remembered of recipient domains, in the state database beside the queue: written and read by its writer thread, sealed on this one. */
import type { Clock } from "../../core/clock.ts";
import { DOMAIN_FACT_LIMITS } from "../../core/domain-facts.ts";
import type { DomainFact, DomainFactKind, DomainFactPage, DomainFacts } from "../../core/domain-facts.ts";
import type { Log } from "../../core/log.ts";
import type { Wait } from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";
import { DomainFactCodec } from "./domain-fact-codec.ts";
import { storeError, toStoreError } from "./sqlite-store-error.ts";
import type { WriterClient } from "./writer-client.ts";
import type { DomainFactReads, DomainFactRow } from "./writer-domain-facts.ts";

/** What is due and cannot be opened is due again so much later, so that it does not stand before the others for ever. */
const UNREADABLE_MS = 3_600_000;
const { factsPerCallMax, factsPerKindMax } = DOMAIN_FACT_LIMITS;

export type DomainFactOptions = {
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the limit of the seam is too much for a test. */
  readonly factsPerKindMax?: number;
};

export class SqliteDomainFacts implements DomainFacts {
  readonly #client: WriterClient;
  readonly #codec: DomainFactCodec;
  readonly #options: DomainFactOptions;

  constructor(client: WriterClient, options: DomainFactOptions) {
    this.#client = client;
    this.#codec = new DomainFactCodec(options.sealer);
    this.#options = options;
  }

  async get(kind: DomainFactKind, domain: string): Promise<DomainFact | null> {
    const row = await this.#client.call({ kind: "fact", args: { kind, indexes: this.#codec.indexes(domain) } }, false);
    return row === null ? null : this.#codec.fact(row);
  }

  async put(kind: DomainFactKind, facts: readonly DomainFact[], wait: Wait): Promise<void> {
    if (facts.length === 0) return;
    assertFew(facts.length);
    const now = this.#options.clock.now();
    const rows = facts.map((fact) => this.#codec.row(kind, fact, now));
    const args = { kind, rows, factsMax: this.#options.factsPerKindMax ?? factsPerKindMax };
    await this.#client.call({ kind: "putFacts", args }, wait === "durable");
  }

  async remove(kind: DomainFactKind, domains: readonly string[], wait: Wait): Promise<void> {
    if (domains.length === 0) return;
    assertFew(domains.length);
    const indexes = domains.flatMap((domain) => this.#codec.indexes(domain));
    await this.#client.call({ kind: "removeFacts", args: { kind, indexes } }, wait === "durable");
  }

  async due(kind: DomainFactKind, now: number, limit: number): Promise<readonly DomainFact[]> {
    const args = { kind, now, limit: Math.min(limit, factsPerCallMax) };
    const rows = await this.#client.call({ kind: "factsDue", args }, false);
    const { facts, unreadable } = readable(rows, this.#codec, this.#options.log);
    if (unreadable.length > 0) {
      const postponed = { ids: unreadable, lookAt: now + UNREADABLE_MS };
      await this.#client.call({ kind: "postponeFacts", args: postponed }, false);
    }
    return facts;
  }

  async list(kind: DomainFactKind, page: { after: string | null; limit: number }): Promise<DomainFactPage> {
    const args = pageRows(kind, page);
    const rows = await this.#client.call({ kind: "factPage", args }, false);
    return toPage(rows, args.limit, readable(rows, this.#codec, this.#options.log).facts);
  }

  async forget(now: number, limit: number): Promise<number> {
    return this.#client.call({ kind: "forgetFacts", args: { now, limit } }, false);
  }
}

/** For commands beside the service, or while it is down. Throws where a fact cannot be opened. */
export function readDomainFacts(reads: DomainFactReads, sealer: Sealer): Pick<DomainFacts, "get" | "list"> {
  const codec = new DomainFactCodec(sealer);
  return {
    get: async (kind, domain) => {
      const row = reads.one({ kind, indexes: codec.indexes(domain) });
      return row === null ? null : codec.fact(row);
    },
    list: async (kind, page) => {
      const args = pageRows(kind, page);
      const rows = reads.page(args);
      return toPage(
        rows,
        args.limit,
        rows.map((row) => codec.fact(row)),
      );
    },
  };
}

function pageRows(kind: DomainFactKind, { after, limit }: { readonly after: string | null; readonly limit: number }) {
  return { kind, after: after ?? "", limit: Math.min(limit, factsPerCallMax) };
}

function toPage(rows: readonly DomainFactRow[], limit: number, facts: readonly DomainFact[]): DomainFactPage {
  return { facts, next: rows.length < limit ? null : (rows.at(-1)?.domain_index ?? null) };
}

type Readable = { readonly facts: readonly DomainFact[]; readonly unreadable: readonly string[] };

function readable(rows: readonly DomainFactRow[], codec: DomainFactCodec, log: Log): Readable {
  const unreadable: string[] = [];
  const facts = rows.flatMap((row) => {
    try {
      return [codec.fact(row)];
    } catch (error) {
      log.error("domain_fact_unreadable", { fact: row.id, kind: row.kind, code: toStoreError(error).code });
      unreadable.push(row.id);
      return [];
    }
  });
  return { facts, unreadable };
}

function assertFew(count: number): void {
  if (count > factsPerCallMax)
    throw storeError("PST-SPL-062", `${count} facts in one call, at most ${factsPerCallMax}`);
}
