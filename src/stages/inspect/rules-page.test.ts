/** docs/dlp-rules.md keeps its word: packs in it load and pass their tests, and name every key there is. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { formatPackError, loadPack } from "./pack-file.ts";
import { packJsonSchema } from "./pack-json-schema.ts";

const PAGE = readFileSync(new URL("../../../docs/dlp-rules.md", import.meta.url), "utf8");
const SHIPPED = new URL("../../../config/dlp/", import.meta.url);
/** As though the page stood beside the shipped packs. */
const beside = Object.fromEntries(
  readdirSync(SHIPPED).map((name) => [name, readFileSync(new URL(name, SHIPPED), "utf8")]),
);
const packs = [...PAGE.matchAll(/```yaml\n(version: 1\n[\s\S]*?)```/g)].map(([, text = ""]) => text);

test("there are packs on the page", () => {
  expect(packs.length).toBeGreaterThan(1);
});

test.each(packs.map((text, index) => [index + 1, text] as const))("pack %i loads and passes its tests", (_, text) => {
  const loading = loadPack(text, "page.yaml", beside);
  expect(loading.ok ? [] : loading.errors.map(formatPackError)).toEqual([]);
  expect(loading.ok && loading.tests).toBeGreaterThan(0);
});

test("every key of the format stands on the page", () => {
  const keys = new Set<string>();
  const gather = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "properties") for (const name of Object.keys(inner as object)) keys.add(name);
      gather(inner);
    }
  };
  gather(packJsonSchema());
  expect([...keys].filter((key) => !new RegExp(`\\b${key}\\b`).test(PAGE))).toEqual([]);
});
