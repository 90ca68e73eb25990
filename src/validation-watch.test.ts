import { describe, expect, test } from "vitest";
import type { Alert } from "./core/alert.ts";
import type { Log } from "./core/log.ts";
import type { ValidationState } from "./core/validation.ts";
import { ValidationWatch } from "./validation-watch.ts";

type Answer = Exclude<ValidationState, "unknown">;

/** What came of one look after the other: log lines, and what stood then. */
async function looks(answers: readonly Answer[], { isAdTrusted = true, isRemembered = false } = {}) {
  const lines: string[] = [];
  const standing: (readonly Alert[])[] = [[]];
  const say = (level: string) => (event: string, fields?: object) =>
    void lines.push(`${level} ${event} ${JSON.stringify(fields)}`);
  const log: Log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
  let isMarked = isRemembered;
  const memory = { hasValidated: () => isMarked, remember: async () => void (isMarked = true) };
  const left = [...answers];
  const resolver = { isAdTrusted, checkValidation: async () => left.shift() ?? "unavailable" } as const;
  const watch = new ValidationWatch("signed.test", {
    resolver,
    log,
    memory,
    observe: (present) => void standing.push(present),
  });
  const stood: (readonly string[])[] = [];
  for (const _answer of answers) {
    await watch.look(new AbortController().signal);
    stood.push((standing.at(-1) ?? []).map(({ code }) => code));
  }
  return { watch, lines, stood, isMarked };
}

const LOST = ["PST-DSC-010"];

describe("the self-test of validation", () => {
  test.each<[string, readonly Answer[], readonly (readonly string[])[]]>([
    ["a resolver that validates", ["validating", "validating"], [[], []]],
    ["one that stops", ["validating", "not-validating", "not-validating"], [[], LOST, LOST]],
    ["one that stops and comes back", ["validating", "not-validating", "validating"], [[], LOST, []]],
    ["one that is away in between", ["validating", "unavailable", "not-validating"], [[], [], LOST]],
    ["one that stops and then is away", ["validating", "not-validating", "unavailable"], [[], LOST, LOST]],
    ["one that never did", ["not-validating", "unavailable", "not-validating"], [[], [], []]],
    ["one that is away", ["unavailable", "unavailable"], [[], []]],
  ])("of %s", async (_name, answers, expected) => {
    const { watch, stood } = await looks(answers);
    expect([stood, watch.state]).toEqual([expected, answers.at(-1)]);
  });

  test("tells each change once, and warns of all but the good one", async () => {
    const answers = ["not-validating", "not-validating", "validating", "validating", "unavailable"] as const;
    expect((await looks(answers)).lines).toEqual([
      'warn dns_validation {"state":"not-validating","before":"unknown","believed":true}',
      'info dns_validation {"state":"validating","before":"not-validating","believed":true}',
      'warn dns_validation {"state":"unavailable","before":"validating","believed":true}',
    ]);
  });

  test("warns once where the resolver is not believed anyway", async () => {
    const { lines, stood } = await looks(["not-validating", "not-validating"], {
      isAdTrusted: false,
      isRemembered: true,
    });
    expect([lines, stood]).toEqual([
      ['warn dns_validation {"state":"not-validating","before":"unknown","believed":false}'],
      [[], []],
    ]);
  });

  test("remembers over a restart that there was validation", async () => {
    expect((await looks(["not-validating", "unavailable"])).isMarked).toBe(false);
    expect((await looks(["validating"])).isMarked).toBe(true);
    expect((await looks(["not-validating"], { isRemembered: true })).stood).toEqual([LOST]);
  });

  test("that a stop broke off says nothing", async () => {
    const { watch, lines } = await looks(["validating"]);
    await watch.look(AbortSignal.abort());
    expect([watch.state, lines.length]).toEqual(["validating", 1]);
  });

  test("comes soon after the start, then every five minutes", async () => {
    const { watch } = await looks([]);
    expect(watch.duty()).toMatchObject({ name: "dns_validation", firstAfterMs: 1_000, everyMs: 300_000 });
    expect(watch.state).toBe("unknown");
  });
});

test("what was seen minutes before does not stand in for a resolver that keeps silent when it is asked", async () => {
  const first = "validating" as const;
  const answers: Answer[] = [first];
  const untilAborted = (signal?: AbortSignal): Promise<Answer> =>
    new Promise((resolve) => signal?.addEventListener("abort", () => resolve("unavailable")));
  const resolver = {
    isAdTrusted: true,
    checkValidation: async (_name: string, signal?: AbortSignal) => answers.shift() ?? (await untilAborted(signal)),
  } as const;
  const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
  const memory = { hasValidated: () => true, remember: async () => undefined };
  const watch = new ValidationWatch("signed.test", { resolver, log, memory, observe: () => undefined }, 20);
  await watch.look(new AbortController().signal);
  expect([watch.state, await watch.isValidating()]).toEqual([first, false]);
});
