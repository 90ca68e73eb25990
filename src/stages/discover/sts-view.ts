/** Policies as commands show them: those remembered, in pages or one by one, and what a fetch on request came to. Changes nothing but by `refresh`. */
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import type { StsPage, StsRefreshed, StsRow } from "../../core/sts-rows.ts";
import { isInForce } from "../../parts/sts/policy-state.ts";
import { lookAt, readStored } from "./sts-stored.ts";
import type { Stored } from "./sts-stored.ts";
import type { StsPolicies } from "./sts.ts";

const PAGE_ROWS = 100;
const MX_LISTED_MAX = 5;

type Facts = Pick<DomainFacts, "get" | "list">;

/** `after` null begins. Rejects where a row cannot be read. */
export async function listPolicies(facts: Facts, after: string | null, now: number): Promise<StsPage> {
  const { facts: page, next } = await facts.list("sts", { after, limit: PAGE_ROWS });
  return { rows: page.flatMap((fact) => rowsOf(fact, now, MX_LISTED_MAX)), next };
}

/** null: no policy is held. */
export async function findPolicy(facts: Facts, domain: string, now: number): Promise<StsRow | null> {
  const fact = await facts.get("sts", domain);
  return (fact === null ? [] : rowsOf(fact, now))[0] ?? null;
}

export async function refreshPolicy(policies: StsPolicies, domain: string, now: number): Promise<StsRefreshed> {
  const { text, fetch } = await policies.renew(domain);
  const stored = await policies.recall(domain);
  return {
    domain,
    record: text,
    policy: fetch?.kind === "policy" ? fetch.policy : null,
    failure: fetch?.kind === "failed" ? fetch.failure : null,
    held: stored === null ? null : rowOf(domain, stored, now),
  };
}

function rowsOf(fact: DomainFact, now: number, mxMax = Infinity): readonly StsRow[] {
  const row = rowOf(fact.domain, readStored(fact), now);
  return row === null ? [] : [{ ...row, mx: row.mx.slice(0, mxMax) }];
}

function rowOf(domain: string, { held, trouble, usedAt }: Stored, now: number): StsRow | null {
  if (held === null) return null;
  const { id, policy, fetchedAt, expiresAt } = held;
  const next = lookAt({ held, trouble }, now);
  return {
    domain,
    mode: policy.mode,
    id,
    mx: policy.mx,
    mxCount: policy.mx.length,
    fetchedAt: iso(fetchedAt),
    expiresAt: iso(expiresAt),
    isInForce: isInForce(held, now),
    nextLookAt: next === null ? null : iso(next),
    usedAt: iso(usedAt),
    failures: trouble?.count ?? 0,
    failure: trouble?.failure ?? null,
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
