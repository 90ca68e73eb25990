import { describe, expect, test } from "vitest";
import type { Segment } from "./compiled-pack.ts";
import { formatPackError, loadPack } from "./pack-file.ts";
import type { PackLoading } from "./pack-file.ts";
import { matchPack } from "./match-pack.ts";
import { normaliseText } from "./normalise.ts";
import { termListText } from "./term-list.ts";

const PACK = `version: 1
pack: p
detectors:
  - { id: name, type: dictionary, classes: [person], terms: [anna, bert, cleo] }
  - { id: all, type: weighed, classes: [weighed], file: w.dict }
rules:
  - { id: r, action: tag, when: { class: weighed, min_confidence: 60 } }
  - { id: n, action: tag, when: { class: person } }
`;

function load(weights: readonly string[], pack = PACK): PackLoading {
  const list = termListText({ source: "s", licence: "l", date: "2026-01-01", kind: "weights", terms: weights });
  return loadPack(pack, "p.yaml", { "w.dict": list });
}

function body(text: string): Segment {
  return { part: "1", kind: "body", message: 0, text: normaliseText(text) };
}

/** Confidence of the one match. */
function weigh(weights: readonly string[], ...segments: readonly Segment[]): number | undefined {
  const loading = load(weights);
  if (!loading.ok) throw new Error(loading.errors.map(formatPackError).join("\n"));
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 1_000, tellsAll: true };
  const { matches } = matchPack(loading.pack, segments, context);
  const found = matches.filter(({ detector }) => detector.id === "all");
  expect(found).toHaveLength(1);
  return found[0]?.confidence;
}

describe("a weighed message", () => {
  test.each<[string, readonly string[], string, number]>([
    ["nothing", ["@base 0"], "hello", 50],
    ["its base", ["@base -100"], "hello", 27],
    ["a word in any case", ["chemo 100"], "CHEMO", 73],
    ["a word once, however often", ["chemo 100"], "chemo chemo, chemo", 73],
    ["no part of a word", ["chemo 100"], "chemotherapy", 50],
    ["a word with its apostrophe", ["he's 100"], "He\u2019s", 73],
    ["a number by its length", ["0000 100"], "room 4711", 73],
    ["no number of another length", ["0000 100"], "room 47111", 50],
    ["a sign", ["$ 100"], "$5", 73],
    ["words together", ["he 60", "fell 60", "stairs -20"], "he fell on the stairs", 73],
    ["one name", ["@person>=0*1 100", "@person>=0*2 100"], "anna", 73],
    ["two names", ["@person>=0*1 100", "@person>=0*2 100"], "anna and bert", 88],
    ["a name twice, as one", ["@person>=0*1 100", "@person>=0*2 100"], "anna and Anna", 73],
    ["names that are not sure enough", ["@person>=70*1 100"], "anna", 50],
    ["its size", ["@chars*10 100", "@chars*20 100"], "twelve chars", 73],
  ])("counts %s", (_, weights, text, expected) => {
    expect(weigh(weights, body(text))).toBe(expected);
  });

  test("is the subject and all its texts, but no header", () => {
    const weights = ["a 100", "b 100", "c 100"];
    const subject: Segment = { part: "header:subject", kind: "subject", message: 0, text: "a" };
    const header: Segment = { part: "header:x", kind: "header", message: 0, text: "c" };
    expect(weigh(weights, subject, header, body("b"))).toBe(88);
  });

  test("leaves out what stands in a notice", () => {
    const notice =
      "CONFIDENTIALITY NOTICE: This e-mail may hold chemo records that are privileged. If you are not the intended recipient, delete it.";
    expect(weigh(["chemo 100"], body(`See you.\n\nKind regards,\nAnna\n\n${notice}`))).toBe(50);
    expect(weigh(["chemo 100"], body(`See you at chemo.\n\nKind regards,\nAnna\n\n${notice}`))).toBe(73);
  });

  test("is read so far and no further", () => {
    expect(weigh(["chemo 100"], body(`${"word ".repeat(1_600)} chemo`))).toBe(73);
    expect(weigh(["chemo 100"], body(`${"word ".repeat(1_700)} chemo`))).toBe(50);
    const pages = Array.from({ length: 9 }, () => body("word ".repeat(1_600)));
    expect(weigh(["chemo 100"], ...pages.slice(0, 7), body("chemo"))).toBe(73);
    expect(weigh(["chemo 100"], ...pages, body("chemo"))).toBe(50);
  });

  test("is weighed in a text that is read with pauses, too", () => {
    const long = body(`anna ${"word ".repeat(20_000)}`);
    expect(weigh(["@person>=0*1 100", "word 100"], long)).toBe(88);
  });
});

test.each<[string, readonly string[], string, string]>([
  ["a class that no detector has", ["@persn>=0*1 5"], PACK, 'no class is called "persn". Did you mean "person"?'],
  [
    "levels of its own",
    ["a 5"],
    PACK.replace("w.dict }", "w.dict, confidence: [{ level: 5 }] }"),
    "is what its weights come to",
  ],
  [
    "tests of its own",
    ["a 5"],
    PACK.replace("w.dict }", "w.dict, tests: { match: [a] } }"),
    "it weighs whole messages",
  ],
])("a detector of this type with %s does not load", (_, weights, pack, message) => {
  const loading = load(weights, pack);
  expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([expect.stringContaining(message)]);
});

test.each(["chemo", "chemo 1.5", "chemo 12345", "two words 5", "@person*1 5", "Chemo 5", "@chars>=1 5"])(
  "%s is no line of a list of weights",
  (line) => {
    const loading = load([line]);
    expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([
      expect.stringContaining("w.dict:9: is no word or class with its weight"),
    ]);
  },
);

test("a word with two weights is refused", () => {
  const list = termListText({ source: "s", licence: "l", date: "2026-01-01", kind: "weights", terms: ["a 5", "b 6"] });
  const twice = list.replace("b 6", "a 6");
  const loading = loadPack(PACK, "p.yaml", { "w.dict": twice });
  expect(loading.ok ? [] : loading.errors.map(formatPackError)).toContainEqual(
    expect.stringContaining("w.dict:10: stands twice"),
  );
});
