/**
 * Discovers domains as the service does, in a process of its own: `node --expose-gc discovery-process.ts '{"server":"127.0.0.1:5300",…}'`. Each domain once
 * cold and once warm, one after the other and then many at once; then the memory that is left. Prints one JSON object.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "../../src/core/log.ts";
import type { Discover } from "../../src/core/stages.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import { Gate } from "../../src/parts/dns/gate.ts";
import { createDiscover } from "../../src/stages/discover/discover.ts";
import { DISCOVER_DEFAULTS } from "../../src/stages/discover/options.ts";
import { domainOf } from "./mail-domains.ts";

export type DiscoveryOrder = {
  readonly server: string;
  /** Domains that are discovered one after the other; they are the first ones. */
  readonly alone: number;
  /** Further ones that are discovered together, so many at once. */
  readonly together: number;
  readonly atOnce: number;
  /** Further ones after which the memory is looked at; 0 leaves it out. */
  readonly kept: number;
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
};

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
/** As the service has it. */
const IN_FLIGHT_MAX = 200;
const WARM_UP = 200;

function createOwnDiscover(server: string): Discover {
  const options = {
    servers: [server],
    timeoutMs: 5_000,
    retries: 1,
    trustAd: "loopback",
    inFlightMax: IN_FLIGHT_MAX,
  } as const;
  const resolver = createResolver(options, { randomBytes, log });
  return createDiscover(DISCOVER_DEFAULTS, { resolver, chance: Math.random, log });
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
  const discover = createOwnDiscover(order.server);
  let next = order.alone + order.together;
  // The first questions load the codec, and the compiler does its part.
  await together(discover, { from: next, count: WARM_UP, atOnce: 10 });
  next += WARM_UP;
  const coldMs = await oneByOne(discover, 0, order.alone);
  const warmMs = await oneByOne(discover, 0, order.alone);
  const before = process.cpuUsage();
  const many = { from: order.alone, count: order.together, atOnce: order.atOnce };
  const coldPerSecond = await together(discover, many);
  const warmPerSecond = await together(discover, many);
  const { user, system } = process.cpuUsage(before);
  const cpuSecondsPer1000 = ((user + system) / 1e6 / (2 * order.together)) * 1_000;
  const base = { coldMs, warmMs, coldPerSecond, warmPerSecond, cpuSecondsPer1000 };
  if (order.kept === 0) return { ...base, heapMb: null, rssMb: null };
  const first = memory();
  await together(discover, { from: next, count: order.kept, atOnce: order.atOnce });
  const last = memory();
  return { ...base, heapMb: last.heapMb - first.heapMb, rssMb: last.rssMb - first.rssMb };
}

console.log(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? "") as DiscoveryOrder)));
