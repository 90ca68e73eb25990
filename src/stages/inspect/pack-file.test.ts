import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { packOf, TEST_PACK } from "./inspect-mails.suite.ts";
import { parseYamlFile } from "../../parts/config/yaml-document.ts";
import { NO_KNOWN_PACKS, sha256Of } from "./built-packs.ts";
import type { KnownPacks } from "./built-packs.ts";
import { ASSUMED_INDEXES, indexesOf } from "./compile-edm.ts";
import { compilePackSource, formatPackError, loadPack, loadPackFile } from "./pack-file.ts";
import { packSchema } from "./pack-schema.ts";

const SHIPPED_PACKS = fileURLToPath(new URL("../../../config/dlp", import.meta.url));

function errorsOf(text: string): readonly string[] {
  const loading = loadPack(text, "p.yaml");
  return loading.ok ? [] : loading.errors.map(formatPackError);
}

const HEAD = "version: 1\npack: p\ndetectors:\n";
const REGEX = "  - { id: a, type: regex, classes: [c], pattern: 'a{3}' }\n";
const RULES = "rules:\n";
const RULE = "  - { id: r, action: tag, when: { class: c } }\n";
const pack = (detectors: string, rules: string, tests = ""): string => `${HEAD}${detectors}${RULES}${rules}${tests}`;

describe("a pack is refused with its place and a suggestion for", () => {
  test("a file of another encoding is told, as its letters would silently become others", () => {
    const folder = mkdtempSync(join(tmpdir(), "postern-pack-"));
    const path = join(folder, "latin.yaml");
    writeFileSync(path, Buffer.from("# Stra\u00dfe\n", "latin1"));
    const loading = loadPackFile(path);
    rmSync(folder, { recursive: true });
    expect(loading.ok ? [] : loading.errors.map(({ message }) => message)).toEqual([
      "PST-INS-002 cannot be read: not in UTF-8; save it anew in that encoding",
    ]);
  });

  test.each([
    [
      "an unknown key",
      pack("  - { id: a, type: regex, classes: [c], patern: 'a' }\n", RULE),
      ['p.yaml:4:41 detectors[0].patern: unknown key. Did you mean "pattern"?'],
    ],
    [
      "a wrong type",
      pack("  - { id: a, type: regex, classes: c, pattern: 'a{3}' }\n", RULE),
      ["p.yaml:4:36 detectors[0].classes: expected a list"],
    ],
    ["a detector type nobody knows", pack("  - { id: a, type: regexp, pattern: 'a' }\n", RULE), ["detectors[0].type"]],
    [
      "a validator nobody knows",
      pack("  - { id: a, type: regex, classes: [c], pattern: 'a{3}', validate: [lunh] }\n", RULE),
      ['Did you mean "luhn"?'],
    ],
    ["a detector id used twice", pack(REGEX + REGEX, RULE), ['p.yaml:5:11 detectors[1].id: the id "a" stands twice']],
    ["a rule id used twice", pack(REGEX, RULE + RULE), ['rules[1].id: the id "r" stands twice']],
    [
      "an unknown detector",
      pack(REGEX, "  - { id: r, action: tag, when: { any_of: [b] } }\n"),
      ['rules[0].when.any_of[0]: no detector is called "b"'],
    ],
    [
      "an unknown class",
      pack(REGEX.replace("[c]", "[health]"), "  - { id: r, action: tag, when: { class: helth } }\n"),
      ['no class is called "helth". Did you mean "health"?'],
    ],
    [
      "a detector no rule reads",
      pack(`${REGEX}  - { id: b, type: regex, pattern: 'b' }\n`, RULE),
      ["detectors[1].id: no rule reads this detector"],
    ],
    [
      "a pattern that could hang",
      pack(REGEX.replace("a{3}", "(a+)+"), RULE),
      ['detectors[0].pattern: "+" repeats without end'],
    ],
    [
      "a condition that says two things",
      pack(REGEX, "  - { id: r, action: tag, when: { class: c, any_of: [a] } }\n"),
      ["needs exactly one of"],
    ],
    [
      "a condition that says nothing",
      pack(REGEX, `${RULE}  - { id: s, action: tag, when: { distinct: 2 } }\n`),
      ["rules[1].when: needs exactly one of"],
    ],
    [
      "a window without an anchor",
      pack(REGEX, "  - { id: r, action: tag, when: { class: c, within: 20 } }\n"),
      ["rules[0].when.within: measures from the first condition"],
    ],
    [
      "counting keys beside all",
      pack(REGEX, "  - { id: r, action: tag, when: { all: [{ class: c }], distinct: 2 } }\n"),
      ["rules[0].when.distinct: belongs beside any_of or class"],
    ],
    [
      "a rule that holds for every mail",
      pack(REGEX, "  - { id: r, action: tag, when: { not: { class: c } } }\n"),
      ["holds for every mail"],
    ],
    ["an opportunistic floor", pack(REGEX, RULE.replace("tag", "{ protect: opportunistic }")), ["rules[0].action"]],
    [
      "an exception of nobody, and one said twice",
      pack(
        REGEX,
        "  - { id: r, action: tag, when: { class: c }, only: [{}], except: [{ recipients: [b.example], recipients_in: [c.example] }] }\n",
      ),
      ["only[0]: names nobody; give senders", "except[0].recipients_in: says the same as recipients"],
    ],
    [
      "parties that are none",
      pack(
        REGEX,
        "  - { id: r, action: tag, when: { class: c }, except: [{ recipients: ['*.example', '@a.example'], senders: ['a b@c.example', local] }] }\n",
      ),
      [
        "except[0].recipients[0]: is no address or domain",
        "except[0].recipients[1]: is no address or domain",
        "except[0].senders[0]: is no address or domain",
        "except[0].senders[1]: is no address or domain",
      ],
    ],
    ["the same action twice", pack(REGEX, RULE.replace("tag", "[hold, copy, hold]")), ["action[2]: stands twice"]],
    ["a tag that could end its line", pack(REGEX, RULE.replace("tag", '{ tag: "a\\r\\nBcc: x" }')), ["action"]],
    ["a notice to nobody known", pack(REGEX, RULE.replace("tag", "{ notify: everybody }")), ["action"]],
    [
      "an adjustment without words near",
      pack(REGEX.replace(" }", ", confidence: [{ adjust: 5 }] }"), RULE),
      ['"adjust" needs "near"'],
    ],
    [
      "a term without letters",
      pack("  - { id: a, type: dictionary, classes: [c], terms: ['--'] }\n", RULE),
      ["detectors[0].terms[0]: holds no letter or digit"],
    ],
    [
      "a term given twice",
      pack("  - { id: a, type: dictionary, classes: [c], terms: [x-ray, X ray] }\n", RULE),
      ["terms[1]: stands twice; first as entry 1"],
    ],
    [
      "a test for an unknown rule",
      pack(REGEX, RULE, "tests: [{ text: b, expect: [q] }]\n"),
      ['tests[0].expect[0]: no rule is called "q"'],
    ],
    ["a newer version", pack(REGEX, RULE).replace("version: 1", "version: 2"), ["p.yaml:1:10 version"]],
    ["broken YAML", "version: 1\npack: [", ["p.yaml:2"]],
    ["an empty file", "", ["missing"]],
  ])("%s", (_, text, expected) => {
    const errors = errorsOf(text).join("\n");
    for (const part of expected) expect(errors).toContain(part);
  });

  test("several faults at once, in order of their lines", () => {
    const text = pack(REGEX.replace("a{3}", "a*"), RULE.replace("class: c", "class: d").replace("id: r", "id: r"));
    const errors = errorsOf(`${text}  - { id: s, action: tag, when: { any_of: [zz] } }\n`);
    expect(errors.map((error) => error.split(":")[1])).toEqual(["4", "6", "7"]);
  });
});

describe("a pack whose own tests fail is not loaded:", () => {
  const detector = (tests: string): string => pack(REGEX.replace(" }", `, tests: ${tests} }`), RULE);
  test.each([
    [
      "nothing found where something should be",
      detector("{ match: [bbb] }"),
      "tests.match[0]: test failed: nothing was found",
    ],
    ["another value", detector("{ match: [{ text: xaaa, value: bbb }] }"), "something else was found"],
    ["another confidence", detector("{ match: [{ text: aaa, level: 80 }] }"), "confidence is 40, not 80"],
    ["found where nothing should be", detector("{ no_match: [xaaa] }"), "found at character 2 with confidence 40"],
    [
      "a rule that should hold",
      pack(REGEX, RULE, "tests: [{ text: b, expect: [r] }]\n"),
      "tests[0]: test failed: r should hold and does not",
    ],
    [
      "a rule that should not hold",
      pack(REGEX, RULE, "tests: [{ text: aaa, expect: [] }]\n"),
      "tests[0]: test failed: r holds and should not",
    ],
  ])("%s", (_, text, expected) => {
    expect(errorsOf(text).join("\n")).toContain(expected);
  });

  test("passing tests are counted", () => {
    const loading = loadPack(
      detector("{ match: [aaa, { text: xaaa, value: aaa, level: 40 }], no_match: [b] }"),
      "p.yaml",
    );
    expect(loading.ok && loading.tests).toBe(3);
  });
});

test("actions, recipients and status are taken over", () => {
  const { rules } = packOf(
    `${TEST_PACK}  - { id: t.held, action: hold, when: { class: health }, only: [{ recipients_in: [B.Example., bücher.example] }] }
  - { id: t.off, status: off, action: hold, when: { class: health } }
  - { id: t.partner, action: { protect: content }, when: { class: health }, except: [{ recipients_in: [c.example] }] }`,
  );
  expect(rules.map((rule) => rule.id)).toEqual(["t.phi", "t.sensitive", "t.held", "t.partner"]);
  expect(rules[1]?.action).toEqual({ kind: "protect", profile: "minimum" });
  const recipients = ["b.example", "xn--bcher-kva.example"];
  expect(rules[2]?.scope).toEqual({ kind: "between", only: [{ recipients }], except: [] });
  expect(rules[3]?.scope).toEqual({ kind: "between", only: null, except: [{ recipients: ["c.example"] }] });
});

test.each([
  ["pass", { kind: "pass" }, []],
  ["tag", { kind: "pass" }, [{ kind: "tag", word: "t.x" }]],
  ["{ tag: Ward 7 }", { kind: "pass" }, [{ kind: "tag", word: "Ward 7" }]],
  ["content", { kind: "protect", profile: "content" }, []],
  ["portal", { kind: "protect", profile: "portal" }, []],
  ["{ protect: portal }", { kind: "protect", profile: "portal" }, []],
  ["refuse", { kind: "refuse" }, []],
  ["notify", { kind: "pass" }, [{ kind: "notify", whom: "sender" }]],
  ["[hold, { notify: reviewers }, copy]", { kind: "hold" }, [{ kind: "notify", whom: "reviewers" }, { kind: "copy" }]],
  ["[protect, { protect: strict }]", { kind: "protect", profile: "strict" }, []],
  ["[refuse, hold, portal, pass]", { kind: "refuse" }, []],
])("the action %s is one way, the strongest, and what is done beside it", (text, action, also) => {
  const { rules } = packOf(`${TEST_PACK}  - { id: t.x, tier: high, action: ${text}, when: { class: health } }`);
  expect(rules.at(-1)).toMatchObject({ action, also, tier: action.kind === "pass" ? "none" : "high" });
});

test("an entry of only or except may name senders, recipients or both, as addresses, domains or all below one", () => {
  const { rules } = packOf(
    `${TEST_PACK}  - { id: t.x, action: hold, when: { class: health }, only: [{ senders: [Desk@A.example, "<>"], recipients: [.b.example] }], except: [{ senders: [c.example] }] }`,
  );
  expect(rules.at(-1)?.scope).toEqual({
    kind: "between",
    only: [{ senders: ["desk@a.example", "<>"], recipients: [".b.example"] }],
    except: [{ senders: ["c.example"] }],
  });
});

test("a file that cannot be read is an error with a code", () => {
  const loading = loadPackFile("/nowhere/pack.yaml");
  expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([
    "/nowhere/pack.yaml:1:1: PST-INS-002 cannot be read: there is no such file",
  ]);
});

test.each([
  ["us-hipaa", 80],
  ["us-hipaa-strict", 8],
  ["es-health", 40],
  ["financial", 40],
  ["own-patients", 25],
])("the shipped pack %s loads and passes its tests", (pack, testsMin) => {
  const loading = loadPackFile(join(SHIPPED_PACKS, `${pack}.yaml`), ASSUMED_INDEXES);
  expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([]);
  expect(loading.ok && loading.tests).toBeGreaterThan(testsMin);
});

test("no pack is shipped that is not among these", () => {
  const packs = readdirSync(SHIPPED_PACKS).filter((name) => name.endsWith(".yaml"));
  expect(packs.toSorted()).toEqual([
    "es-health.yaml",
    "financial.yaml",
    "own-patients.yaml",
    "us-hipaa-strict.yaml",
    "us-hipaa.yaml",
  ]);
});

test("tests of a pack that passed them before are not run again, those of one changed by a letter are", () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-pack-"));
  try {
    const path = join(folder, "p.yaml");
    const failing = pack(REGEX, RULE, "tests:\n  - { text: aaa, expect: [] }\n");
    writeFileSync(path, failing);
    const known: KnownPacks = { ...NO_KNOWN_PACKS, isTested: (sha256) => sha256 === sha256Of(failing) };
    expect(loadPackFile(path, undefined, known)).toMatchObject({ ok: true, tests: 0 });
    expect(loadPackFile(path)).toMatchObject({ ok: false });
    writeFileSync(path, `${failing}#`);
    expect(loadPackFile(path, undefined, known)).toMatchObject({ ok: false });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("a text that was read when the program was built", () => {
  function knowing(text: string): KnownPacks {
    const reading = parseYamlFile(text, "p.yaml", packSchema);
    if (!reading.ok) throw new Error("the pack of this test has errors");
    return { ...NO_KNOWN_PACKS, read: (asked) => (asked === text ? reading.value : null) };
  }

  test("is not read again", () => {
    const text = pack(REGEX, RULE);
    const known: KnownPacks = { ...NO_KNOWN_PACKS, read: () => knowing(text).read(text) };
    const loading = compilePackSource({ text: "not: a pack", fileName: "p.yaml" }, { indexes: ASSUMED_INDEXES, known });
    expect(loading).toMatchObject({ ok: true, pack: { id: "p", sha256: sha256Of("not: a pack") } });
  });

  test("still says where an error stands", () => {
    const text = pack("  - { id: a, type: edm, index: nobody, classes: [c] }\n", RULE);
    const source = { text, fileName: "p.yaml" };
    const loading = compilePackSource(source, { indexes: indexesOf(new Map()), known: knowing(text) });
    expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([
      expect.stringMatching(/^p\.yaml:4:32 detectors\[0\]\.index: no index is called "nobody"/),
    ]);
  });
});
