import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLabelledSet } from "../../src/cli/dlp/labelled-set.ts";
import { requirePacks } from "../../src/cli/dlp/packs.ts";
import { identifierScores, judge, messageScores, withTotals } from "../../src/cli/dlp/score.ts";
import type { IdentifierScore, MessageScore } from "../../src/cli/dlp/score.ts";
import { peers } from "../support/peers.ts";
import { PHI_DATA } from "../support/phi-data.ts";

const data = peers("phi-data");

async function scoresOf(argument: string): Promise<{
  readonly messages: ReadonlyMap<string, MessageScore>;
  readonly identifiers: ReadonlyMap<string, IdentifierScore>;
}> {
  const judged = await judge(readLabelledSet(argument), requirePacks(undefined));
  return {
    messages: new Map(messageScores(judged).map((row) => [row.label, row])),
    identifiers: new Map(withTotals(identifierScores(judged)).map((row) => [row.type, row])),
  };
}

/** Of nothing at all every share would do. */
function share(part: number | undefined, whole: number | undefined): number {
  if (part === undefined || whole === undefined || whole === 0) throw new Error("nothing was scored");
  return part / whole;
}

describe.skipIf(data.areMissing)(`the shipped pack on labelled data${data.note}`, () => {
  test("finds labelled PHI, its identifiers, and leaves health questions about nobody alone", async () => {
    const { messages, identifiers } = await scoresOf(join(PHI_DATA, "asq-phi.jsonl.gz"));
    const phi = messages.get("phi");
    const questions = messages.get("health_no_identifier");
    expect(share(phi?.phi, phi?.rows)).toBeGreaterThanOrEqual(0.92);
    expect(share(questions?.phi, questions?.rows)).toBeLessThanOrEqual(0.03);
    const structured = identifiers.get("structured, all");
    const records = identifiers.get("MEDICAL_RECORD_NUMBER");
    expect(share(structured?.found, structured?.values)).toBeGreaterThanOrEqual(0.95);
    expect(share(records?.found, records?.values)).toBeGreaterThanOrEqual(0.97);
  });

  test("knows health records by their format", async () => {
    const records = (await scoresOf(`phi=${join(PHI_DATA, "health-formats.tar.gz")}`)).messages.get("phi");
    expect(share(records?.phi, records?.rows)).toBeGreaterThanOrEqual(0.99);
  });

  test("leaves ordinary mail alone", async () => {
    const mail = (await scoresOf(join(PHI_DATA, "ham-mail.jsonl.gz"))).messages.get("clean_unreviewed");
    expect(share(mail?.phi, mail?.rows)).toBeLessThanOrEqual(0.004);
    expect(share(mail?.uninspectable, mail?.rows)).toBeLessThanOrEqual(0.01);
  });
});
