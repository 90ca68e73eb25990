import { describe, expect, test } from "vitest";
import type { CompiledPack } from "./compiled-pack.ts";
import { explainFindings } from "./explain-findings.ts";
import { explainRule } from "./explain-rules.ts";
import type { ConditionExplanation, CountExplanation } from "./explain-rules.ts";
import { createInspect } from "./inspect.ts";
import type { Seen } from "./inspect.ts";
import { packOf, stillClock } from "./inspect-mails.suite.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { matchesAmong, RuleEvaluation } from "./rules.ts";
import { scanBytes } from "./scan.ts";
import { TextPlaces } from "./text-places.ts";

const PACK = `version: 1
pack: p
detectors:
  - id: id.mrn
    type: label_id
    classes: [identifier]
    labels: [mrn]
    value: '[A-Z]?\\d{4,8}'
    validate: [not_repeated]
    confidence:
      - { level: 50 }
      - { level: 85, near: { words: [chart], within: 40 } }
      - { adjust: -40, near: { words: [order], within: 30, side: before } }
  - { id: health.word, type: dictionary, classes: [health], weight: 2, terms: [diabetes, asthma] }
  - { id: person, type: name, classes: [person], given_names: [Anna] }
  - { id: shape, type: regex, classes: [other], pattern: 'Q\\d{3}', confidence: [{ level: 60, near: { words: [badge], within: 10 } }] }
rules:
  - id: r.near
    action: protect
    when: { all: [{ class: identifier, min_confidence: 50 }, { class: health, weight: 4, distinct: 2, within: 60 }] }
  - id: r.person
    action: tag
    when: { any: [{ class: person }, { all: [{ any_of: [shape] }, { not: { class: health } }] }] }
`;
const pack: CompiledPack = packOf(PACK);

async function seenIn(text: string): Promise<Seen> {
  let seen: Seen | null = null;
  const watch = (each: Seen): void => void (seen = each);
  const deps = { packs: [pack], hashKey: new Uint8Array(32), clock: stillClock, watch };
  await scanBytes(Buffer.from(text), "a.eml", createInspect(DEFAULT_INSPECT_OPTIONS, deps));
  if (seen === null) throw new Error("nothing was seen");
  return seen;
}

async function explained(
  text: string,
  id: string,
): Promise<{ readonly holds: boolean; readonly when: ConditionExplanation }> {
  const seen = await seenIn(text);
  const matches = seen.results[0]?.matches ?? [];
  const rule = pack.rules.find((each) => each.id === id);
  if (rule === undefined) throw new Error("no such rule");
  const places = new TextPlaces(seen.segments);
  return explainRule(rule, new RuleEvaluation(places, matchesAmong(matches), { isLate: () => false }), matches);
}

function counts(condition: ConditionExplanation): readonly CountExplanation[] {
  return condition.kind === "count" ? [condition] : condition.conditions.flatMap(counts);
}

describe("a rule is explained", () => {
  test.each<[string, string, boolean, readonly object[]]>([
    [
      "that holds",
      "Subject: x\n\nMRN 12345 asthma, diabetes",
      true,
      [
        { asked: "class identifier", holds: true, distinct: { found: 1, needed: 1 } },
        {
          asked: "class health",
          holds: true,
          distinct: { found: 2, needed: 2 },
          weight: { found: 4, needed: 4 },
          outside: 0,
        },
      ],
    ],
    [
      "that lacks one word",
      "Subject: x\n\nMRN 12345 asthma",
      false,
      [{ holds: true }, { holds: false, distinct: { found: 1, needed: 2 }, weight: { found: 2, needed: 4 } }],
    ],
    [
      "whose words are too far away",
      `Subject: x\n\nMRN 12345 asthma${" .".repeat(80)} diabetes`,
      false,
      [{ holds: true }, { holds: false, distinct: { found: 1, needed: 2 }, outside: 1 }],
    ],
    [
      "whose anchor is not sure enough",
      "Subject: x\n\norder MRN 12345 asthma, diabetes",
      false,
      [
        { holds: false, distinct: { found: 0, needed: 1 }, tooWeak: 1 },
        { holds: false, isMeasured: false, outside: 0 },
      ],
    ],
    [
      "around the anchor that fits best",
      `Subject: x\n\nMRN 11112${" .".repeat(80)} MRN 22223 asthma`,
      false,
      [
        { holds: true, distinct: { found: 2, needed: 1 } },
        { holds: false, distinct: { found: 1, needed: 2 } },
      ],
    ],
  ])("%s", async (_, text, holds, conditions) => {
    const explanation = await explained(text, "r.near");
    expect(explanation.holds).toBe(holds);
    expect(counts(explanation.when)).toMatchObject(conditions);
  });

  test("any, not and all keep their shape", async () => {
    const { when, holds } = await explained("Subject: x\n\nasthma", "r.person");
    expect(holds).toBe(false);
    expect(when).toMatchObject({
      kind: "any",
      holds: false,
      conditions: [
        { kind: "count", holds: false },
        {
          kind: "all",
          holds: false,
          conditions: [
            { kind: "count", holds: false },
            { kind: "not", holds: false, conditions: [{ kind: "count", holds: true }] },
          ],
        },
      ],
    });
  });
});

describe("a finding is explained", () => {
  test.each<[string, string, object]>([
    [
      "at its ground level",
      "see MRN 12345",
      { detector: "id.mrn", confidence: 50, level: 50, supports: [], dropped: null },
    ],
    [
      "lifted by a word near it",
      "chart MRN 12345",
      {
        detector: "id.mrn",
        confidence: 85,
        level: 85,
        supports: [{ kind: "level", by: 85, offset: 0, length: 5 }],
      },
    ],
    [
      "lowered by a word before it",
      "order MRN 12345",
      {
        detector: "id.mrn",
        confidence: 10,
        level: 50,
        suppressions: [{ kind: "adjust", by: -40, offset: 0, length: 5 }],
      },
    ],
    ["that fails its check", "MRN 11111", { detector: "id.mrn", confidence: null, dropped: "check" }],
    ["that is the sender", "Anna Moss", { detector: "person", confidence: null, dropped: "sender" }],
    ["that reaches no level", "Q123", { detector: "shape", confidence: null, dropped: "no_level" }],
  ])("%s", async (_, text, expected) => {
    const seen = await seenIn(`From: Anna Moss <a@b.example>\nSubject: x\n\n${text}`);
    const body = seen.segments.findIndex(({ kind }) => kind === "body");
    const found = explainFindings(pack, seen).filter(({ segment }) => segment === body);
    expect(found).toMatchObject([expected]);
  });
});
