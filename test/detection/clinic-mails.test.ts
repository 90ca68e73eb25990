import { describe, expect, test } from "vitest";
import { splitOf } from "../../src/cli/dlp/labelled-set.ts";
import type { Sample } from "../../src/cli/dlp/labelled-set.ts";
import { requirePacks } from "../../src/cli/dlp/packs.ts";
import { judge, messageScores } from "../../src/cli/dlp/score.ts";
import type { MessageScore } from "../../src/cli/dlp/score.ts";
import { BATCHES, clinicMails } from "../support/clinic-mails.ts";
import type { Batch } from "../support/clinic-mails.ts";

function samplesOf(batch?: Batch): readonly Sample[] {
  return clinicMails(batch).map(({ id, label, bytes }) => ({
    id: `${id}.eml`,
    label,
    bytes,
    name: "a.eml",
    spans: [],
  }));
}
const samples = samplesOf();

async function scoresOf(name: string, some: readonly Sample[]): Promise<ReadonlyMap<string, MessageScore>> {
  return new Map(
    messageScores(await judge({ name, samples: some }, requirePacks(undefined))).map((row) => [row.label, row]),
  );
}

test("there are enough mails, of both labels, and each has an id of its own", () => {
  expect(samples.length).toBeGreaterThanOrEqual(150);
  expect(new Set(samples.map(({ id }) => id)).size).toBe(samples.length);
  for (const label of ["phi", "clean"]) {
    expect(samples.filter((sample) => sample.label === label).length).toBeGreaterThanOrEqual(70);
  }
});

test("every mail has an id of its own over all the batches", () => {
  const ids = BATCHES.flatMap((batch) => clinicMails(batch).map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  ["fresh-ward", 45],
  ["fresh-office", 45],
  ["train-hospital", 75],
  ["train-practice", 75],
  ["train-payer", 75],
  ["train-loose", 75],
  ["held-mixed", 75],
  ["held-field", 75],
  ["desk", 50],
  ["money", 50],
  ["people", 50],
  ["hosp2", 50],
  ["field2", 50],
  ["desk3", 50],
  ["money3", 50],
  ["people3", 50],
  ["kept2", 50],
  ["mixed3", 50],
  ["desk4", 50],
  ["hosp4", 50],
  ["people4", 50],
  ["money4", 50],
  ["admin4", 50],
  ["desk5", 50],
  ["kept4", 50],
  ["field4", 50],
  ["desk6", 50],
  ["hosp5", 50],
  ["mixed5", 50],
  ["admin5", 50],
  ["kept5", 50],
  ["kept6", 50],
  ["people5", 50],
  ["mixed6", 50],
  ["people6", 15],
  ["hosp6", 40],
  ["mixed7", 40],
] as const)("the batch %s has as many mails of either label, %i, each with its reason", (batch, each) => {
  const mails = clinicMails(batch);
  for (const label of ["phi", "clean"]) {
    expect(mails.filter((mail) => mail.label === label)).toHaveLength(each);
  }
  expect(mails.filter(({ reason }) => reason === undefined || reason.trim() === "")).toEqual([]);
  expect(mails.filter(({ id, label }) => !id.startsWith(`${batch}-${label.charAt(0)}`))).toEqual([]);
});

describe("mails of clinic life", () => {
  // Look-alikes of a clinic are far harder than the mail of others; what was reached must not get lost.
  test.each([
    ["dev", 0.95, 0.03],
    ["test", 0.8, 0.11],
  ] as const)("are told from their look-alikes in the half %s", async (half, recallMin, flaggedMax) => {
    const some = samples.filter(({ id }) => splitOf(id) === half);
    expect(shareOf(await scoresOf(half, some))).toSatisfy(isAtLeast(recallMin, flaggedMax));
  });

  test.each([
    ["later", 0.88, 0.03],
    ["unseen", 0.65, 0.03],
    ["another-hand", 0.9, 0.1],
    ["train-hospital", 0.9, 0.03],
    ["train-payer", 0.9, 0.03],
    ["train-practice", 0.8, 0.04],
    ["held-mixed", 0.88, 0.04],
    ["held-field", 0.88, 0.04],
    ["desk", 0.9, 0.05],
    ["money", 0.9, 0.05],
    ["people", 0.9, 0.05],
    ["hosp2", 0.9, 0.05],
    ["field2", 0.9, 0.05],
    ["desk3", 0.9, 0.05],
    ["money3", 0.9, 0.05],
    ["people3", 0.9, 0.05],
    ["kept2", 0.8, 0.12],
    ["mixed3", 0.9, 0.05],
    ["desk4", 0.9, 0.05],
    ["hosp4", 0.9, 0.05],
    ["people4", 0.9, 0.05],
    ["money4", 0.9, 0.05],
    ["admin4", 0.9, 0.05],
    ["desk5", 0.9, 0.05],
    ["kept4", 0.9, 0.05],
    ["field4", 0.9, 0.05],
    ["desk6", 0.9, 0.05],
    ["hosp5", 0.9, 0.05],
    ["mixed5", 0.9, 0.05],
    ["admin5", 0.9, 0.05],
    ["kept5", 0.88, 0.12],
    ["kept6", 0.88, 0.12],
    ["people5", 0.86, 0.12],
    ["mixed6", 0.88, 0.06],
    ["people6", 0.86, 0.14],
    ["hosp6", 0.88, 0.06],
    ["mixed7", 0.9, 0.13],
  ] as const)("are told from their look-alikes in the batch %s", async (batch, recallMin, flaggedMax) => {
    expect(shareOf(await scoresOf(batch, samplesOf(batch)))).toSatisfy(isAtLeast(recallMin, flaggedMax));
  });
});

type Share = { readonly found: number; readonly flagged: number; readonly unread: number };

function shareOf(scores: ReadonlyMap<string, MessageScore>): Share {
  const phi = scores.get("phi");
  const clean = scores.get("clean");
  return {
    found: (phi?.phi ?? 0) / (phi?.rows ?? 0),
    flagged: (clean?.phi ?? 1) / (clean?.rows ?? 1),
    unread: (phi?.uninspectable ?? 1) + (clean?.uninspectable ?? 1),
  };
}

function isAtLeast(recallMin: number, flaggedMax: number): (share: Share) => boolean {
  return ({ found, flagged, unread }) => found >= recallMin && flagged <= flaggedMax && unread === 0;
}
