import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Segment } from "./compiled-pack.ts";
import { scanSegment } from "./detectors.ts";
import { packOf } from "./inspect-mails.suite.ts";
import { matchPack } from "./match-pack.ts";
import { matchesAmong, RuleEvaluation } from "./rules.ts";
import { TextPlaces } from "./text-places.ts";

const pack = packOf(`version: 1
pack: p
detectors:
  - { id: number, type: regex, classes: [identifier], pattern: '\\b\\d{3}-\\d{4}\\b' }
  - { id: label, type: label_id, classes: [identifier], labels: [mrn], value: '\\d{4,8}' }
  - { id: word, type: dictionary, classes: [health], terms: [gout, type 2 diabetes] }
  - { id: ending, type: word_ending, classes: [health], endings: [itis] }
  - { id: person, type: name, classes: [person], given_names: [anna], labels: [patient] }
  - { id: bulk, type: dictionary, classes: [bulk], terms: [unsubscribe] }
rules:
  - { id: near, action: protect, when: { all: [{ class: identifier }, { class: health, within: 40 }] } }
  - id: named
    action: protect
    when: { all: [{ class: person }, { any: [{ class: health, distinct: 2 }, { any_of: [label] }] }, { not: { class: bulk } }] }
  - { id: shadowed, action: protect, status: shadow, when: { class: health } }
  - { id: either, action: tag, when: { any: [{ all: [{ not: { class: health } }, { any_of: [number] }] }, { class: bulk }] } }
`);
const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 60 };
const piece = fc.constantFrom(
  "gout",
  "type 2 diabetes",
  "arthritis",
  "MRN: 123456",
  "555-1234",
  "Patient: Anna Smith",
  "Anna Jones",
  "unsubscribe",
  "nothing of note here",
  "x".repeat(30),
  "\n",
);
/** Some of them longer than `matchesMax`. */
const texts = fc.array(fc.array(piece, { maxLength: 6 }), { minLength: 1, maxLength: 4 });

function segmentsOf(pieces: readonly (readonly string[])[]): readonly Segment[] {
  return pieces.map((each, index) => ({ part: String(index), kind: "body", message: 0, text: each.join(" ") }));
}

describe("detectors that run only when a rule asks", () => {
  test("find what they would find one after the other, and the same rules hold", () => {
    fc.assert(
      fc.property(texts, (pieces) => {
        const segments = segmentsOf(pieces);
        const all = segments.flatMap((segment, index) => scanSegment(pack, { segment, index }, context));
        const evaluation = new RuleEvaluation(new TextPlaces(segments), matchesAmong(all), context);
        const holding = pack.rules.filter((rule) => evaluation.test(rule.when, null));
        expect(matchPack(pack, segments, { ...context, tellsAll: true })).toEqual({
          pack,
          matches: all,
          satisfied: holding,
        });
        const acting = holding.filter(({ status }) => status === "active");
        const supporting = all.filter(({ detector }) => acting.some(({ reads }) => reads.has(detector.id)));
        expect(matchPack(pack, segments, context)).toEqual({ pack, matches: supporting, satisfied: holding });
      }),
      { numRuns: 500 },
    );
  });

  test("do not run where what else a rule needs is missing", () => {
    const asked: string[] = [];
    const matchesOf = (detector: string): readonly never[] => {
      asked.push(detector);
      return [];
    };
    const evaluation = new RuleEvaluation(new TextPlaces([]), matchesOf, context);
    expect(pack.rules.filter(({ id }) => id === "near").some((rule) => evaluation.holds(rule))).toBe(false);
    expect(asked.toSorted()).toEqual(["ending", "word"]);
  });

  test("are not asked where an earlier rule has told already that something else is missing", () => {
    const dear = packOf(`version: 1
pack: p
detectors:
  - { id: ours, type: regex, classes: [identifier], pattern: 'A\\d{3}' }
  - { id: theirs, type: regex, classes: [identifier], pattern: 'B\\d{3}' }
  - { id: shape, type: regex, classes: [contact], pattern: 'C\\d{3}' }
  - { id: code, type: regex, classes: [health], pattern: 'D\\d{3}' }
  - { id: word, type: dictionary, classes: [health], terms: [gout] }
rules:
  - { id: first, action: tag, when: { all: [{ class: identifier }, { class: health }] } }
  - { id: second, action: tag, when: { all: [{ class: contact }, { class: health }] } }
`);
    const asked: string[] = [];
    const matchesOf = (detector: string): readonly never[] => {
      asked.push(detector);
      return [];
    };
    const evaluation = new RuleEvaluation(new TextPlaces([]), matchesOf, context);
    expect(dear.rules.some((rule) => evaluation.holds(rule))).toBe(false);
    expect(asked.toSorted()).toEqual(["code", "word"]);
  });
});
