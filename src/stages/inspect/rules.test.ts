import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import type { Segment } from "./compiled-pack.ts";
import { packOf } from "./inspect-mails.suite.ts";
import { matchPack } from "./match-pack.ts";

const DETECTORS = `version: 1
pack: p
detectors:
  - { id: id, type: regex, pattern: 'ID\\d{3}', classes: [identifier], confidence: [{ level: 40 }, { level: 80, near: { words: [chart], within: 10 } }] }
  - { id: term, type: dictionary, classes: [health], weight: 2, terms: [flu, gout, lupus] }
  - { id: word, type: dictionary, classes: [health], weight: 1, terms: [clinic, nurse] }
  - { id: phrase, type: dictionary, terms: [sick nurse, nurse] }
rules:
  - { id: reads-all, status: "off", action: tag, when: { any_of: [id, term, word, phrase] } }
`;

function holds(when: string, segments: readonly Partial<Segment>[]): boolean {
  const pack = packOf(`${DETECTORS}  - { id: r, action: protect, when: ${when} }`);
  const whole = segments.map((segment) => ({ part: "1", kind: "body", message: 0, text: "", ...segment }) as const);
  return matchPack(pack, whole, { senderNames: new Set(), isLate: () => false, matchesMax: 100 }).satisfied.length > 0;
}

const far = " x".repeat(100).concat(" ");

describe("one text satisfies", () => {
  test.each<[string, string, string, boolean]>([
    ["any_of with one hit", "{ any_of: [id] }", "ID123", true],
    ["no confidence below the least", "{ any_of: [id], min_confidence: 60 }", "ID123", false],
    ["enough confidence", "{ any_of: [id], min_confidence: 60 }", "chart ID123", true],
    ["distinct values", "{ any_of: [id], distinct: 2 }", "ID123 ID124", true],
    ["no value counted twice", "{ any_of: [id], distinct: 2 }", "ID123 ID123 ID123", false],
    ["weights of distinct terms", "{ class: health, weight: 3 }", "flu nurse", true],
    ["no term's weight twice", "{ class: health, weight: 3 }", "flu flu", false],
    ["no match inside another", "{ any_of: [phrase], distinct: 2 }", "sick nurse", false],
    ["the same two apart", "{ any_of: [phrase], distinct: 2 }", "sick nurse, nurse", true],
    ["distinct terms", "{ class: health, distinct_terms: 2 }", "flu nurse", true],
    ["all", "{ all: [{ any_of: [id] }, { class: health }] }", `ID123${far}flu`, true],
    ["not all", "{ all: [{ any_of: [id] }, { class: health }] }", "ID123", false],
    ["any", "{ any: [{ any_of: [id] }, { class: health }] }", "flu", true],
    ["not", "{ all: [{ any_of: [id] }, { not: { class: health } }] }", "ID123", true],
    ["not, when it is there", "{ all: [{ any_of: [id] }, { not: { class: health } }] }", "ID123 flu", false],
    ["a window after", "{ all: [{ any_of: [id] }, { class: health, within: 20 }] }", "ID123 has flu", true],
    ["a window before", "{ all: [{ any_of: [id] }, { class: health, within: 20 }] }", "flu: ID123", true],
    ["no window too far", "{ all: [{ any_of: [id] }, { class: health, within: 20 }] }", `ID123${far}flu`, false],
    [
      "a window around any anchor",
      "{ all: [{ any_of: [id] }, { class: health, within: 20 }] }",
      `ID123${far}ID124 flu`,
      true,
    ],
    [
      "weights within one window",
      "{ all: [{ any_of: [id] }, { class: health, weight: 4, within: 20 }] }",
      "flu ID123 gout",
      true,
    ],
    [
      "no weights from two windows",
      "{ all: [{ any_of: [id] }, { class: health, weight: 4, within: 20 }] }",
      `flu ID123${far}ID124 gout`,
      false,
    ],
    [
      "distinct anchors that fit",
      "{ all: [{ any_of: [id], distinct: 2 }, { class: health, within: 20 }] }",
      `ID123 flu${far}ID124 flu`,
      true,
    ],
    [
      "no anchors that do not fit",
      "{ all: [{ any_of: [id], distinct: 2 }, { class: health, within: 20 }] }",
      `ID123 flu${far}ID124`,
      false,
    ],
    [
      "an exception within the window",
      "{ all: [{ any_of: [id] }, { not: { class: health, within: 20 } }] }",
      `ID123${far}flu`,
      true,
    ],
    [
      "a choice within the window",
      "{ all: [{ any_of: [id] }, { any: [{ any_of: [word], within: 20 }, { any_of: [term], within: 20 }] }] }",
      `ID123 nurse${far}flu`,
      true,
    ],
  ])("%s", (_, when, text, expected) => {
    expect(holds(when, [{ text }])).toBe(expected);
  });
});

describe("over several texts", () => {
  const near = "{ all: [{ any_of: [id] }, { class: health, within: 20 }] }";
  test.each<[string, string, readonly Partial<Segment>[], boolean]>([
    ["a window does not cross parts", near, [{ text: "ID123" }, { text: "flu" }], false],
    ["a subject stands before a body", near, [{ kind: "subject", text: "flu" }, { text: "ID123" }], true],
    ["a body stands behind its subject", near, [{ kind: "subject", text: "ID123" }, { text: "flu" }], true],
    ["only the body's beginning is near", near, [{ kind: "subject", text: "flu" }, { text: `${far}ID123` }], false],
    [
      "another message's subject is far",
      near,
      [
        { kind: "subject", text: "flu" },
        { message: 1, text: "ID123" },
      ],
      false,
    ],
    [
      "without a window all parts count",
      "{ all: [{ any_of: [id] }, { class: health }] }",
      [{ text: "ID123" }, { text: "flu" }],
      true,
    ],
    [
      "a value in text and HTML counts once",
      "{ any_of: [id], distinct: 2 }",
      [{ text: "ID123" }, { text: "ID123" }],
      false,
    ],
  ])("%s", (_, when, segments, expected) => {
    expect(holds(when, segments)).toBe(expected);
    expect(holds(when, segments.toReversed())).toBe(expected);
  });
});

test("many anchors and many terms stay quick", () => {
  const text = "ID123 ID124 flu gout nurse clinic ".repeat(3_000);
  const when = "{ all: [{ any_of: [id], distinct: 3 }, { class: health, weight: 9, within: 2000 }] }";
  expect(cpuMsOf(() => expect(holds(when, [{ text }])).toBe(false))).toBeLessThan(2_000);
});
