import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const GROWTH_BYTES_MAX = 150 * 1024 * 1024;
const TIMEOUT_MS = 240_000;

type Row = { readonly file: string; readonly verdict: string; readonly grownBytes: number };

test(
  "files made to exhaust their reader are uninspectable, end, and do not grow the gateway",
  async () => {
    const bombs = resolve(import.meta.dirname, "../../bench/bombs.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [bombs, "--json"], { timeout: TIMEOUT_MS });
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter(({ verdict }) => verdict !== "uninspectable")).toEqual([]);
    expect(Math.max(...rows.map(({ grownBytes }) => grownBytes))).toBeLessThan(GROWTH_BYTES_MAX);
  },
  TIMEOUT_MS,
);
