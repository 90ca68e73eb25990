import { expect, test } from "vitest";
import type { RuleHit, Verdict } from "../../core/findings.ts";
import { ShadowCount } from "./shadow.ts";

const hit = (rule: string, kind: "pass" | "hold"): RuleHit => ({
  pack: "p",
  rule,
  tier: kind === "pass" ? "none" : "low",
  action: { kind },
  scope: { kind: "all" },
});

function counted(mails: readonly (readonly [Verdict, readonly RuleHit[]])[]): ShadowCount {
  const count = new ShadowCount();
  mails.forEach(([verdict, shadow], index) => {
    const rest = { tier: "none", hits: [], uninspectable: [], triggers: [], packs: [], engine: "e", count: 0 } as const;
    const findings = { verdict, ...rest, ...(shadow.length > 0 && { shadow }) };
    count.add(`m${index}`, { kind: "inspected", findings });
  });
  return count;
}

test("counts messages by rule, and those the rule would change", () => {
  const count = counted([
    ["clean", [hit("a", "hold")]],
    ["phi", [hit("a", "hold"), hit("b", "pass")]],
    ["clean", []],
  ]);
  expect(count.report()).toEqual({
    inspected: 3,
    rows: [
      { rule: "p/a", action: "hold", tier: "low", messages: 2, changed: 1, examples: ["m0"] },
      { rule: "p/b", action: "pass", tier: "none", messages: 1, changed: 0, examples: ["m1"] },
    ],
  });
});

test("names the newest messages that would change, a few of them", () => {
  const count = counted([
    ["phi", [hit("a", "hold")]],
    ...Array.from({ length: 7 }, () => ["clean", [hit("a", "hold")]] as const),
  ]);
  expect(count.report().rows[0]).toMatchObject({ messages: 8, changed: 7, examples: ["m7", "m6", "m5", "m4", "m3"] });
});
