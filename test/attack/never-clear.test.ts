/** Whatever the other side does, mail that needs protection is never seen by a server that did not prove its name under TLS. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { leaksIn } from "../support/canary.ts";
import { LIFETIME_OVER } from "../support/never-clear-side.ts";
import { HOSTILE_CASES } from "../support/never-clear-cases.ts";
import { codesIn, NeverClear, SENDER_HOST, standing, toldTo } from "../support/never-clear-run.ts";
import type { Sent } from "../support/never-clear-run.ts";
import type { HostileCase } from "../support/never-clear-side.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";

/** What a sender hears first, by what the first attempt came to. */
const FIRST_WORD: Readonly<Record<string, RegExp>> = {
  held: /^Your message is held$/,
  deferred: /^Your message is (?:delayed|held)$/,
  failed: /^Your message could not be delivered$/,
};

let run: NeverClear;
beforeAll(async () => {
  run = await NeverClear.run(HOSTILE_CASES);
}, 120_000);
afterAll(() => run.world.close());

describe.each(HOSTILE_CASES)("$name", (hostile) => {
  test("nothing of the message is seen in the clear, and nothing at all by a server that proved nothing", () => {
    for (const { server, isProven } of serversOf(hostile)) {
      const seen = isProven ? server.plaintextSeen : server.allSeen;
      expect(leaksIn(seen, wordsOf(run.of(hostile)))).toEqual([]);
    }
  });

  test("the first attempt and the end are what the table says, for every kind of protected mail", async () => {
    const ends = await Promise.all(run.of(hostile).map(({ id }) => standing(run.world, id)));
    expect(run.of(hostile).map(({ first }) => first)).toEqual(ends.map(() => hostile.first));
    expect(ends).toEqual(ends.map(() => hostile.last));
  });

  test("the audit says why", async () => {
    for (const { id } of run.of(hostile)) expect(codesIn(await run.world.audit(id))).toContain(hostile.why);
  });

  test("the sender is told in the end, and at once where it is held", () => {
    for (const { sender } of run.of(hostile)) {
      const told = toldTo(run.world, sender);
      expect(told.filter((subject) => subject === "Your message could not be delivered")).toHaveLength(1);
      expect(told[0]).toMatch(FIRST_WORD[hostile.first.split(" ")[0] ?? ""] ?? /nothing else/);
    }
  });
});

test("the suite notices: verified servers of these cases did see mail under TLS", () => {
  const seen = [...run.world.internet.servers.values()].flatMap(({ transactions }) => transactions);
  expect(leaksIn(Buffer.concat(seen.map(({ bytes }) => bytes)), wordsOf(run.sent)).length).toBeGreaterThan(5);
});

test("every side that could be reached was tried again, until the lifetime was over or nothing more could be tried", () => {
  const tried = HOSTILE_CASES.filter(({ first }) => first.startsWith("deferred PST-DLV"));
  expect(tried.length).toBeGreaterThan(25);
  for (const hostile of tried.filter(({ why }) => why !== "PST-DLV-032")) {
    const connections = serversOf(hostile).reduce((sum, { server }) => sum + server.connections, 0);
    expect.soft(connections, hostile.name).toBeGreaterThanOrEqual(hostile.last === LIFETIME_OVER ? 5 : 4);
  }
});

test("what the sender is told holds nothing of the messages", () => {
  const told = run.world.server(SENDER_HOST).allSeen;
  expect(
    leaksIn(
      told,
      run.sent.map(({ canary }) => canary),
    ),
  ).toEqual([]);
});

test("the audit chain is whole", async () => {
  const { rows, faults } = await verifyChain(run.world.postern.store);
  expect(faults).toEqual([]);
  expect(rows).toBeGreaterThan(1000);
});

function wordsOf(sent: readonly Sent[]): readonly string[] {
  return sent.flatMap(({ canary, sender, recipient }) => [canary, sender, recipient]);
}

function serversOf(hostile: HostileCase): readonly { readonly server: MxServer; readonly isProven: boolean }[] {
  const [one] = run.of(hostile);
  return (one?.side.hosts ?? []).map(({ name }, index) => ({
    server: run.world.server(name),
    isProven: hostile.peers[index]?.certificate === "valid",
  }));
}
