import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { goldenNames, readGolden, readWorld } from "../support/golden-folder.ts";
import type { GoldenCase } from "../support/golden-folder.ts";
import { brokenLaws } from "../support/golden-law.ts";
import { observe } from "../support/golden-observation.ts";
import { playGolden, startGoldenWorld } from "../support/golden-run.ts";

const ROOT = import.meta.dirname;
/** A runner that finds nothing must fail. */
const FOLDERS_MIN = 24;

const names = goldenNames(ROOT);
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

test("enough golden folders were found", () => {
  expect(names.length).toBeGreaterThanOrEqual(FOLDERS_MIN);
});

test("expectations are not rewritten where nobody looks at them", () => {
  expect(isUpdate && process.env["CI"] !== undefined).toBe(false);
});

test("a key of world.json that nobody reads is an error", () => {
  const world = readGolden(ROOT, names[0] ?? "").world;
  expect(() => readWorld({ ...world, sevrers: {} }, "x")).toThrow(/sevrers/);
  expect(() => readWorld({ ...world, script: [{ advance_hours: 1 }] }, "x")).toThrow(/script/);
});

// Some at a time: a world waits for the disk more than it computes.
describe("golden mail", { concurrent: true }, () => {
  test.for(names)("%s", async (name, { expect }) => {
    const golden = readGolden(ROOT, name);
    const { observed, broken } = await play(golden);
    expect(broken).toEqual([]);
    if (isUpdate && process.env["CI"] === undefined) await rewrite(golden, observed);
    else expect(observed).toStrictEqual(golden.expected);
  });
});

async function play(golden: GoldenCase): Promise<{ readonly observed: unknown; readonly broken: readonly string[] }> {
  const world = await startGoldenWorld(golden);
  try {
    const run = await playGolden(golden, world);
    return { observed: await observe(golden, run), broken: await brokenLaws(golden, run) };
  } finally {
    await world.close();
  }
}

async function rewrite(golden: GoldenCase, observed: unknown): Promise<void> {
  const { format } = await import("prettier");
  const text = await format(JSON.stringify(observed), { parser: "json", printWidth: 120 });
  writeFileSync(join(golden.folder, "expected.json"), text);
}
