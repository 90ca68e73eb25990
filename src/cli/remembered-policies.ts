/**
 * MTA-STS for commands that look at the way of mail: what the service remembers counts, what it does not is asked for. Promises:
 * writes nothing; where the database cannot be read, says so and goes by what is asked alone.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DomainFact, DomainFacts } from "../core/domain-facts.ts";
import { errorName } from "../core/error-facts.ts";
import type { Log } from "../core/log.ts";
import { stsFetchOptions } from "../options.ts";
import type { Resolver } from "../core/dns-answer.ts";
import { ringMaterial } from "../parts/config/config-files.ts";
import type { Config } from "../parts/config/config.ts";
import { FieldSealer } from "../parts/keys/field-sealer.ts";
import { KeyRing } from "../parts/keys/key-ring.ts";
import { openQueueReader } from "../parts/store/sqlite-queue-reader.ts";
import type { QueueReader } from "../parts/store/sqlite-queue-reader.ts";
import { createFetchPolicy } from "../parts/sts/fetch-policy.ts";
import { STS_DEFAULTS, StsPolicies } from "../stages/discover/sts.ts";
import { DATABASE_NAME } from "./surroundings.ts";

export type RememberedPolicies = {
  readonly policies: StsPolicies;
  /** Reads what is remembered; what would be written is dropped. */
  readonly facts: Pick<DomainFacts, "get" | "put" | "due">;
  readonly close: () => void;
};

export function rememberedPolicies(config: Config, resolver: Resolver, log: Log): RememberedPolicies {
  const reader = openReader(config, log);
  const facts: RememberedPolicies["facts"] = {
    get: async (kind, domain): Promise<DomainFact | null> => (await reader?.domainFacts.get(kind, domain)) ?? null,
    put: () => Promise.resolve(),
    due: () => Promise.resolve([]),
  };
  const policies = new StsPolicies(STS_DEFAULTS, {
    resolver,
    fetchPolicy: createFetchPolicy(stsFetchOptions(config), resolver),
    facts,
    clock: { now: () => Date.now() },
    chance: Math.random,
    // What fails is told with the policy itself.
    log: { ...log, warn: () => undefined },
    raise: () => undefined,
  });
  return { policies, facts, close: () => reader?.close() };
}

function openReader({ dataDir, keys }: Config, log: Log): QueueReader | null {
  const path = join(dataDir, DATABASE_NAME);
  // Before the first start there is nothing to remember.
  if (!existsSync(path)) return null;
  try {
    return openQueueReader({ path, sealer: new FieldSealer(new KeyRing(ringMaterial(keys))) });
  } catch (error) {
    log.warn("remembered_policies_unreadable", { error: errorName(error) });
    return null;
  }
}
