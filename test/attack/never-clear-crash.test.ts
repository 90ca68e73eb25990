/**
 * The process is killed over and over, at seeded moments and in every phase of a dialog. Whatever was acknowledged ends, nothing that
 * needs protection is seen by a server that did not prove its name, and a duplicate is never sent without the audit saying so.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MxBehaviour, MxPhase } from "../../src/cli/loopback/mx-behaviour.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { isTerminal } from "../../src/core/recipient-state.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { leaksIn } from "../support/canary.ts";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { ChildGateway } from "../support/child-gateway.ts";
import { patience, protectedMail, quiet, SENDER_HOST } from "../support/never-clear-run.ts";
import { eventually, mail, World } from "../support/world.ts";

const GOOD = "mx.good.test";
const PLAIN = "mx.plain.test";
/** Verified and greylisting in the first lives, in the clear later. */
const FLIP = "mx.flip.test";
const HOUR_MS = 3_600_000;

/** A life: killed as soon as the good server has heard this, or this long after the first 250. */
type Life = { readonly phase: MxPhase; readonly verb: string } | { readonly afterMs: number };

const SILENT_PHASES: readonly Life[] = [
  { phase: "ehlo", verb: "EHLO" },
  { phase: "starttls", verb: "STARTTLS" },
  { phase: "mail", verb: "MAIL" },
  { phase: "rcpt", verb: "RCPT" },
  { phase: "data", verb: "DATA" },
  { phase: "dot", verb: "DATA" },
];

/** Park-Miller: the same moments in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

function livesOf(random: () => number): readonly Life[] {
  const timed = Array.from({ length: 12 }, (_, index): Life => ({
    afterMs: index < 2 ? 0 : Math.round(random() * 45),
  }));
  return [...SILENT_PHASES, ...timed, ...SILENT_PHASES.slice(3)];
}

type Accepted = { readonly id: string; readonly canary: string };

let world: World;
let port: number;
const acknowledged: Accepted[] = [];
const canaries: string[] = [];
let output = "";

beforeAll(async () => {
  port = await freePort();
  world = await World.start({
    zone: {
      "clinic.test": { MX: [[10, SENDER_HOST]] },
      "good.test": { MX: [[10, GOOD]] },
      "plain.test": { MX: [[10, PLAIN]] },
      "flip.test": { MX: [[10, FLIP]] },
    },
    servers: [
      { name: GOOD, address: "127.9.0.1", certificate: "valid" },
      { name: PLAIN, address: "127.9.0.2", certificate: "none" },
      { name: FLIP, address: "127.9.0.3", certificate: "valid" },
      { name: SENDER_HOST, address: "127.9.0.4", certificate: "valid" },
    ],
    config: {
      ...patience(20),
      listen: { port },
      delivery: {
        ...patience(30).delivery,
        dot_timeout_seconds: 30,
        command_timeout_seconds: 30,
        retry: { schedule_seconds: [1, 60] },
      },
    },
  });
  await world.stopGateway();
  const lives = livesOf(seeded(20_260_101));
  for (const [index, life] of lives.entries()) {
    world.server(FLIP).setBehaviour(index < 8 ? { greylist: true } : { starttls: "strip" });
    await live(life, index);
  }
  world.server(GOOD).setBehaviour({});
  await world.startGateway();
  await quiet(world);
  for (const hours of [0.04, 0.6, 0.6, 48, 30]) {
    world.advance(hours * HOUR_MS);
    await quiet(world);
  }
}, 120_000);
afterAll(() => world.close());

async function live(life: Life, index: number): Promise<void> {
  const isSilent = "phase" in life;
  const behaviour: MxBehaviour = isSilent ? { faults: { [life.phase]: { kind: "stall" } } } : {};
  world.server(GOOD).setBehaviour(behaviour);
  const heardBefore = isSilent ? heard(life) : 0;
  const child = await ChildGateway.start(world.configPath);
  const accepted = ["a", "b", "c"].map((name) => handOver(`wagtail-${index}${name}`, name === "c"));
  await Promise.race(accepted);
  if (isSilent) {
    await eventually(async () => (heard(life) > heardBefore ? true : null));
    await sleep(life.phase === "dot" ? 15 : 2);
  } else {
    await sleep(life.afterMs);
  }
  await child.kill();
  await Promise.all(accepted);
  output += child.output;
}

function heard(life: Extract<Life, { verb: string }>): number {
  return world.server(GOOD).verbs.filter(({ verb }) => verb === life.verb).length;
}

/** Two kinds with PHI to three sides; the third message is clean and goes in the clear too. */
async function handOver(canary: string, isClean: boolean): Promise<void> {
  canaries.push(canary);
  const sender = `from.${canary}@clinic.test`;
  const rcptTo = isClean
    ? [`to.${canary}@plain.test`]
    : ["good", "plain", "flip"].map((side) => `to.${canary}@${side}.test`);
  const bytes = isClean
    ? mail([`From: ${sender}`, "Subject: Lunch", "", `See you at noon. ${canary}`])
    : protectedMail("phi", { canary, sender, recipient: rcptTo[0] ?? "" });
  try {
    const answer = await submit(
      { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" },
      { mailFrom: sender, rcptTo, bytes },
    );
    const id = /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1];
    if (answer.code === 250 && id !== undefined) acknowledged.push({ id, canary });
  } catch {
    // The gateway died before it answered: the client would send it again, and nothing is owed.
  }
}

const needsProtection = ({ canary }: Accepted): boolean => !canary.endsWith("c");

test("the kills struck work of every kind", () => {
  expect(acknowledged.length).toBeGreaterThan(25);
  expect(output).toContain('"resumed":1');
  expect(output).toMatch(/"ambiguous":[1-9]/);
});

test("nothing that needs protection was seen by a server that proved nothing, and nothing in the clear", () => {
  const secret = canaries.filter((canary) => !canary.endsWith("c"));
  const words = secret.flatMap((canary) => [canary, `from.${canary}@`, `to.${canary}@`]);
  expect(leaksIn(world.server(PLAIN).allSeen, words)).toEqual([]);
  expect(leaksIn(world.server(FLIP).plaintextSeen, words)).toEqual([]);
  expect(leaksIn(world.server(GOOD).plaintextSeen, words)).toEqual([]);
});

test("every recipient of every acknowledged message came to an end", async () => {
  for (const one of acknowledged) {
    const recipients = await world.recipients(one.id);
    expect(recipients).toHaveLength(needsProtection(one) ? 3 : 1);
    expect(recipients.filter(({ state }) => !isTerminal(state))).toEqual([]);
  }
});

test("what was acknowledged arrived where it could, and more than once only where the audit says so", async () => {
  for (const one of acknowledged) {
    const side = needsProtection(one) ? GOOD : PLAIN;
    const copies = world.server(side).transactions.filter(({ bytes }) => bytes.includes(one.canary)).length;
    expect.soft(copies, one.canary).toBeGreaterThan(0);
    const rows = await world.audit(one.id);
    const marks = rows.filter(
      ({ event, recipientId }) => event.kind === "possible_duplicate" && recipientId === `${one.id}.1`,
    );
    expect.soft(copies, one.canary).toBeLessThanOrEqual(1 + marks.length);
    const [first] = await world.recipients(one.id);
    expect.soft([first?.state, first?.possibleDuplicate], one.canary).toEqual(["delivered", marks.length > 0]);
  }
});

test("the audit chain is whole over all lives", async () => {
  expect(await verifyChain(world.postern.store)).toMatchObject({ faults: [] });
});

test("neither logs nor reports hold anything of the messages", () => {
  expect(leaksIn(output, canaries)).toEqual([]);
  const reports = world
    .server(SENDER_HOST)
    .transactions.map(({ bytes }) => bytes.toString("latin1").replaceAll(/(?:from|to)\.wagtail-[0-9a-z]+@/g, ""));
  expect(leaksIn(reports.join("\n"), canaries)).toEqual([]);
});
