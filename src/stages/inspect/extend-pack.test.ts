import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TEST_PACK } from "./inspect-mails.suite.ts";
import { formatPackError, loadPack, loadPackFile } from "./pack-file.ts";
import type { PackLoading } from "./pack-file.ts";
import { termListText } from "./term-list.ts";

const HEAD = "version: 1\npack: site\nextends: base.yaml\n";
const SITE_NUMBER =
  "detectors:\n  - { id: site.mrn, type: label_id, classes: [identifier], labels: [kennziffer], value: '\\d{7}' }\n";

function laid(text: string, beside: Readonly<Record<string, string>> = {}): PackLoading {
  return loadPack(text, "site.yaml", { "base.yaml": TEST_PACK, ...beside });
}

function errorsOf(loading: PackLoading): readonly string[] {
  return loading.ok ? [] : loading.errors.map(formatPackError);
}

function idsOf(loading: PackLoading): readonly string[] {
  if (!loading.ok) throw new Error(errorsOf(loading).join("\n"));
  return [...loading.pack.detectors, ...loading.pack.rules].map(({ id }) => id);
}

test("a site's number in three lines is judged by the rules of the pack it extends", () => {
  const tests = "tests:\n  - { text: 'Kennziffer 1234567: diabetes', expect: [t.phi] }\n";
  const loading = laid(`${HEAD}${SITE_NUMBER}${tests}`);
  expect(idsOf(loading)).toContain("site.mrn");
  expect(idsOf(loading)).toContain("t.phi");
  expect(loading.ok && loading.pack.id).toBe("site");
  expect(loading.ok && loading.tests).toBe(1);
});

test("what has an id of the base stands in its place, what is named by `without` is gone", () => {
  const rule = "rules:\n  - { id: t.phi, tier: high, action: protect, when: { class: health } }\n";
  const loading = laid(`${HEAD}without: [t.sensitive]\n${rule}`);
  expect(idsOf(loading)).not.toContain("t.sensitive");
  const changed = loading.ok && loading.pack.rules.find(({ id }) => id === "t.phi");
  expect(changed).toMatchObject({ tier: "high" });
});

test("what the base suppresses is suppressed, unless it is named by `without` or stands anew", () => {
  const suppress = "suppress:\n  - { id: t.sign, classes: [health], not_in: [signature] }\n";
  const base = `${TEST_PACK}${suppress}`;
  const holds = (own: string): boolean => {
    const loading = loadPack(`${HEAD}${own}tests: [{ text: "MRN 1234567\\n-- \\nhiv", expect: [] }]\n`, "site.yaml", {
      "base.yaml": base,
    });
    return !loading.ok;
  };
  expect(holds("")).toBe(false);
  expect(holds("without: [t.sign]\n")).toBe(true);
  expect(holds(suppress.replace("signature", "footer"))).toBe(true);
});

test.each([
  ["an unknown id to leave out", `${HEAD}without: [t.sensitve]\n`, 'Did you mean "t.sensitive"?'],
  ["a fault of its own, at its own place", `${HEAD}${SITE_NUMBER.replace("\\d{7}", "\\d+")}`, "site.yaml:5:"],
  ["its own test that fails", `${HEAD}${SITE_NUMBER}tests:\n  - { text: nothing, expect: [t.phi] }\n`, "site.yaml:7:5"],
  ["a class it takes from rules of the base", `${HEAD}without: [t.hiv]\n`, "site.yaml:3:10 extends: t.sensitive"],
  ["a base that is not there", HEAD.replace("base", "bass"), "site.yaml:3:10 extends: bass.yaml cannot be read"],
  ["itself as its base", HEAD.replace("base", "site"), "extends itself"],
  ["without where it extends nothing", TEST_PACK.replace("detectors:", "without: [a]\ndetectors:"), 'beside "extends"'],
])("a pack is refused for %s", (_, text, expected) => {
  expect(errorsOf(laid(text, { "site.yaml": text })).join("\n")).toContain(expected);
});

test("a fault of the base is told at its place there", () => {
  const broken = TEST_PACK.replace("type: label_id", "type: label");
  expect(errorsOf(loadPack(HEAD, "site.yaml", { "base.yaml": broken }))[0]).toMatch(/^base\.yaml:\d+:/);
});

test("a base whose own tests fail is not extended", () => {
  const failing = `${TEST_PACK}tests:\n  - { text: nothing, expect: [t.phi] }\n`;
  expect(errorsOf(loadPack(HEAD, "site.yaml", { "base.yaml": failing })).join()).toContain("t.phi should hold");
});

const LIST = { source: "invented", licence: "CC0-1.0", date: "2026-11-22" } as const;
const codes = termListText({ ...LIST, kind: "codes", terms: ["E11", "J44"] });
const terms = termListText({ ...LIST, kind: "terms", terms: ["sandwich fever", "blue knee"] });
const LISTS =
  "detectors:\n" +
  "  - { id: site.code, type: regex, classes: [health], pattern: '[A-Z]\\d\\d\\.\\d', among: { file: codes.dict, first: 3 } }\n" +
  "  - { id: site.ill, type: dictionary, classes: [health], file: lists/ill.dict }\n";

test("a dictionary takes the terms of a file, and a code counts only where a list confirms it", () => {
  const tests =
    "tests:\n" +
    "  - { text: 'MRN 1234567 sandwich fevers', expect: [t.phi] }\n" +
    "  - { text: 'MRN 1234567 e11.9', expect: [t.phi] }\n" +
    "  - { text: 'MRN 1234567 e12.9', expect: [] }\n";
  const beside = { "codes.dict": codes, "lists/ill.dict": terms };
  expect(errorsOf(laid(`${HEAD}${LISTS}${tests}`, beside))).toEqual([]);
});

test("given names and words that are no name come from files too, of the pack that is extended as of its own", () => {
  const names = termListText({ ...LIST, kind: "terms", terms: ["zephyrina"] });
  const noNames = termListText({ ...LIST, kind: "terms", terms: ["quarterly"] });
  const base =
    "version: 1\npack: base\ndetectors:\n" +
    "  - { id: b.name, type: name, classes: [who], file: names.dict }\n" +
    "  - { id: b.shape, type: name_shape, classes: [maybe], file: no-names.dict }\n" +
    "  - { id: b.ill, type: dictionary, classes: [ill], file: ill.dict }\n" +
    "rules:\n" +
    "  - { id: b.who, action: protect, when: { class: who } }\n" +
    "  - { id: b.maybe, action: protect, when: { class: maybe } }\n" +
    "  - { id: b.ill, action: protect, when: { class: ill } }\n" +
    "tests:\n" +
    "  - { text: 'saw Zephyrina Kowalczyk', expect: [b.who, b.maybe] }\n" +
    "  - { text: 'saw Marginal Kowalczyk', expect: [b.maybe] }\n" +
    "  - { text: 'saw Quarterly Kowalczyk', expect: [] }\n" +
    // Words of terms are no names, wherever the terms stand.
    "  - { text: 'saw Sandwich Kowalczyk', expect: [] }\n";
  const beside = { "names.dict": names, "no-names.dict": noNames, "ill.dict": terms, "base.yaml": base };
  expect(errorsOf(loadPack(base, "base.yaml", beside))).toEqual([]);
  const own = `${HEAD}tests:\n  - { text: 'saw Zephyrina Kowalczyk', expect: [b.who, b.maybe] }\n`;
  expect(errorsOf(loadPack(own, "site.yaml", beside))).toEqual([]);
});

test.each([
  ["is missing", {}, "detectors[0].among.file: codes.dict cannot be read"],
  ["was changed after it was built", { "codes.dict": codes.replace("J44", "J45") }, "codes.dict:1: was changed"],
  ["holds the other kind", { "codes.dict": terms }, "codes.dict holds terms; codes are needed here"],
])("a list that %s refuses the pack", (_, beside, expected) => {
  const loading = laid(`${HEAD}${LISTS}`, { "lists/ill.dict": terms, ...beside });
  expect(errorsOf(loading).join("\n")).toContain(expected);
});

test("from a disk, files are named relative to the pack, and the hash is that of all of them", () => {
  const folder = mkdtempSync(join(tmpdir(), "packs-"));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write("base.yaml", TEST_PACK);
  write("site.yaml", `${HEAD}${SITE_NUMBER}`);
  const before = loadPackFile(join(folder, "site.yaml"));
  write("base.yaml", `${TEST_PACK}# changed\n`);
  const after = loadPackFile(join(folder, "site.yaml"));
  if (!before.ok || !after.ok) throw new Error([...errorsOf(before), ...errorsOf(after)].join("\n"));
  expect(before.pack.sha256).not.toBe(after.pack.sha256);
  const { text, fileName, beside } = after.source;
  const again = loadPack(text, fileName, beside);
  expect(again.ok && again.pack.sha256).toBe(after.pack.sha256);
  const listed = `${HEAD}detectors:\n  - { id: site.ill, type: dictionary, classes: [health], file: ill.dict }\n`;
  const hashes = [terms, termListText({ ...LIST, kind: "terms", terms: ["blue knee"] })].map((list) => {
    write("ill.dict", list);
    write("site.yaml", listed);
    const loading = loadPackFile(join(folder, "site.yaml"));
    return loading.ok ? loading.pack.sha256 : errorsOf(loading).join("\n");
  });
  expect(hashes).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(hashes[0]).not.toBe(hashes[1]);
});
