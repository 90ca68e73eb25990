import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../../test/support/dlp-command.ts";
import { termListText } from "../../../stages/inspect/term-list.ts";
import type { LintRow } from "../../dlp/lint/lint.ts";
import { Finding } from "../../cli-error.ts";

const SHIPPED = fileURLToPath(new URL("../../../../config/dlp/", import.meta.url));
let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-lint-"));
  file = join(folder, "p.yaml");
});
afterAll(() => rmSync(folder, { recursive: true }));

const TESTED = "tests: { match: [{ text: 'x' }], no_match: [y] }";
const ALL = "{ class: a, min_confidence: 1 }";
/** A pack with nothing to say about but what is put in: `rules` and `tests` beside a rule that reads class a. */
function pack(detectors: readonly string[], rules: readonly string[] = [], tests: readonly string[] = []): string {
  const ids = rules.map((rule) => /id: ([a-z.]+)/.exec(rule)?.[1] ?? "");
  return [
    "version: 1",
    "pack: p",
    "detectors:",
    ...detectors.map((each) => `  - { ${each} }`),
    "rules:",
    `  - { id: all, action: tag, when: ${ALL} }`,
    ...rules.map((each) => `  - { ${each} }`),
    "tests:",
    "  - { text: nothing, expect: [] }",
    ...["all", ...ids].map((id) => `  - { text: "${id}", expect: [${id}] }`),
    ...tests,
  ].join("\n");
}

async function lint(text: string): Promise<readonly LintRow[]> {
  writeFileSync(file, text);
  const { output } = await runDlp("lint", "--json", file);
  return jsonLines(output) as readonly LintRow[];
}

const dictionary = (id: string, terms: string, more = ""): string =>
  `id: ${id}, type: dictionary, classes: [a], terms: [${terms}]${more}`;
const PEAR = dictionary("pear", "pear");
const regex = (pattern: string, more = ""): string =>
  `id: r, type: regex, classes: [a], pattern: '${pattern}', ${TESTED}${more}`;

test("dlp lint looks at the terms of a file as at those of the pack, and tells them where the file is named", async () => {
  const list = { source: "invented", licence: "CC0-1.0", date: "2026-11-22", kind: "terms" } as const;
  writeFileSync(join(folder, "fruit.dict"), termListText({ ...list, terms: ["apple", "pear", "pears", "plum"] }));
  const rows = await lint(pack([PEAR, "id: fruit, type: dictionary, classes: [a], file: fruit.dict"]));
  expect(rows.map(({ line, path, check }) => [line, path, check])).toEqual([
    [5, "detectors[1].file", "plural-listed"],
    [5, "detectors[1].file", "stands-elsewhere"],
  ]);
});

describe("dlp lint says", () => {
  test.each<[string, string, string]>([
    ["that a term can never match as written", pack([dictionary("d", "'note: apple'")]), "never-matches"],
    [
      "that words near can never match as written",
      pack([dictionary("d", "pear", ", confidence: [{ level: 40, near: { words: ['a; b'], within: 9 } }]")]),
      "never-matches",
    ],
    ["that a plural is listed beside its singular", pack([dictionary("d", "pear, pears")]), "plural-listed"],
    ["that another detector has a term too", pack([PEAR, dictionary("two", "plum, Pear")]), "stands-elsewhere"],
    ["that a term is an everyday word", pack([dictionary("d", "please")]), "everyday-word"],
    [
      "that a label is an everyday word beside any number",
      pack([`id: l, type: label_id, classes: [a], labels: [order], value: '\\d{4,9}', ${TESTED}`]),
      "everyday-word",
    ],
    ["that a pattern fits everyday words", pack([regex("\\b[a-z]{4}\\b")]), "too-broad"],
    ["that a pattern fits everyday numbers", pack([regex("\\b[A-Z0-9]{5,9}\\b")]), "too-broad"],
    [
      "that a sender's domain is everybody's",
      pack([`id: s, type: sender, classes: [a], addresses: [.example], ${TESTED}`]),
      "too-broad",
    ],
    [
      "that a sender's word is everybody's",
      pack([`id: s, type: sender, classes: [a], words: [please], ${TESTED}`]),
      "too-broad",
    ],
    ["that a keyword is one word with the digits", pack([regex("mrn\\d{7}", ", keywords: [mrn]")]), "keyword-glued"],
    [
      "that a keyword is no word of the pattern",
      pack([regex("chart-\\d{7}", ", keywords: [mrn]")]),
      "keyword-elsewhere",
    ],
    ["that a pattern is nearly too slow", pack([regex("\\w{1,25}[a-z]{1,25}x")]), "slow-pattern"],
    [
      "that an ending is covered by another",
      pack(["id: e, type: word_ending, classes: [a], endings: [itis, rhitis]"]),
      "stands-elsewhere",
    ],
    [
      "that an exception has none of the endings",
      pack(["id: e, type: word_ending, classes: [a], endings: [itis], not: [sympathy]"]),
      "never-matches",
    ],
    [
      "that a level is reached without its words",
      pack([dictionary("d", "pear", ", confidence: [{ level: 60 }, { level: 50, near: { words: [x], within: 9 } }]")]),
      "never-counts",
    ],
    ["that no test looks at a detector", pack([regex("pear-\\d{3}").replace(TESTED, "weight: 1")]), "untested"],
    [
      "that no test expects a rule",
      pack([PEAR], ["id: b, action: hold, when: { class: a, distinct: 1 }"]).replace("expect: [b]", "expect: [all]"),
      "untested",
    ],
    ["that nothing shows a clean mail", pack([PEAR]).replace("expect: [] }", "expect: [all] }"), "untested"],
    ["that no rule reads a class", pack([PEAR.replace("[a]", "[a, b]")]), "unread-class"],
    [
      "that a confidence is out of reach",
      pack([PEAR], ["id: b, action: hold, when: { class: a, min_confidence: 90 }"]),
      "never-holds",
    ],
    [
      "that a weight is out of reach",
      pack([PEAR], ["id: b, action: hold, when: { class: a, weight: 2 }"]),
      "never-holds",
    ],
    [
      "that so many values are unknown",
      pack([PEAR], ["id: b, action: hold, when: { class: a, distinct: 2 }"]),
      "never-holds",
    ],
    [
      "that a detector of a list never counts",
      pack([PEAR, regex("plum-\\d{3}")], ["id: b, action: hold, when: { any_of: [r, pear], min_confidence: 65 }"]),
      "never-counts",
    ],
    [
      "that two conditions contradict",
      pack(
        [PEAR],
        ["id: b, action: hold, when: { all: [{ class: a, min_confidence: 60 }, { not: { any_of: [pear] } }] }"],
      ),
      "never-holds",
    ],
    [
      "that a window is filled by what it is measured from",
      pack([PEAR], ["id: b, action: hold, when: { all: [{ any_of: [pear] }, { class: a, within: 50 }] }"]),
      "counts-itself",
    ],
    [
      "that another rule always holds too and does no less",
      pack(
        [PEAR, dictionary("plum", "plum, damson")],
        [
          "id: b, tier: high, action: protect, when: { any: [{ class: a }, { any_of: [plum], distinct: 2 }] }",
          "id: c, action: protect, when: { all: [{ any_of: [pear] }, { any_of: [plum], within: 50 }] }",
        ],
      ),
      "9:11 shadowed",
    ],
  ])("%s", async (_, text, expected) => {
    const rows = await lint(text);
    const told = rows
      .map(({ line, column, check }) => `${line}:${column} ${check}`)
      .filter((row) => row.endsWith(expected));
    expect([rows.map(({ check }) => check), told.length]).toEqual([expect.anything(), 1]);
    expect(rows.every(({ why, next }) => why.length > 10 && next.endsWith("."))).toBe(true);
  });

  test.each<[string, string]>([
    ["a sound pack", pack([PEAR])],
    [
      "a rule with another scope",
      pack(
        [PEAR],
        [
          "id: b, action: protect, when: { class: a }, except: [{ recipients_in: [x.example] }]",
          "id: c, action: protect, when: { class: a, distinct: 1 }, only: [{ recipients_in: [y.example] }]",
        ],
      ),
    ],
    [
      "a narrower rule that does more",
      pack(
        [PEAR, dictionary("plum", "plum")],
        ["id: b, action: protect, when: { class: a }", "id: c, action: hold, when: { any_of: [plum] }"],
      ),
    ],
    [
      "a second value in a window",
      pack(
        [PEAR, dictionary("plum", "plum, damson")],
        ["id: b, action: hold, when: { all: [{ any_of: [plum] }, { any_of: [plum], distinct: 2, within: 50 }] }"],
      ),
    ],
    [
      "what a comment says is meant",
      pack([PEAR.replace("[a]", "[a, b]")])
        .replace("} \n", "}\n")
        .replace("  - { id: pear", "  # lint: ok unread-class (for a report)\n  - { id: pear"),
    ],
  ])("nothing of %s", async (_, text) => {
    expect(await lint(text)).toEqual([]);
  });
});

describe("dlp lint", () => {
  test("names place, severity and what to do, and fails for warnings only", async () => {
    writeFileSync(file, pack([dictionary("d", "please")]));
    const { output, error } = await runDlp("lint", file);
    expect(error).toBeInstanceOf(Finding);
    expect(output).toMatch(
      /p\.yaml:4:54 warning everyday-word: "please" is an everyday word .*\. Write .*\.\n1 warning, 0 notes\n$/,
    );
    writeFileSync(file, pack([dictionary("d", "pear, pears")]));
    const notes = await runDlp("lint", file);
    expect([notes.error, notes.output.endsWith("0 warnings, 1 note\n")]).toEqual([null, true]);
  });

  test("a pack that does not compile is refused with its errors", async () => {
    writeFileSync(file, "version: 1\n");
    expect(String((await runDlp("lint", file)).error)).toContain("PST-INS-001");
  });

  test.each(readdirSync(SHIPPED).filter((name) => name.endsWith(".yaml")))(
    "finds nothing in the shipped pack %s",
    async (name) => {
      const { output } = await runDlp("lint", "--json", join(SHIPPED, name));
      expect(output).toBe("");
    },
  );

  test("says of packs that judge the same rules twice what to name", async () => {
    const { output, error } = await runDlp(
      "lint",
      ...["us-hipaa", "us-hipaa-strict"].map((name) => join(SHIPPED, `${name}.yaml`)),
    );
    expect(error).toBeNull();
    expect(output).toMatch(
      /us-hipaa-strict\.yaml:1:1 note judged-twice: .*\. In dlp\.packs, name us-hipaa-strict\.yaml alone\.\n/,
    );
  });
});
