/**
 * Discovers domains as the service does, in a process of its own: `node --expose-gc discovery-process.ts '{"server":"127.0.0.1:5300",…}'`. Each domain once
 * cold and once warm, one after the other and then many at once; then the memory that is left, and policies fetched by HTTPS. Prints one JSON object.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { policyText, startPolicyHost } from "../../test/support/policy-host.ts";
import { NO_RULES } from "../../test/support/rules.ts";
import type { Log } from "../../src/core/log.ts";
import type { Discover } from "../../src/core/stages.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import type { DnsResolver } from "../../src/parts/dns/dns.ts";
import { Gate } from "../../src/parts/dns/gate.ts";
import { FieldSealer } from "../../src/parts/keys/field-sealer.ts";
import { KeyRing } from "../../src/parts/keys/key-ring.ts";
import { openQueueStore } from "../../src/parts/store/sqlite-queue-store.ts";
import { createFetchPolicy, FETCH_DEFAULTS } from "../../src/parts/sts/fetch-policy.ts";
import type { FetchPolicy } from "../../src/parts/sts/fetch-policy.ts";
import { createDiscover } from "../../src/stages/discover/discover.ts";
import { DISCOVER_DEFAULTS } from "../../src/stages/discover/options.ts";
import { STS_DEFAULTS, StsPolicies } from "../../src/stages/discover/sts.ts";
import { domainOf } from "./mail-domains.ts";

export type DiscoveryOrder = {
  readonly server: string;
  /** Where the database lies. */
  readonly folder: string;
  /** Domains that are discovered one after the other; they are the first ones. */
  readonly alone: number;
  /** Further ones that are discovered together, so many at once. */
  readonly together: number;
  readonly atOnce: number;
  /** Further ones, and then the memory is looked at; 0 leaves it out. */
  readonly kept: number;
  /** Policies fetched by HTTPS one after the other; 0 leaves it out. */
  readonly fetched: number;
};

export type DiscoveryFigures = {
  readonly coldMs: readonly number[];
  readonly warmMs: readonly number[];
  readonly coldPerSecond: number;
  readonly warmPerSecond: number;
  /** Of this process, over both passes. */
  readonly cpuSecondsPer1000: number;
  readonly heapMb: number | null;
  readonly rssMb: number | null;
  readonly fetchMs: readonly number[];
};

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
/** As the service has it. */
const IN_FLIGHT_MAX = 200;
const WARM_UP = 200;
const FETCH_MS = 10_000;

function resolverOf(server: string): DnsResolver {
  const options = { timeoutMs: 5_000, retries: 1, trustAd: "loopback", inFlightMax: IN_FLIGHT_MAX } as const;
  return createResolver({ ...options, servers: [server] }, { randomBytes, log });
}

/** The fetch itself is measured apart: here whoever has a record has a policy at once. */
const atOnce: FetchPolicy = (domain) =>
  Promise.resolve({ kind: "policy", policy: { mode: "enforce", mx: [`mx.${domain}`], maxAgeSeconds: 604_800 } });

type Discovery = {
  readonly discover: Discover;
  readonly settle: () => Promise<void>;
  readonly close: () => Promise<void>;
};

async function openDiscovery({ server, folder }: DiscoveryOrder): Promise<Discovery> {
  const key = (name: string): { readonly name: string; readonly bytes: Buffer } => ({ name, bytes: randomBytes(32) });
  const sealer = new FieldSealer(new KeyRing({ spool: key("spool"), addresses: key("addresses") }));
  const store = await openQueueStore({ path: join(folder, "gateway.db"), owner: "bench", sealer, clock, log });
  const resolver = resolverOf(server);
  const deps = {
    resolver,
    fetchPolicy: atOnce,
    facts: store.domainFacts,
    clock,
    chance: Math.random,
    log,
    raise: quiet,
  };
  const sts = new StsPolicies(STS_DEFAULTS, deps);
  return {
    discover: createDiscover(DISCOVER_DEFAULTS, { resolver, sts, ...NO_RULES, chance: Math.random, log }),
    settle: () => sts.close(),
    close: () => store.close(),
  };
}

/** Milliseconds of each, the certificates of the policy host made before. */
async function fetchPolicies({ server, fetched }: DiscoveryOrder): Promise<readonly number[]> {
  if (fetched === 0) return [];
  const host = await startPolicyHost();
  const options = { ...FETCH_DEFAULTS, port: host.port, ca: [host.ca], mayDial: () => true };
  const fetch = createFetchPolicy(options, resolverOf(server));
  const times: number[] = [];
  try {
    for (let pass = 0; pass < 2; pass += 1) {
      for (let number = 0; number < fetched; number += 1) {
        const domain = domainOf(number);
        host.serve(domain, { body: policyText("enforce", [`mx.${domain}`]) });
        const begun = performance.now();
        const { kind } = await fetch(domain, FETCH_MS, new AbortController().signal);
        if (kind !== "policy") throw new Error(`the policy of ${domain} could not be fetched`);
        if (pass > 0) times.push(performance.now() - begun);
      }
    }
  } finally {
    await host.close();
  }
  return times;
}

async function discoverOne(discover: Discover, number: number): Promise<void> {
  const domain = domainOf(number);
  const { route } = await discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false });
  const host = route.kind === "hosts" ? route.hosts[0] : undefined;
  if (host?.dane.kind !== "usable")
    throw new Error(`discovery of ${domain} came to ${route.kind}, ${host?.dane.kind ?? "-"}`);
}

/** Milliseconds of each. */
async function oneByOne(discover: Discover, from: number, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let number = from; number < from + count; number += 1) {
    const begun = performance.now();
    await discoverOne(discover, number);
    times.push(performance.now() - begun);
  }
  return times;
}

/** Discoveries a second. */
async function together(
  discover: Discover,
  { from, count, atOnce }: { readonly from: number; readonly count: number; readonly atOnce: number },
): Promise<number> {
  const gate = new Gate(atOnce);
  const begun = performance.now();
  await Promise.all(Array.from({ length: count }, (_, index) => gate.pass(() => discoverOne(discover, from + index))));
  return (1_000 * count) / (performance.now() - begun);
}

type Memory = { readonly heapMb: number; readonly rssMb: number };

function memory(): Memory {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 };
}

async function measure(order: DiscoveryOrder): Promise<DiscoveryFigures> {
  const discovery = await openDiscovery(order);
  const { discover } = discovery;
  let next = order.alone + order.together;
  // The first questions load the codec, and the compiler does its part.
  await together(discover, { from: next, count: WARM_UP, atOnce: 10 });
  next += WARM_UP;
  await discovery.settle();
  const first = memory();
  const coldMs = await oneByOne(discover, 0, order.alone);
  const warmMs = await oneByOne(discover, 0, order.alone);
  const before = process.cpuUsage();
  const many = { from: order.alone, count: order.together, atOnce: order.atOnce };
  const coldPerSecond = await together(discover, many);
  const warmPerSecond = await together(discover, many);
  const { user, system } = process.cpuUsage(before);
  const cpuSecondsPer1000 = ((user + system) / 1e6 / (2 * order.together)) * 1_000;
  if (order.kept > 0) await together(discover, { from: next, count: order.kept, atOnce: order.atOnce });
  await discovery.settle();
  const more = order.kept > 0 ? growth(first, memory()) : { heapMb: null, rssMb: null };
  await discovery.close();
  const fetchMs = await fetchPolicies(order);
  return { coldMs, warmMs, coldPerSecond, warmPerSecond, cpuSecondsPer1000, fetchMs, ...more };
}

function growth(first: Memory, last: Memory): Memory {
  return { heapMb: last.heapMb - first.heapMb, rssMb: last.rssMb - first.rssMb };
}

console.log(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? "") as DiscoveryOrder)));
