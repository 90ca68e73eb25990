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

async function startArithmetic(): Promise<Server> {
  const child = spawn(process.execPath, [processOf("dns-process.ts")], { stdio: ["ignore", "pipe", "inherit"] });
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
  { what: "MB of heap kept by 100,000 more domains", of: ({ heapMb }) => heapMb },
  { what: "MB resident, more after 100,000 more domains", of: ({ rssMb }) => rssMb },
];

function discoveryCase(
  id: string,
  title: string,
  start: (site: Site, domains: number) => Promise<Server>,
  kept: number,
): Case {
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
          const order = { server: server.address, alone, together, atOnce: AT_ONCE, kept: Math.ceil(kept * share) };
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
  discoveryCase("discovery-unbound", "unbound, signed zone", startUnbound, 0),
  discoveryCase("discovery-own", "resolver by arithmetic", startArithmetic, KEPT),
];
