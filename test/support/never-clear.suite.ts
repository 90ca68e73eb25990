/** What the tables of never-clear cases have in common: one run each, then the same questions about every case. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { leaksIn } from "./canary.ts";
import { codesIn, NeverClear, SENDER_HOST, standing, toldTo } from "./never-clear-run.ts";
import type { Sent } from "./never-clear-run.ts";
import type { HostileCase } from "./never-clear-side.ts";
import { LIFETIME_OVER } from "./never-clear-side.ts";

/** What a sender hears first, by what the first attempt came to. */
const FIRST_WORD: Readonly<Record<string, RegExp>> = {
  held: /^Your message is held$/,
  deferred: /^Your message is (?:delayed|held)$/,
  failed: /^Your message could not be delivered$/,
};

/** `retriedMin`: so many cases must have been tried more than once, or the suite saw nothing. */
export function neverClear(
  cases: readonly HostileCase[],
  options: { readonly patienceSeconds: number; readonly retriedMin: number },
): void {
  let run: NeverClear | null = null;
  const theRun = (): NeverClear => {
    if (run === null) throw new Error("the run did not come to its end");
    return run;
  };
  beforeAll(async () => {
    run = await NeverClear.run(cases, options.patienceSeconds);
  }, 120_000);
  afterAll(() => run?.world.close());
  askEachCase(cases, theRun);
  askTheWhole(theRun, { cases, retriedMin: options.retriedMin });
}

function askEachCase(cases: readonly HostileCase[], theRun: () => NeverClear): void {
  describe.each(cases)("$name", (hostile) => {
    test("nothing of the message is seen in the clear, and nothing at all by a server that proved nothing", () => {
      const words = wordsOf(theRun().of(hostile));
      expect(words).toHaveLength(9);
      for (const { server, isProven } of serversOf(hostile, theRun())) {
        expect(leaksIn(isProven ? server.plaintextSeen : server.allSeen, words)).toEqual([]);
      }
    });

    test("the first attempt and the end are what the table says, for every kind of protected mail", async () => {
      const sent = theRun().of(hostile);
      const ends = await Promise.all(sent.map(({ id }) => standing(theRun().world, id)));
      expect(sent.map(({ first }) => first)).toEqual(sent.map(() => hostile.first));
      expect(ends).toEqual(sent.map(() => hostile.last));
    });

    test("the audit says why", async () => {
      for (const { id } of theRun().of(hostile)) {
        expect(codesIn(await theRun().world.audit(id))).toContain(hostile.why);
      }
    });

    test("the sender is told in the end, and at once where it is held", () => {
      for (const { sender } of theRun().of(hostile)) {
        const told = toldTo(theRun().world, sender);
        expect(told.filter((subject) => subject === "Your message could not be delivered")).toHaveLength(1);
        expect(told[0]).toMatch(FIRST_WORD[hostile.first.split(" ")[0] ?? ""] ?? /nothing else/);
      }
    });
  });
}

function askTheWhole(
  theRun: () => NeverClear,
  { cases, retriedMin }: { readonly cases: readonly HostileCase[]; readonly retriedMin: number },
): void {
  test("the suite could notice: verified servers did see some of these mails under TLS", () => {
    const seen = [...theRun().world.internet.servers.values()].map(({ allSeen }) => allSeen);
    expect(leaksIn(Buffer.concat(seen), wordsOf(theRun().sent)).length).toBeGreaterThanOrEqual(3);
  });

  test("every side that could be reached was tried again while there was time and something to try", () => {
    const tried = cases.filter(({ first, why }) => first.startsWith("deferred PST-DLV") && why !== "PST-DLV-032");
    expect(tried.length).toBeGreaterThanOrEqual(retriedMin);
    for (const hostile of tried) {
      const connections = serversOf(hostile, theRun()).reduce((sum, { server }) => sum + server.connections, 0);
      expect.soft(connections, hostile.name).toBeGreaterThanOrEqual(hostile.last === LIFETIME_OVER ? 5 : 4);
    }
  });

  test("what the sender is told holds nothing of the messages", () => {
    const canaries = theRun().sent.map(({ canary }) => canary);
    expect(leaksIn(theRun().world.server(SENDER_HOST).allSeen, canaries)).toEqual([]);
  });

  test("the audit chain is whole", async () => {
    const { rows, faults } = await verifyChain(theRun().world.postern.store);
    expect(faults).toEqual([]);
    expect(rows).toBeGreaterThan(10 * cases.length);
  });
}

function wordsOf(sent: readonly Sent[]): readonly string[] {
  return sent.flatMap(({ canary, sender, recipient }) => [canary, sender, recipient]);
}

function serversOf(
  hostile: HostileCase,
  run: NeverClear,
): readonly { readonly server: MxServer; readonly isProven: boolean }[] {
  const [one] = run.of(hostile);
  return (one?.side.hosts ?? []).map(({ name }, index) => ({
    server: run.world.server(name),
    isProven: hostile.peers[index]?.certificate === "valid",
  }));
}
