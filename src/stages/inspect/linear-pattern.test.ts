import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import { readPattern } from "./linear-pattern.ts";

const never = (): boolean => false;

function patternOf(source: string, ignoreCase = true) {
  const reading = readPattern(source, { ignoreCase });
  if (!reading.ok) throw new Error(reading.message);
  return reading.pattern;
}

function refusalOf(source: string): string {
  const reading = readPattern(source, { ignoreCase: true });
  return reading.ok ? "" : reading.message;
}

describe("a pattern is refused that", () => {
  test.each([
    ["repeats without end", "\\d+", "without end"],
    ["repeats any number of times", "a*b", "without end"],
    ["leaves the upper bound open", "a{2,}", "without end"],
    ["nests unbounded repeats", "(a+)+$", "without end"],
    ["looks ahead", "a(?=b)", "look-around"],
    ["looks behind", "(?<!a)b", "look-around"],
    ["refers back", "(a)\\1", "back-references"],
    ["refers back by name", "(?<value>a)\\k<value>", "back-references"],
    ["matches the empty text", "a?", "empty text"],
    ["matches only a place", "\\b", "empty text"],
    ["matches too much", "(?:.{200}){4}", "longer than"],
    ["nests overlapping repeats", "(?:a{1,20}){1,20}b", "too many ways"],
    ["nests overlapping choices", "(?:a|a){20}b", "too many ways"],
    ["lets neighbours share characters", "\\w{1,50}\\w{1,50}\\w{1,50}x", "too many ways"],
    ["hides the overlap in an optional", "(?:a?){30}b", "too many ways"],
    ["overlaps only when case is ignored", "(?:a|A){1,20}(?:A|a){1,20}(?:a|A){1,20}(?:a|A){1,20}x", "too many ways"],
    ["overlaps by negated classes", "(?:[^x]{1,40}[^y]{1,40}){1,3}z", "too many ways"],
    ["has an open group", "(a", "never closed"],
    ["has a stray bracket", "a)", "unmatched"],
    ["has an open class", "[a", "never closed"],
    ["repeats nothing", "{2}", "repeats nothing"],
    ["repeats a repeat", "a{2}{2}", "a repeat follows"],
    ["uses unknown escapes", "\\p{L}x", "not known"],
    ["is too long", "a".repeat(1_001), "longer than"],
  ])("%s", (_, source, reason) => {
    expect(refusalOf(source)).toContain(reason);
  });
});

describe("a pattern is accepted", () => {
  test.each([
    ["\\b[A-Z]{2}\\d{7}\\b", "x AB1234567 y", ["AB1234567"]],
    ["\\d{3}[- ]?\\d{2}[- ]?\\d{4}", "219-43-8855 219438855", ["219-43-8855", "219438855"]],
    ["[\\w.+-]{1,64}@[\\w-]{1,63}(?:\\.[\\w-]{1,63}){1,5}", "to a.b@x.example.org.", ["a.b@x.example.org"]],
    ["^id: (?<value>\\d{2,4})$", "id: 12\nid: 345\nxid: 9", ["12", "345"]],
    ["(?:jan|feb|mar)[a-z]{0,6} \\d{1,2}", "January 3, mar 12", ["January 3", "mar 12"]],
    ["\\x41\\u0042", "ab", ["ab"]],
    ["[^\\d\\s]{3}", "12 abc", ["abc"]],
  ] as const)("%s", (source, text, expected) => {
    expect(
      patternOf(source)
        .search(text, never)
        .map((match) => match.value),
    ).toEqual(expected);
  });
});

test("slices of a long text lose and double no match", () => {
  const pattern = patternOf("\\bid\\d{1,60}\\b");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 1, max: 60 })), { maxLength: 12 }),
      (pieces) => {
        const text = pieces.map(([gap, digits]) => `${"x ".repeat(gap)}id${"7".repeat(digits)} `).join("");
        const expected = [...text.matchAll(/\bid\d{1,60}\b/g)].map((match) => match.index);
        expect(pattern.search(text, never).map((match) => match.start)).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});

describe("told where digits stand, a search finds what it finds without", () => {
  const character = fc.constantFrom("1", "7", "2", "-", ".", " ", "(", "+", "a", "o", "y", "\n", "é");
  const text = fc
    .array(fc.oneof(character, fc.constantFrom(" mar ", "march 3", "x".repeat(9))))
    .map((all) => all.join(""));
  test.each([
    "\\b\\d{1,3}(?:[- ]yo|[- ]?y\\b)",
    "(?:\\+?1[-. ])?(?:\\(\\d{2}\\) ?|\\b\\d{2}[-. ])\\d{1,3}",
    "(?:mar)[a-z]{0,6}\\.? \\d{1,2}|^\\d{2}",
    "[xy]{0,4}(?:a\\d|\\d{2}){1,3}$",
    "(?:\\d[a-z]?)?o{1,2}",
    "[\\d-]{2}",
  ])("%s", (source) => {
    const pattern = patternOf(source);
    fc.assert(
      fc.property(text, (text) => {
        const digits = [...text.matchAll(/\d+/g)].flatMap(({ index, 0: run }) => [index, index + run.length]);
        expect(pattern.search(text, never, digits)).toEqual(pattern.search(text, never));
      }),
    );
  });
});

describe("looking only where an @ stands, a search finds what a plain one finds", () => {
  const text = fc
    .array(fc.constantFrom("@", "a", "b.", "-", " ", ".c", "x".repeat(9), "\n", "é", "a@b.c"))
    .map((all) => all.join(""));
  test.each(["\\b[a-z][a-z.-]{0,7}@[a-z]{1,9}(?:\\.[a-z]{1,9}){1,2}", "[a-z]{0,3}@{1,2}b?", "^(?:a|bb)?@|.@$"])(
    "%s",
    (source) => {
      const pattern = patternOf(source);
      fc.assert(
        fc.property(text, (text) => {
          const plain = Array.from(text.matchAll(new RegExp(source, "gm")), ([value]) => value);
          expect(pattern.search(text, never).map(({ value }) => value)).toEqual(plain);
        }),
        { numRuns: 500 },
      );
    },
  );
});

test("a search stops when it is late", () => {
  let looks = 0;
  const found = patternOf("a").search("a".repeat(100_000), () => (looks += 1) > 2);
  expect(found.length).toBeGreaterThan(0);
  expect(found.length).toBeLessThan(100_000);
});

/** Texts made to hurt backtracking matchers, against every pattern shape that is accepted and looks dangerous. */
describe("accepted patterns stay linear on", () => {
  const dangerous = [
    "(?:a{1,6}b?){1,2}c",
    "[\\w.+-]{1,64}@[\\w-]{1,63}(?:\\.[\\w-]{1,63}){1,5}",
    "\\d{1,20}[- ]?\\d{1,20}x",
    "(?:\\d{1,3}[.,]?){1,4}%",
    "\\w{1,20}\\w{1,20}x",
    "(?:[a-z]{1,12} ){1,4}z",
  ];
  const texts = [
    "a".repeat(200_000),
    "1".repeat(200_000),
    "a@".repeat(100_000),
    "a.".repeat(100_000),
    "ab ".repeat(66_000),
    "1-".repeat(100_000),
  ];
  test.each(dangerous)("%s", (source) => {
    const pattern = patternOf(source);
    for (const text of texts) {
      expect(cpuMsOf(() => pattern.search(text, never))).toBeLessThan(2_000);
    }
  });
});

test("no random pattern that is accepted takes long on any text of its own characters", () => {
  const atom = fc.constantFrom("a", "b", "[ab]", ".", "\\d", "\\w");
  const repeated = fc.tuple(atom, fc.constantFrom("", "?", "{1,9}", "{0,30}", "{3}")).map(([a, r]) => a + r);
  const group = fc
    .tuple(fc.array(repeated, { minLength: 1, maxLength: 3 }), fc.constantFrom("", "?", "{1,4}", "{2,12}"))
    .map(([items, r]) => `(?:${items.join("")})${r}`);
  const source = fc
    .array(fc.oneof(repeated, group), { minLength: 1, maxLength: 4 })
    .map((items) => `${items.join("")}!`);
  fc.assert(
    fc.property(source, fc.constantFrom("a", "ab", "aab", "1", "a1b"), (pattern, unit) => {
      const reading = readPattern(pattern, { ignoreCase: true });
      if (!reading.ok) return;
      const text = unit.repeat(Math.ceil(4_000 / unit.length));
      expect(cpuMsOf(() => reading.pattern.search(text, never))).toBeLessThan(400);
    }),
    { numRuns: 300 },
  );
});
