/** How long small mails wait for their 250 while one of 25 MB is taken, inspected and delivered. */
import { setTimeout as sleep } from "node:timers/promises";
import { median, percentile } from "../report.ts";
import { Dialog } from "../rig/dialog.ts";
import { largeMail, plainMail } from "../rig/mails.ts";
import { postern } from "../rig/postern.ts";
import { Sink } from "../rig/sink.ts";
import type { Site } from "../rig/site.ts";
import { sendLoad } from "../rig/source.ts";
import type { Case } from "./case.ts";

const LARGE_BYTES = 25_000_000;
const SESSIONS = 4;
const PAUSE_MS = 5;
const WARM_UP_MESSAGES = 500;

export const largeBesideCase: Case = {
  id: "large-beside",
  group: "relay",
  async run(site, { rounds, isQuick }) {
    const samples: number[] = [];
    const alone: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const measured = await measure(site, isQuick);
      samples.push(measured.besideMs);
      alone.push(measured.aloneMs);
    }
    return {
      id: "large-beside",
      title: "10 KB mails on four connections while a 25 MB mail is processed",
      figures: [
        { peer: "Postern", what: "ms, p99 of the final 250, nothing else going on", samples: alone },
        { peer: "Postern", what: "ms, p99 of the final 250 beside the large mail", samples },
      ],
      judgements: [
        { what: "p99 of the final 250", value: median(samples), unit: "ms", better: "less", must: 100, aim: 20 },
      ],
    };
  },
};

async function measure(site: Site, isQuick: boolean): Promise<{ readonly besideMs: number; readonly aloneMs: number }> {
  const sink = await Sink.start(site, { tls: true });
  const running = await postern.start({ site, deliverTo: { kind: "sink", port: sink.port }, signsWithDkim: false });
  const { port } = running;
  const small = plainMail(10_240);
  const large = Buffer.concat([...largeMail(isQuick ? 1_000_000 : LARGE_BYTES)]);
  const warmUp = isQuick ? 20 : WARM_UP_MESSAGES;
  try {
    await sendLoad(site, { port, sessions: 8, messages: warmUp, tls: false, mail: small });
    await sink.upTo(warmUp);
    const alone = await during(port, small, () => sleep(isQuick ? 200 : 2_000));
    await sleep(500);
    const before = sink.messages;
    const beside = await during(port, small, async () => {
      await sendLoad(site, { port, sessions: 1, messages: 1, tls: false, mail: large });
      // Inspection and delivery go on after the 250 of the large one; its share of the mails is one.
      await sleep(isQuick ? 500 : 3_000);
    });
    const expected = before + beside.length + 1;
    sink.rearm();
    const { messages } = await sink.upTo(expected);
    if (messages !== expected) throw new Error(`${expected} mails were sent and ${messages} delivered`);
    return { besideMs: percentile(beside, 0.99), aloneMs: percentile(alone, 0.99) };
  } finally {
    await running.stop();
    sink.stop();
  }
}

/** Sends small mails on every session until the work is over; milliseconds from each final dot to its 250. */
async function during(port: number, mail: Buffer, work: () => Promise<unknown>): Promise<readonly number[]> {
  const waits: number[] = [];
  const over = new AbortController();
  const session = async (): Promise<void> => {
    const dialog = await Dialog.open(port);
    while (!over.signal.aborted) {
      await dialog.upToDot([mail]);
      waits.push(await dialog.dot());
      await sleep(PAUSE_MS);
    }
    dialog.close();
  };
  const sessions = Promise.all(Array.from({ length: SESSIONS }, session));
  await work();
  over.abort();
  await sessions;
  return waits;
}
