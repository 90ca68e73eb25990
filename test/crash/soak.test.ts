/**
 * Killed a hundred times under load. POSTERN_SOAK_KILLS asks for more: docs/operating.md has the result of a thousand.
 */
import { expect, test } from "vitest";
import { CrashSoak } from "../support/crash-soak.ts";
import type { SoakResult } from "../support/crash-soak.ts";

const KILLS = Number(process.env["POSTERN_SOAK_KILLS"] ?? 100);
/** A world is given up after this many, so that what its servers keep stays small. */
const KILLS_OF_A_WORLD = 50;
const PER_KILL_MS = 10_000;

test(
  `killed ${KILLS} times, nothing acknowledged is lost and nothing is sent twice without a mark`,
  { timeout: KILLS * PER_KILL_MS },
  async () => {
    const results: SoakResult[] = [];
    for (let left = KILLS, seed = 20_260_101; left > 0; left -= KILLS_OF_A_WORLD, seed += 1) {
      results.push(await CrashSoak.run(Math.min(left, KILLS_OF_A_WORLD), seed));
    }
    const total = (name: Exclude<keyof SoakResult, "flaws">): number =>
      results.reduce((sum, result) => sum + result[name], 0);
    const sums = Object.fromEntries(NUMBERS.map((name) => [name, total(name)]));
    process.stdout.write(`${JSON.stringify(sums)}\n`);
    expect(results.flatMap(({ flaws }) => flaws)).toEqual([]);
    expect(total("kills")).toBe(KILLS);
    expect(total("acknowledged")).toBeGreaterThan(KILLS * 2);
    expect(total("marked")).toBeGreaterThan(0);
  },
);

const NUMBERS = [
  "kills",
  "killedWhileStarting",
  "killedAtFailpoints",
  "submitted",
  "acknowledged",
  "recipients",
  "delivered",
  "failed",
  "duplicates",
  "marked",
  "auditRows",
] as const;
