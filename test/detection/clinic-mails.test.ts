import { describe, expect, test } from "vitest";
import { splitOf } from "../../src/cli/dlp/labelled-set.ts";
import type { Sample, Split } from "../../src/cli/dlp/labelled-set.ts";
import { requirePacks } from "../../src/cli/dlp/packs.ts";
import { judge, messageScores } from "../../src/cli/dlp/score.ts";
import type { MessageScore } from "../../src/cli/dlp/score.ts";
import { clinicMails } from "../support/clinic-mails.ts";

const samples = clinicMails().map(({ id, label, bytes }): Sample => ({
  id: `${id}.eml`,
  label,
  bytes,
  name: "a.eml",
  spans: [],
}));

async function scoresOf(half: Split): Promise<ReadonlyMap<string, MessageScore>> {
  const set = { name: half, samples: samples.filter(({ id }) => splitOf(id) === half) };
  return new Map(messageScores(await judge(set, requirePacks(undefined))).map((row) => [row.label, row]));
}

test("there are enough mails, of both labels, and each has an id of its own", () => {
  expect(samples.length).toBeGreaterThanOrEqual(150);
  expect(new Set(samples.map(({ id }) => id)).size).toBe(samples.length);
  for (const label of ["phi", "clean"]) {
    expect(samples.filter((sample) => sample.label === label).length).toBeGreaterThanOrEqual(70);
  }
});

describe("mails of clinic life", () => {
  // Look-alikes of a clinic are far harder than the mail of others; what was reached must not get lost.
  test.each([
    ["dev", 0.95, 0.03],
    ["test", 0.8, 0.1],
  ] as const)("are told from their look-alikes in the half %s", async (half, recallMin, flaggedMax) => {
    const scores = await scoresOf(half);
    const phi = scores.get("phi");
    const clean = scores.get("clean");
    expect((phi?.phi ?? 0) / (phi?.rows ?? 0)).toBeGreaterThanOrEqual(recallMin);
    expect((clean?.phi ?? 1) / (clean?.rows ?? 1)).toBeLessThanOrEqual(flaggedMax);
    expect([phi?.uninspectable, clean?.uninspectable]).toEqual([0, 0]);
  });
});
