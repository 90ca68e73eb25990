import { expect, test } from "vitest";
import type { Findings } from "../../core/findings.ts";
import { COPIES_ALIKE_MAX, CopyRounds } from "./copy-rounds.ts";
import type { CopyFacts } from "./copy-rounds.ts";

const HOUR_MS = 3_600_000;

/** One finding for each value; a part before a colon. */
function found(...values: readonly string[]): Findings {
  const findings = values.map((value) => {
    const [part = "", valueHash = ""] = value.includes("@") ? value.split("@") : ["1", value];
    return { detector: "d", confidence: 80, part, offset: 0, length: 1, valueHash };
  });
  return { verdict: "phi", tier: "low", hits: [], findings, uninspectable: [], triggers: [], packs: [], engine: "1" };
}

/** How many of this many messages are copied. */
function copied(count: number, facts: (at: number) => Partial<CopyFacts>, rounds = new CopyRounds()): number {
  const base = { now: 0, messageId: null, findings: null, recipients: ["x@list.test"] };
  const taken = Array.from({ length: count }, (_, at) => rounds.take({ ...base, message: `m${at}`, ...facts(at) }));
  return taken.filter(Boolean).length;
}

test.each<[string, (at: number) => Partial<CopyFacts>, number]>([
  ["one Message-ID that comes again and again", () => ({ messageId: "<a@b>" }), COPIES_ALIKE_MAX],
  [
    "the same findings for the same people under new ids, in another order",
    (at) => ({
      messageId: `<${at}@b>`,
      findings: at % 2 === 0 ? found("a", "b") : found("b", "a", "a"),
      recipients: at % 2 === 0 ? ["x@t", "y@t"] : ["y@t", "x@t"],
    }),
    COPIES_ALIKE_MAX,
  ],
  ["the same findings for others", (at) => ({ findings: found("a", "b"), recipients: [`x${at}@t`] }), 200],
  ["other findings for the same people", (at) => ({ findings: found("a", `${at}`) }), 200],
  ["one value that all share", () => ({ findings: found("a", "header:subject@b") }), 200],
  ["nothing to know them by", () => ({}), 200],
  ["the same in several hours", (at) => ({ messageId: "<a@b>", now: Math.floor(at / 40) * HOUR_MS }), 200],
  ["one message asked for again", () => ({ message: "m", messageId: "<a@b>" }), 200],
])("%s", (_, facts, expected) => {
  expect(copied(200, facts)).toBe(expected);
});

test("beyond what can be counted everything is copied", () => {
  const rounds = new CopyRounds();
  expect(copied(200_000, (at) => ({ messageId: `<${at}@b>` }), rounds)).toBe(200_000);
  expect(copied(100, (at) => ({ message: `n${at}`, messageId: "<a@b>" }), rounds)).toBe(100);
});
