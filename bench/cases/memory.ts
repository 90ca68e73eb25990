/** Memory at its highest, memory at rest, and the time to the greeting. */
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "../report.ts";
import type { Figure } from "../report.ts";
import { largeMail, mimeMail } from "../rig/mails.ts";
import { postern } from "../rig/postern.ts";
import { PeakPss, pssMb } from "../rig/processes.ts";
import { Sink } from "../rig/sink.ts";
import type { Site } from "../rig/site.ts";
import { sendLoad } from "../rig/source.ts";
import type { Case } from "./case.ts";

const PSS_EVERY_MS = 100;
const IDLE_MS = 3_000;

type Arrival = {
  readonly what: string;
  readonly mail: (share: number) => Buffer;
  readonly messages: number;
  readonly sessions: number;
};

function peakCase(id: string, mustMb: number, arrival: Arrival): Case {
  return {
    id,
    group: "memory",
    async run(site, { rounds, isQuick }) {
      const samples: number[] = [];
      for (let round = 0; round < (arrival.messages === 20 ? 1 : rounds); round += 1) {
        samples.push(await peakOf(site, arrival, isQuick));
      }
      const what = `MB, peak PSS: ${arrival.what}`;
      return {
        id,
        title: arrival.what,
        figures: [{ peer: "Postern", what, samples }],
        // The worst round counts: a limit is a limit.
        judgements: [
          {
            what: `peak PSS, ${arrival.what}`,
            value: Math.max(...samples),
            unit: "MB",
            better: "less",
            must: mustMb,
            aim: null,
          },
        ],
      };
    },
  };
}

async function peakOf(site: Site, { mail, messages, sessions }: Arrival, isQuick: boolean): Promise<number> {
  const sink = await Sink.start(site, { tls: true });
  const running = await postern.start({ site, deliverTo: { kind: "sink", port: sink.port }, signsWithDkim: false });
  const peak = new PeakPss(running.pids, PSS_EVERY_MS);
  const count = isQuick ? Math.min(messages, 100) : messages;
  try {
    await sendLoad(site, { port: running.port, sessions, messages: count, tls: false, mail: mail(isQuick ? 0.02 : 1) });
    sink.rearm();
    const taken = await sink.upTo(count);
    if (taken.messages !== count) throw new Error(`${count} mails were sent and ${taken.messages} delivered`);
    return peak.stop();
  } finally {
    peak.stop();
    await running.stop();
    sink.stop();
  }
}

const startCase: Case = {
  id: "start",
  group: "memory",
  async run(site, { rounds, isQuick }) {
    const greeted: number[] = [];
    const idle: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const running = await postern.start({ site, deliverTo: { kind: "held" }, signsWithDkim: false });
      greeted.push(running.greetedAfterMs);
      await sleep(isQuick ? 200 : IDLE_MS);
      idle.push(pssMb(running.pids));
      await running.stop();
    }
    const figures: Figure[] = [
      { peer: "Postern", what: "ms to the greeting", samples: greeted },
      { peer: "Postern", what: "MB, idle PSS", samples: idle },
    ];
    return {
      id: "start",
      title: "a start with an empty queue",
      figures,
      judgements: [
        { what: "greeting after start", value: median(greeted), unit: "ms", better: "less", must: 700, aim: null },
        { what: "idle PSS", value: median(idle), unit: "MB", better: "less", must: 110, aim: null },
      ],
    };
  },
};

export const memoryCases: readonly Case[] = [
  startCase,
  peakCase("peak-small", 250, {
    what: "small mails",
    mail: () => mimeMail(16_384),
    messages: 4_000,
    sessions: 20,
  }),
  peakCase("peak-25mb", 450, {
    what: "five 25 MB mails",
    mail: (share) => Buffer.concat([...largeMail(25_000_000 * share)]),
    messages: 5,
    sessions: 5,
  }),
  peakCase("peak-150mb", 450, {
    what: "twenty 150 MB mails arriving",
    mail: (share) => Buffer.concat([...largeMail(150_000_000 * share)]),
    messages: 20,
    sessions: 20,
  }),
];
