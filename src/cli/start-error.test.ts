import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { complaintFor } from "./cli-error.ts";
import { asCliError } from "./start-error.ts";

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

test("a folder that cannot be made is named, with what to look at", () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-start-"));
  const path = join(folder, "data");
  writeFileSync(path, "");
  const error = thrownBy(() => mkdirSync(path, { recursive: true }));
  rmSync(folder, { recursive: true });
  const { text, exitCode } = complaintFor(asCliError(error));
  expect(exitCode).toBe(1);
  expect(text).toContain(`EEXIST: file already exists, mkdir '${path}'\n`);
  expect(text).toMatch(/^postern: a file or folder of the service cannot be used\. Next: see data_dir/m);
});

test("what is none of the machine's doing stays an unexpected error", () => {
  const error = new TypeError("x is not a function");
  expect(asCliError(error)).toBe(error);
});
