/** A gateway with a long queue: does a live destination notice, and how long does a restart take? */
import { createServer } from "node:net";
import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { median, percentile } from "../report.ts";
import { Dialog } from "../rig/dialog.ts";
import { fillQueue } from "../rig/fill.ts";
import { plainMail } from "../rig/mails.ts";
import { startPostern, writePosternFolder } from "../rig/postern.ts";
import type { PosternFolder } from "../rig/postern.ts";
import { cpuSeconds, peakRssMb, pssMb } from "../rig/processes.ts";
import { Sink } from "../rig/sink.ts";
import type { Site } from "../rig/site.ts";
import type { Case } from "./case.ts";

const DEAD_RECIPIENTS = 100_000;
const QUEUED_ROWS = 1_000_000;
const RECIPIENTS_PER_MESSAGE = 5;
const DEAD_HOSTS = 40;
const DEAD_DOMAINS_PER_HOST = 10;
const SESSIONS = 4;
const PAUSE_MS = 5;
const WARM_UP_MS = 4_000;
/** A p99 needs a thousand cycles: of three hundred it is the third worst, one collection of the heap or one slow sync. */
const LIVE_SECONDS = 20;
const MINUTE_MS = 60_000;

/** Half of the dead hosts refuse, half take the connection and never greet. */
class DeadHosts {
  readonly smarthosts: readonly { readonly domains: readonly string[]; readonly host: string; readonly port: number }[];
  readonly domains: readonly string[];
  readonly #servers: readonly Server[];

  private constructor(port: number, servers: readonly Server[]) {
    this.#servers = servers;
    const hosts = Array.from({ length: DEAD_HOSTS }, (_, index) => index);
    this.smarthosts = hosts.map((index) => ({
      domains: [`.dead-${index}.test`],
      host: addressOf(index),
      port,
    }));
    this.domains = hosts.flatMap((index) =>
      Array.from({ length: DEAD_DOMAINS_PER_HOST }, (_, count) => `mail-${count}.dead-${index}.test`),
    );
  }

  static async listen(): Promise<DeadHosts> {
    const port = await freePort();
    const silent = Array.from({ length: DEAD_HOSTS / 2 }, async (_, index) => {
      const server = createServer(() => undefined);
      await new Promise<void>((resolve) => server.listen(port, addressOf(index), resolve));
      return server.unref();
    });
    return new DeadHosts(port, await Promise.all(silent));
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}

function addressOf(index: number): string {
  return `127.0.1.${index + 1}`;
}

export const deadDestinationsCase: Case = {
  id: "dead-destinations",
  group: "backlog",
  async run(site, { rounds, seconds: asked, isQuick }) {
    const seconds = Math.max(asked, isQuick ? 2 : LIVE_SECONDS);
    const dead = await DeadHosts.listen();
    const without: Live[] = [];
    const beside: Live[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) {
        for (const recipients of [0, isQuick ? 1_000 : DEAD_RECIPIENTS]) {
          const live = await measureLive(site, { dead, recipients, seconds });
          (recipients === 0 ? without : beside).push(live);
        }
      }
    } finally {
      dead.close();
    }
    const p99 = (lives: readonly Live[]): readonly number[] => lives.map(({ p99Ms }) => p99Ms);
    const cpu = (lives: readonly Live[]): readonly number[] => lives.map(({ cpuShare }) => cpuShare);
    const more = (median(p99(beside)) / median(p99(without)) - 1) * 100;
    return {
      id: "dead-destinations",
      title: "10 KB mails to a live destination, four connections, beside 100,000 recipients of dead ones",
      figures: [
        { peer: "empty queue", what: "ms, p99 from final dot to delivered", samples: p99(without) },
        { peer: "100,000 queued", what: "ms, p99 from final dot to delivered", samples: p99(beside) },
        { peer: "empty queue", what: "CPU s per s", samples: cpu(without) },
        { peer: "100,000 queued", what: "CPU s per s", samples: cpu(beside) },
      ],
      judgements: [
        { what: "p99 of a live one, more than without", value: more, unit: "%", better: "less", must: 20, aim: null },
      ],
    };
  },
};

type Live = { readonly p99Ms: number; readonly cpuShare: number };
type LiveRun = { readonly dead: DeadHosts; readonly recipients: number; readonly seconds: number };

async function measureLive(site: Site, { dead, recipients, seconds }: LiveRun): Promise<Live> {
  const sink = await Sink.start(site, { tls: false });
  const task = { site, deliverTo: { kind: "sink", port: sink.port }, signsWithDkim: false } as const;
  const folder = writePosternFolder(task, await freePort(), {
    delivery: {
      smarthosts: [...dead.smarthosts, { host: "127.0.0.1", port: sink.port }],
      allow_private_destinations: true,
    },
  });
  if (recipients > 0) {
    const due = { dueFromMs: -10 * MINUTE_MS, dueToMs: 10 * MINUTE_MS };
    await fillQueue(folder, { messages: recipients, recipients: 1, domains: dead.domains, ...due });
  }
  const running = await startPostern({ folder });
  try {
    await sleep(1_000);
    await sendToLive(running.port, sink, WARM_UP_MS);
    const before = cpuSeconds(running.pids);
    const waits = await sendToLive(running.port, sink, seconds * 1_000);
    const cpuShare = (cpuSeconds(running.pids) - before) / seconds;
    return { p99Ms: percentile(waits, 0.99), cpuShare };
  } finally {
    await running.stop();
    sink.stop();
  }
}

/** One mail after the other until it is delivered; milliseconds from each final dot to the sink's having it. */
async function sendToLive(port: number, sink: Sink, forMs: number): Promise<readonly number[]> {
  const waits: number[] = [];
  const end = performance.now() + forMs;
  const dialogs = await Promise.all(Array.from({ length: SESSIONS }, () => Dialog.open(port)));
  const mail = plainMail(10_240);
  while (performance.now() < end) {
    const begin = performance.now();
    const expected = sink.messages + dialogs.length;
    await Promise.all(
      dialogs.map(async (dialog) => {
        await dialog.upToDot([mail]);
        await dialog.dot();
      }),
    );
    sink.rearm();
    const { messages, atMs } = await sink.upTo(expected);
    if (messages !== expected) throw new Error(`${expected} mails were sent and ${messages} delivered`);
    waits.push(atMs - begin);
    await sleep(PAUSE_MS);
  }
  for (const dialog of dialogs) dialog.close();
  return waits;
}

export const restartCase: Case = {
  id: "restart",
  group: "backlog",
  async run(site, { rounds, isQuick }) {
    const task = { site, deliverTo: { kind: "held" }, signsWithDkim: false } as const;
    const rows = isQuick ? 5_000 : QUEUED_ROWS;
    const folder = writePosternFolder(task, await freePort());
    const filling = performance.now();
    await fillQueue(folder, {
      messages: rows / RECIPIENTS_PER_MESSAGE,
      recipients: RECIPIENTS_PER_MESSAGE,
      domains: ["partner.test"],
      dueFromMs: 30 * MINUTE_MS,
      dueToMs: 300 * MINUTE_MS,
    });
    const filledSeconds = (performance.now() - filling) / 1_000;
    const starts: Awaited<ReturnType<typeof restart>>[] = [];
    for (let round = 0; round < rounds; round += 1) starts.push(await restart(folder));
    const seconds = starts.map(({ greetedSeconds }) => greetedSeconds);
    const peer = `${rows.toLocaleString("en")} rows`;
    return {
      id: "restart",
      title: `a start with ${rows.toLocaleString("en")} queued recipients of ${(rows / RECIPIENTS_PER_MESSAGE).toLocaleString("en")} messages`,
      figures: [
        { peer, what: "s to the greeting", samples: seconds },
        { peer, what: "MB, resident at its peak", samples: starts.map(({ peakMb }) => peakMb) },
        { peer, what: "MB, PSS three seconds later", samples: starts.map(({ idleMb }) => idleMb) },
        { peer, what: "s to fill the queue", samples: [filledSeconds] },
      ],
      judgements: [
        { what: "greeting after a restart", value: median(seconds), unit: "s", better: "less", must: 10, aim: 3 },
      ],
    };
  },
};

async function restart(folder: PosternFolder) {
  const running = await startPostern({ folder });
  await sleep(3_000);
  const idleMb = pssMb(running.pids);
  const peakMb = Math.max(...running.pids.map(peakRssMb));
  await running.stop();
  return { greetedSeconds: running.greetedAfterMs / 1_000, peakMb, idleMb };
}
