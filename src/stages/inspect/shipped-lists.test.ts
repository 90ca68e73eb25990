/** Where every list that is shipped comes from, and that it may be. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readTermList } from "./term-list.ts";

const SHIPPED = new URL("../../../config/dlp/", import.meta.url);
const LICENCES = ["Apache-2.0", "CC0-1.0", "public domain (work of the US government)"];
/** Owned by others, or given under agreements. */
const OWNED = /snomed|meddra|umls|(?<!without D codes and )\bcpt\b|i2b2|mimic/i;

type Origin = { readonly source?: string; readonly licence?: string };
type Pack = Origin & { readonly detectors?: readonly (Origin & { readonly id: string; readonly type: string })[] };

const packs = readdirSync(SHIPPED).filter((name) => name.endsWith(".yaml"));
const lists = readdirSync(SHIPPED).filter((name) => name.endsWith(".dict"));

test("packs and lists are shipped", () => {
  expect(packs.length).toBeGreaterThan(3);
  expect(lists.length).toBeGreaterThan(1);
});

test.each(packs)("every list of %s has a source and a licence that lets it be shipped", (name) => {
  const pack = parse(readFileSync(new URL(name, SHIPPED), "utf8")) as Pack;
  const withLists = (pack.detectors ?? []).filter(({ type }) => ["dictionary", "word_ending", "name"].includes(type));
  for (const { id, source = pack.source, licence = pack.licence } of withLists) {
    expect([id, source]).toEqual([id, expect.stringMatching(/[a-z]{3}/)]);
    expect([id, LICENCES]).toEqual([id, expect.arrayContaining([licence])]);
    expect(source).not.toMatch(OWNED);
  }
});

test.each(lists)("%s is as it was built, with a source and a licence that lets it be shipped", (name) => {
  const reading = readTermList(readFileSync(new URL(name, SHIPPED), "utf8"));
  if (!reading.ok) throw new Error(reading.faults.map(({ line, message }) => `${line}: ${message}`).join("\n"));
  expect(LICENCES).toContain(reading.list.licence);
  expect(reading.list.source).not.toMatch(OWNED);
});
