import * as fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { didYouMean, nearestWord } from "./did-you-mean.ts";
import { parseYamlFile } from "./yaml-document.ts";
import { formatYamlError, formatYamlPath } from "./yaml-source.ts";

const schema = z.strictObject({
  version: z.literal(1),
  mode: z.enum(["loopback", "never"]).optional(),
  items: z
    .array(
      z.discriminatedUnion("type", [
        z.strictObject({ type: z.literal("regex"), pattern: z.string() }),
        z.strictObject({ type: z.literal("name"), names: z.array(z.string()) }),
      ]),
    )
    .default([]),
  size: z.union([z.string(), z.strictObject({ bytes: z.int() })]).optional(),
  tree: z
    .strictObject({
      get all() {
        return z.array(z.strictObject({ word: z.string() })).optional();
      },
    })
    .optional(),
});

function errorsOf(text: string): readonly string[] {
  const parsed = parseYamlFile(text, "f.yaml", schema);
  return parsed.ok ? [] : parsed.errors.map(formatYamlError);
}

test("a valid file gives its typed value and a source that knows its places", () => {
  const parsed = parseYamlFile("version: 1\nitems:\n  - { type: name, names: [a, b] }\n", "f.yaml", schema);
  if (!parsed.ok) throw new Error("not valid");
  expect(parsed.value.items).toEqual([{ type: "name", names: ["a", "b"] }]);
  expect(formatYamlError(parsed.source.errorAt(["items", 0, "names", 1], "is odd"))).toBe(
    "f.yaml:3:30 items[0].names[1]: is odd",
  );
  expect(formatYamlError(parsed.source.errorAt(["items", 0, "none"], "is missing"))).toBe(
    "f.yaml:3:5 items[0].none: is missing",
  );
});

test.each<[string, string, readonly string[]]>([
  [
    "an unknown key in a branch of a union",
    "version: 1\nitems:\n  - { type: regex, patern: x }",
    [
      "f.yaml:3:5 items[0].pattern: missing; a text is required here",
      'f.yaml:3:20 items[0].patern: unknown key. Did you mean "pattern"?',
    ],
  ],
  [
    "an unknown discriminator",
    "version: 1\nitems: [{ type: regx, pattern: x }]",
    ['f.yaml:2:17 items[0].type: "regx" is not one of name, regex. Did you mean "regex"?'],
  ],
  [
    "the nearest branch of a plain union",
    "version: 1\nsize: { bytes: many }",
    ["f.yaml:2:16 size.bytes: expected a number, found a text"],
  ],
  ["no branch of a plain union", "version: 1\nsize: [1]", ["f.yaml:2:7 size: none of the forms allowed here"]],
  [
    "an unknown key without a near one lists what is known",
    "version: 1\nzebra: 1",
    ["f.yaml:2:1 zebra: unknown key. Known here: items, mode, size, tree, version."],
  ],
  [
    "a key below a getter",
    "version: 1\ntree: { all: [{ wrod: x }] }",
    [
      "f.yaml:2:15 tree.all[0].word: missing; a text is required here",
      'f.yaml:2:17 tree.all[0].wrod: unknown key. Did you mean "word"?',
    ],
  ],
  [
    "errors come in the order of the file",
    "mode: nevr\nzebra: 1",
    [
      "f.yaml:1:1 version: missing; one of 1 is required here",
      'f.yaml:1:7 mode: "nevr" is not one of loopback, never. Did you mean "never"?',
      "f.yaml:2:1 zebra: unknown key. Known here: items, mode, size, tree, version.",
    ],
  ],
])("%s is explained", (_, text, expected) => {
  expect(errorsOf(text)).toEqual(expected);
});

test("a value behind an alias is placed where the alias leads", () => {
  expect(errorsOf("version: 1\nitems: [&a { type: regex, pattern: 5 }, *a]")).toEqual([
    "f.yaml:2:36 items[0].pattern: expected a text, found a number; put it in quotes",
    "f.yaml:2:36 items[1].pattern: expected a text, found a number; put it in quotes",
  ]);
});

test("no error repeats a text of the file that the schema does not list", () => {
  const secret = "s3cr3t-value";
  const said = errorsOf(`version: 1\nitems: ${secret}\nsize: { bytes: ${secret} }\ntree: [${secret}`).join("\n");
  expect(said).not.toBe("");
  expect(said).not.toContain(secret);
});

test("any text gives a value or errors with places in it, and never throws", () => {
  const piece = fc.constantFrom(
    "version: 1",
    "items:",
    "  - ",
    "{",
    "}",
    "[",
    "]",
    "*a",
    "&a ",
    "!t ",
    "\t",
    "# x",
    "type: regex",
    "'",
    '"',
    "? ",
    ": ",
    "|",
    "\n",
    "---",
    "\u0000",
    "size: 1",
  );
  const anything = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const parsed = parseYamlFile(text, "f.yaml", schema);
      const lines = text.split(/\r\n|\n|\r/).length;
      const places = parsed.ok ? [{ line: 1, column: 1 }] : parsed.errors;
      expect(places.length).toBeGreaterThan(0);
      for (const { line, column } of places) {
        expect(line).toBeLessThanOrEqual(lines);
        expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["a list", "version: 1\n? [a]\n: b"],
  ["a mapping", "version: 1\n{ a: b }: c"],
  ["an alias", "version: &v 1\n*v : c"],
])("%s as a key is refused", (_, text) => {
  expect(errorsOf(text).join("\n")).toContain("a key must be a plain word");
});

test.each([
  ["lisen", "listen"],
  ["listne", "listen"],
  ["LISTEN", "listen"],
  ["prot", "port"],
  ["zebra", null],
  ["a", null],
  ["", null],
  ["x".repeat(65), null],
])("the word meant by %j is %j", (word, expected) => {
  expect(nearestWord(word, ["listen", "port", "policy", "b"])).toBe(expected);
});

test("no suggestion is an empty text", () => {
  expect(didYouMean("zebra", ["listen"])).toBe("");
});

test("a path is written as people write it", () => {
  expect(formatYamlPath(["submitters", 0, "proof", "auth", "users", 2])).toBe("submitters[0].proof.auth.users[2]");
  expect(formatYamlPath([])).toBe("");
});
