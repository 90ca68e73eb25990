/** What it costs to learn where a domain takes its mail and what it asks for: against unbound that validates, and against a resolver that costs nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Unbound } from "../../test/support/peers-unbound.ts";
import { median, percentile } from "../report.ts";
import type { CaseResult, Figure } from "../report.ts";
import type { DiscoveryFigures, DiscoveryOrder } from "../rig/discovery-process.ts";
import { signedZone, ZONE } from "../rig/mail-domains.ts";
import type { Site } from "../rig/site.ts";
import type { Case } from "./case.ts";

const ALONE = 300;
const TOGETHER = 10_000;
const AT_ONCE = 50;
const KEPT = 100_000;
const FETCHED = 100;
/** Beside those the process warms up with. */
const SPARE = 1_000;
/** All of them fit, so that warm is warm. */
const CACHE = ["msg-cache-size: 128m", "rrset-cache-size: 256m"];

type Server = { readonly address: string; stop(): Promise<void> };

function processOf(name: string): string {
  return join(import.meta.dirname, "../rig", name);
}

async function startUnbound(site: Site, domains: number): Promise<Server> {
  const { zone, anchor } = signedZone(site.newFolder("zone"), domains);
  return Unbound.start({ zones: { [ZONE]: zone }, anchors: anchor, settings: CACHE });
}

async function startArithmetic(what: "policies" | "none"): Promise<Server> {
  const child = spawn(process.execPath, [processOf("dns-process.ts"), what], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { port } = JSON.parse(line) as { readonly port: number };
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}

async function discoverAll(order: DiscoveryOrder): Promise<DiscoveryFigures> {
  const args = ["--expose-gc", processOf("discovery-process.ts"), JSON.stringify(order)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`discovery ended with ${code}`);
  return JSON.parse(output) as DiscoveryFigures;
}

type What = { readonly what: string; readonly of: (figures: DiscoveryFigures) => number | null };

const FIGURES: readonly What[] = [
  { what: "ms, a discovery cold, one at a time (median)", of: ({ coldMs }) => median(coldMs) },
  { what: "ms, a discovery cold, one at a time (p99)", of: ({ coldMs }) => percentile(coldMs, 0.99) },
  { what: "ms, a discovery warm, one at a time (median)", of: ({ warmMs }) => median(warmMs) },
  { what: "ms, a discovery warm, one at a time (p99)", of: ({ warmMs }) => percentile(warmMs, 0.99) },
  { what: "discoveries/s, 10,000 domains cold, 50 at once", of: ({ coldPerSecond }) => coldPerSecond },
  { what: "discoveries/s, 10,000 domains warm, 50 at once", of: ({ warmPerSecond }) => warmPerSecond },
  { what: "CPU s of Postern per 1,000", of: ({ cpuSecondsPer1000 }) => cpuSecondsPer1000 },
  { what: "MB of heap, more after 110,000 domains", of: ({ heapMb }) => heapMb },
  { what: "MB resident, more after 110,000 domains", of: ({ rssMb }) => rssMb },
  {
    what: "ms, a policy fetched by HTTPS (median)",
    of: ({ fetchMs }) => (fetchMs.length === 0 ? null : median(fetchMs)),
  },
];

type Plan = {
  readonly id: string;
  readonly title: string;
  readonly start: (site: Site, domains: number) => Promise<Server>;
  readonly kept?: number;
  readonly fetched?: number;
};

function discoveryCase({ id, title, start, kept = 0, fetched = 0 }: Plan): Case {
  return {
    id,
    group: "discovery",
    async run(site, { rounds, isQuick }): Promise<CaseResult> {
      const share = isQuick ? 0.01 : 1;
      const [alone, together] = [Math.ceil(ALONE * share), Math.ceil(TOGETHER * share)];
      const all: DiscoveryFigures[] = [];
      for (let round = 0; round < rounds; round += 1) {
        // Anew for each round: its cache is cold again.
        const server = await start(site, alone + together + SPARE);
        try {
          const sizes = {
            alone,
            together,
            atOnce: AT_ONCE,
            kept: Math.ceil(kept * share),
            fetched: Math.ceil(fetched * share),
          };
          const order = { server: server.address, folder: site.newFolder("discovery"), ...sizes };
          all.push(await discoverAll(order));
        } finally {
          await server.stop();
        }
      }
      const figures = FIGURES.map(({ what, of }): Figure => ({
        peer: title,
        what,
        samples: all.map(of).filter((value) => value !== null),
      }));
      return { id, title, figures: figures.filter(({ samples }) => samples.length > 0), judgements: [] };
    },
  };
}

export const discoveryCases: readonly Case[] = [
  discoveryCase({ id: "discovery-unbound", title: "unbound, signed zone", start: startUnbound }),
  discoveryCase({ id: "discovery-own", title: "resolver by arithmetic", start: () => startArithmetic("none") }),
  discoveryCase({
    id: "discovery-policies",
    title: "the same, each domain with a policy",
    start: () => startArithmetic("policies"),
    kept: KEPT,
    fetched: FETCHED,
  }),
];
