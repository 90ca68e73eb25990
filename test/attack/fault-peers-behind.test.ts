/**
 * Faulty servers behind the gateway, as a table: what one clean message to two recipients comes to at the first attempt, what the
 * audit says of it, and that after the repair each recipient has the message once, or twice and marked.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MxBehaviour, MxFault } from "../../src/cli/loopback/mx-behaviour.ts";
import { patience, quiet } from "../support/never-clear-run.ts";
import { mail, World } from "../support/world.ts";

type FaultCase = {
  readonly name: string;
  readonly behaviour: MxBehaviour;
  /** State and PST-DLV code of the first and of the second recipient after the first attempt. */
  readonly first: readonly [string, string];
  /** Kinds of the first recipient's audit rows up to there, after those of its way to the server. */
  readonly audit: string;
  /** State of each after the repair; `delivered` where left out. */
  readonly last?: readonly [string, string];
  /** Copies the server took in all, of both recipients. */
  readonly copies?: number;
};

const says = (text: string): MxFault => ({ kind: "reply", text });
const DROP: MxFault = { kind: "drop-before" };
const SILENT: MxFault = { kind: "silent" };
const STALL: MxFault = { kind: "stall" };
const ENDLESS: MxFault = { kind: "endless" };
const GIANT: MxFault = { kind: "giant", lines: 2_000, lineBytes: 500 };

const at = (phase: keyof NonNullable<MxBehaviour["faults"]>, fault: MxFault): MxBehaviour => ({
  faults: { [phase]: fault },
});

const CASES: readonly FaultCase[] = [
  {
    name: "hangs up in place of its greeting",
    behaviour: at("connect", DROP),
    first: ["deferred 002", "deferred 002"],
    audit: "attempt deferred",
  },
  {
    name: "greets without end",
    behaviour: at("connect", ENDLESS),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "greets with a megabyte",
    behaviour: at("connect", GIANT),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "greets with text that is no reply",
    behaviour: at("connect", says("hello there")),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "is not ready: 421 greeting",
    behaviour: at("connect", says("421 4.3.2 busy")),
    first: ["deferred 036", "deferred 036"],
    audit: "attempt deferred",
  },
  {
    name: "answers EHLO with a megabyte",
    behaviour: at("ehlo", GIANT),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "answers EHLO without end",
    behaviour: at("ehlo2", ENDLESS),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "hangs up at MAIL",
    behaviour: at("mail", DROP),
    first: ["deferred 002", "deferred 002"],
    audit: "attempt deferred",
  },
  {
    name: "says 421 at MAIL",
    behaviour: at("mail", says("421 4.7.0 later")),
    first: ["deferred 006", "deferred 006"],
    audit: "attempt deferred",
  },
  {
    name: "refuses the sender",
    behaviour: at("mail", says("550 5.1.8 no")),
    first: ["failed 020", "failed 020"],
    audit: "attempt failed child",
    last: ["failed", "failed"],
    copies: 0,
  },
  {
    name: "puts the sender off",
    behaviour: at("mail", says("451 4.1.8 later")),
    first: ["deferred 021", "deferred 021"],
    audit: "attempt deferred",
  },
  {
    name: "adds a reply nobody asked for to MAIL",
    behaviour: at("mail", { kind: "extra", text: "250 2.0.0 extra" }),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "leaves one answer to RCPT out",
    behaviour: at("rcpt", SILENT),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "answers RCPT without end",
    behaviour: at("rcpt", ENDLESS),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "hangs up at RCPT",
    behaviour: at("rcpt", DROP),
    first: ["deferred 002", "deferred 002"],
    audit: "attempt deferred",
  },
  {
    name: "says 421 at RCPT",
    behaviour: at("rcpt", says("421 4.3.2 closing")),
    first: ["deferred 036", "deferred 036"],
    audit: "attempt deferred",
  },
  {
    name: "knows one recipient only",
    behaviour: { recipients: { b: "550 5.1.1 unknown" } },
    first: ["delivered -", "failed 017"],
    audit: "dot_sent attempt delivered",
    last: ["delivered", "failed"],
    copies: 1,
  },
  {
    name: "puts one recipient off",
    behaviour: { recipients: { b: "450 4.2.1 later" } },
    first: ["delivered -", "deferred 018"],
    audit: "dot_sent attempt delivered",
  },
  {
    name: "takes one recipient a transaction",
    behaviour: { recipients: { b: "452 4.5.3 too many" } },
    first: ["delivered -", "deferred 019"],
    audit: "dot_sent attempt delivered",
  },
  {
    name: "answers RCPT with a code that is none",
    behaviour: { recipients: { b: "99 what" } },
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "says 250 to DATA",
    behaviour: at("data", says("250 2.0.0 ok")),
    first: ["deferred 004", "deferred 004"],
    audit: "attempt deferred",
  },
  {
    name: "refuses DATA",
    behaviour: at("data", says("554 5.5.1 no valid recipients")),
    first: ["failed 022", "failed 022"],
    audit: "attempt failed child",
    last: ["failed", "failed"],
    copies: 0,
  },
  {
    name: "hangs up at DATA",
    behaviour: at("data", DROP),
    first: ["deferred 002", "deferred 002"],
    audit: "attempt deferred",
  },
  {
    name: "stops reading within the body",
    behaviour: at("body", STALL),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
  },
  {
    name: "hangs up within the body",
    behaviour: at("body", DROP),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
  },
  {
    name: "refuses the message after its dot",
    behaviour: at("dot", says("554 5.6.0 no")),
    first: ["failed 022", "failed 022"],
    audit: "dot_sent attempt failed child",
    last: ["failed", "failed"],
    copies: 0,
  },
  {
    name: "puts the message off after its dot",
    behaviour: at("dot", says("451 4.3.0 later")),
    first: ["deferred 023", "deferred 023"],
    audit: "dot_sent attempt deferred",
  },
  {
    name: "says 552 over quota after the dot",
    behaviour: at("dot", says("552 5.2.2 full")),
    first: ["failed 022", "failed 022"],
    audit: "dot_sent attempt failed child",
    last: ["failed", "failed"],
    copies: 0,
  },
  {
    name: "takes the message and hangs up before it says so",
    behaviour: at("dot", DROP),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
    copies: 4,
  },
  {
    name: "takes the message and never says so",
    behaviour: at("dot", SILENT),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
    copies: 4,
  },
  {
    name: "takes the message and says so without end",
    behaviour: at("dot", ENDLESS),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
    copies: 4,
  },
  {
    name: "takes the message and says so with a megabyte",
    behaviour: at("dot", GIANT),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
    copies: 4,
  },
  {
    name: "says 354 to the dot",
    behaviour: at("dot", says("354 go on")),
    first: ["deferred 025", "deferred 025"],
    audit: "dot_sent attempt possible_duplicate",
    copies: 4,
  },
  {
    name: "hangs up right after it took the message",
    behaviour: at("dot", { kind: "drop-after" }),
    first: ["delivered -", "delivered -"],
    audit: "dot_sent attempt delivered",
  },
  {
    name: "never answers QUIT",
    behaviour: at("quit", SILENT),
    first: ["delivered -", "delivered -"],
    audit: "dot_sent attempt delivered",
  },
];

type Story = {
  first: readonly string[];
  audit: string;
  last: readonly string[];
  marked: boolean;
  copies: number;
  bodies: number;
};
const stories = new Map<string, Story>();
let world: World;

const domainOf = (index: number): string => `fault${index}.test`;
const HOUR_MS = 3_600_000;

function startWorld(): Promise<World> {
  const { delivery, dns } = patience(2);
  return World.start({
    zone: Object.fromEntries(
      ["clinic.test", ...CASES.map((_, i) => domainOf(i))].map((domain) => [domain, { MX: [[10, `mx.${domain}`]] }]),
    ),
    servers: [
      ...CASES.map(({ behaviour }, i) => ({
        name: `mx.${domainOf(i)}`,
        address: `127.14.${i}.1`,
        certificate: "valid" as const,
        behaviour,
      })),
      { name: "mx.clinic.test", address: "127.14.255.1", certificate: "valid" },
    ],
    config: { dns, delivery: { ...delivery, connections_max: 500 } },
  });
}

beforeAll(async () => {
  world = await startWorld();
  const ids = await Promise.all(
    CASES.map((_, i) => {
      const rcptTo = [`a@${domainOf(i)}`, `b@${domainOf(i)}`];
      const sender = `s${i}@clinic.test`;
      const lines = [
        "Subject: Lunch",
        "",
        ...Array.from({ length: 200 }, (__, n) => `See you at noon. Line ${n} of ${i}.`),
      ];
      return world.accept({ mailFrom: sender, rcptTo, bytes: mail([`From: ${sender}`, ...lines]) });
    }),
  );
  await quiet(world);
  for (const [i, { name }] of CASES.entries()) {
    const rows = await world.audit(ids[i] ?? "");
    const [a] = await world.recipients(ids[i] ?? "");
    const kinds = rows
      .filter(({ recipientId }) => recipientId === a?.id || recipientId === null)
      .map(({ kind }) => kind);
    stories.set(name, {
      first: await standings(ids[i] ?? ""),
      audit: kinds.join(" ").replace("accepted inspected planned protected ", ""),
      last: [],
      marked: false,
      copies: 0,
      bodies: 0,
    });
  }
  for (const [i] of CASES.entries()) world.server(`mx.${domainOf(i)}`).setBehaviour({});
  for (const hours of [0.3, 0.6, 1, 2]) {
    world.advance(hours * HOUR_MS);
    await quiet(world);
  }
  for (const [i, { name }] of CASES.entries()) {
    const recipients = await world.recipients(ids[i] ?? "");
    const { transactions } = world.server(`mx.${domainOf(i)}`);
    const story = stories.get(name);
    if (story === undefined) throw new Error("a case without a story");
    story.last = recipients.map(({ state }) => state);
    story.marked = recipients.some(({ possibleDuplicate }) => possibleDuplicate);
    story.copies = transactions.filter(({ reply }) => !isRefusal(reply)).flatMap(({ rcptTo }) => rcptTo).length;
    story.bodies = new Set(transactions.map(({ bytes }) => bytes.toString("latin1"))).size;
  }
}, 120_000);
afterAll(() => world.close());

function isRefusal(reply: string | null): boolean {
  return reply !== null && /^[45]/.test(reply);
}

async function standings(id: string): Promise<readonly string[]> {
  return (await world.recipients(id)).map(
    ({ state, lastCode }) => `${state} ${lastCode?.replace("PST-DLV-", "") ?? "-"}`,
  );
}

describe("a server that", () => {
  test.each(CASES)("$name", ({ name, first, audit, last = ["delivered", "delivered"], copies = 2 }) => {
    const story = stories.get(name);
    expect(story).toMatchObject({ first, audit, last, copies });
    expect(story?.marked === true || copies <= 2).toBe(true);
    expect(story?.bodies ?? 0).toBeLessThanOrEqual(1);
  });
});
