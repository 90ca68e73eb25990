/** Accepting and relaying under load, against Postfix in the same run. */
import { median, ratio } from "../report.ts";
import type { CaseResult, Figure, Judgement } from "../report.ts";
import { mimeMail, mimeMailToSign, plainMail } from "../rig/mails.ts";
import type { Peer } from "../rig/peer.ts";
import { postern } from "../rig/postern.ts";
import { postfix, postfixDiscarding, postfixHolding } from "../rig/postfix.ts";
import { postfixRspamd } from "../rig/rspamd.ts";
import { interleaved, measureThroughput } from "../rig/throughput.ts";
import type { Run, Throughput } from "../rig/throughput.ts";
import type { Case } from "./case.ts";

type Comparison = Pick<Run, "mail" | "sessions" | "tls" | "signsWithDkim" | "measure"> & {
  readonly title: string;
  /** Postern first; the second is what it is judged against. */
  readonly peers: readonly [Peer, Peer, ...Peer[]];
  readonly must: number;
  readonly aim: number;
  /** CPU seconds for 1,000 mails, where the table has a goal. */
  readonly cpu?: { readonly must: number; readonly aim: number };
};

const PLAIN = { tls: false, signsWithDkim: false } as const;
const RATE = "mails/s";
const CPU = "CPU s per 1,000";

function comparison(id: string, group: Case["group"], compared: () => Comparison): Case {
  return {
    id,
    group,
    async run(site, { rounds, seconds, warmUpMessages }) {
      const made = compared();
      const { peers, mail, sessions, tls, signsWithDkim, measure } = made;
      const run = { site, mail, sessions, tls, signsWithDkim, measure, seconds, warmUpMessages };
      return judged(id, made, await interleaved(rounds, peers, (peer) => measureThroughput({ ...run, peer })));
    },
  };
}

function judged(id: string, made: Comparison, results: ReadonlyMap<string, readonly Throughput[]>): CaseResult {
  const figures: Figure[] = [...results].flatMap(([peer, runs]) => [
    { peer, what: RATE, samples: runs.map(({ perSecond }) => perSecond) },
    { peer, what: CPU, samples: runs.map(({ cpuSecondsPer1000 }) => cpuSecondsPer1000) },
    { peer, what: "peak PSS MB", samples: runs.map(({ peakPssMb }) => peakPssMb) },
  ]);
  const [own, other] = [made.peers[0].name, made.peers[1].name];
  const rate: Judgement = {
    what: `${made.title}, against ${other}`,
    value: ratio(figures, RATE, [own, other]),
    unit: "×",
    better: "more",
    must: made.must,
    aim: made.aim,
  };
  const cpu = median(figures.find(({ peer, what }) => peer === own && what === CPU)?.samples ?? []);
  const judgements =
    made.cpu === undefined
      ? [rate]
      : [rate, { what: "CPU seconds per 1,000 mails", value: cpu, unit: "s", better: "less" as const, ...made.cpu }];
  return { id, title: made.title, figures, judgements };
}

/** Judged against Postfix with its queue manager at work; beside it one that, like Postern here, begins nothing. */
const acceptPeers = [postern, postfixDiscarding, postfixHolding] as const;

export const throughputCases: readonly Case[] = [
  comparison("accept-20", "accept", () => ({
    ...PLAIN,
    title: "durable accept, 10 KB, 20 connections",
    mail: plainMail(10_240),
    sessions: 20,
    measure: "accept",
    peers: acceptPeers,
    must: 2,
    aim: 4,
  })),
  comparison("accept-1", "accept", () => ({
    ...PLAIN,
    title: "durable accept, 10 KB, 1 connection",
    mail: plainMail(10_240),
    sessions: 1,
    measure: "accept",
    peers: acceptPeers,
    must: 1,
    aim: 1.5,
  })),
  comparison("relay-plain", "relay", () => ({
    ...PLAIN,
    title: "relay 10 KB plain, rules on",
    mail: plainMail(10_240),
    sessions: 20,
    measure: "relay",
    peers: [postern, postfix],
    must: 0.8,
    aim: 1.2,
  })),
  comparison("relay-starttls", "relay", () => ({
    title: "relay 16 KB, STARTTLS in and out, rules on",
    mail: mimeMail(16_384),
    sessions: 20,
    tls: true,
    signsWithDkim: false,
    measure: "relay",
    peers: [postern, postfix],
    must: 1.2,
    aim: 1.8,
  })),
  comparison("relay-16k", "relay", () => ({
    ...PLAIN,
    title: "relay 16 KB MIME, rules and DKIM on",
    mail: mimeMailToSign(16_384),
    sessions: 20,
    signsWithDkim: true,
    measure: "relay",
    peers: [postern, postfixRspamd],
    must: 1.5,
    aim: 2.5,
  })),
  comparison("relay-121k", "relay", () => ({
    ...PLAIN,
    title: "relay 121 KB MIME, rules and DKIM on",
    mail: mimeMailToSign(123_904),
    sessions: 20,
    signsWithDkim: true,
    measure: "relay",
    peers: [postern, postfixRspamd],
    must: 1.5,
    aim: 2.5,
  })),
  comparison("cpu-16k", "relay", () => ({
    ...PLAIN,
    title: "relay 16 KB MIME plain, rules on",
    mail: mimeMail(16_384),
    sessions: 20,
    measure: "relay",
    peers: [postern, postfix],
    must: 0.8,
    aim: 1.2,
    cpu: { must: 3, aim: 1.6 },
  })),
];
