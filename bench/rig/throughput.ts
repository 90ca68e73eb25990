/** One gateway under full load for some seconds: how fast it takes and passes on, what that costs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Peer, RunningPeer } from "./peer.ts";
import { cpuSeconds, PeakPss } from "./processes.ts";
import { Sink } from "./sink.ts";
import type { Site } from "./site.ts";
import { sendLoad } from "./source.ts";

export type Run = {
  readonly site: Site;
  readonly peer: Peer;
  readonly mail: Buffer;
  readonly sessions: number;
  /** STARTTLS in and out. */
  readonly tls: boolean;
  readonly signsWithDkim: boolean;
  /** `relay`: until the last mail is at the next server; `accept`: until the last 250, nothing is passed on. */
  readonly measure: "accept" | "relay";
  readonly seconds: number;
  readonly warmUpMessages: number;
};

export type Throughput = {
  readonly perSecond: number;
  readonly cpuSecondsPer1000: number;
  readonly peakPssMb: number;
};

const MESSAGES_MAX = 40_000;
const PSS_EVERY_MS = 500;
/** Given to what a warm-up leaves behind. */
const SETTLE_MS = 300;

export async function measureThroughput(run: Run): Promise<Throughput> {
  const sink = run.measure === "relay" ? await Sink.start(run.site, { tls: run.tls }) : null;
  try {
    const deliverTo = sink === null ? ({ kind: "held" } as const) : ({ kind: "sink", port: sink.port } as const);
    const running = await run.peer.start({ site: run.site, deliverTo, signsWithDkim: run.signsWithDkim });
    try {
      return await underLoad(run, running, sink);
    } finally {
      await running.stop();
    }
  } finally {
    sink?.stop();
  }
}

async function underLoad(run: Run, running: RunningPeer, sink: Sink | null): Promise<Throughput> {
  const warm = await pass(run, { running, sink, messages: run.warmUpMessages });
  await sleep(SETTLE_MS);
  const messages = Math.max(run.sessions, Math.min(MESSAGES_MAX, Math.round(run.seconds * warm)));
  const before = cpuSeconds(running.pids);
  const peak = new PeakPss(running.pids, PSS_EVERY_MS);
  const perSecond = await pass(run, { running, sink, messages });
  const cpu = cpuSeconds(running.pids) - before;
  return { perSecond, cpuSecondsPer1000: (cpu / messages) * 1_000, peakPssMb: peak.stop() };
}

type Pass = { readonly running: RunningPeer; readonly sink: Sink | null; readonly messages: number };

/** Mails a second. Every mail sent must be delivered once, or there is no figure. */
async function pass(run: Run, { running, sink, messages }: Pass): Promise<number> {
  const delivered = sink?.messages ?? 0;
  const begin = performance.now();
  const { sessions, tls, mail } = run;
  const accepting = await sendLoad(run.site, { port: running.port, sessions, messages, tls, mail });
  if (sink === null) return messages / accepting;
  sink.rearm();
  const taken = await sink.upTo(delivered + messages);
  await sleep(50);
  if (sink.messages !== delivered + messages) {
    throw new Error(`${run.peer.name}: ${messages} mails were sent and ${sink.messages - delivered} delivered`);
  }
  return messages / ((taken.atMs - begin) / 1_000);
}

/** All peers in turn, and in the other order every second round, so that a change of the machine meets them alike. */
export async function interleaved(
  rounds: number,
  peers: readonly Peer[],
  measure: (peer: Peer) => Promise<Throughput>,
): Promise<ReadonlyMap<string, readonly Throughput[]>> {
  const results = new Map<string, Throughput[]>(peers.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      results.get(peer.name)?.push(await measure(peer));
    }
  }
  return results;
}
