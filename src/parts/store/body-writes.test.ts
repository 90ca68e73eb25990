import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { arm } from "../../core/failpoint.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
import { BodyWrites } from "./body-writes.ts";
import type { BodyWrite } from "./body-writes.ts";
import { StoreError } from "./sqlite-store-error.ts";

let folder: string;
let path: string;
let writes: BodyWrites;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-bodies-"));
  path = join(folder, "one.seg");
  writeFileSync(path, "head");
  writes = new BodyWrites();
});
afterEach(() => {
  arm(null);
  writes.close();
  rmSync(folder, { recursive: true });
});

function write(number: number, position: number, text: string): BodyWrite {
  return { number, path, position, record: new Uint8Array(Buffer.from(text)) };
}

/** The numbers a row may not follow: for want of space, as far as is known. */
function refused(...numbers: readonly number[]): readonly number[] {
  return numbers.filter((number) => {
    try {
      writes.assertWritten(number);
      return false;
    } catch (error) {
      if (error instanceof StoreError && error.code === "PST-SPL-002") return true;
      throw error;
    }
  });
}

function failing(action: "eio" | "enospc", nth: number, isOnce = true): void {
  armFailpoints([{ name: "record.before-write", action, stallMs: 0, nth, isOnce }]);
}

test("records go to their places, whatever lies between them, and rows may follow", () => {
  writes.write([write(1, 4, "one"), write(2, 7, "two"), write(3, 12, "three")]);
  expect(readFileSync(path, "latin1")).toBe("headonetwo\0\0three");
  expect(refused(1, 2, 3)).toEqual([]);
});

test("records that lie side by side share one write", () => {
  const many = Array.from({ length: 600 }, (_, index) => write(index + 1, 4 + index, "x"));
  failing("enospc", 4);
  writes.write(many);
  expect(refused(...many.map(({ number }) => number))).toEqual([]);
  expect(readFileSync(path, "latin1")).toBe(`head${"x".repeat(600)}`);
});

test("the file of the next segment is opened where it comes up", () => {
  const other = join(folder, "two.seg");
  writeFileSync(other, "");
  writes.write([write(1, 4, "one"), { ...write(2, 0, "two"), path: other }]);
  writes.write([write(3, 7, "three")]);
  expect([readFileSync(path, "latin1"), readFileSync(other, "latin1")]).toEqual(["headonethree", "two"]);
});

test("for want of space only what was to be written then is refused", () => {
  failing("enospc", 1);
  writes.write([write(1, 4, "one"), write(2, 7, "two"), write(3, 20, "three")]);
  expect(refused(1, 2, 3)).toEqual([1, 2]);
});

test("what is no longer remembered as failed counts as failed", () => {
  failing("enospc", 1, false);
  for (let number = 1; number <= 1_500; number += 1) writes.write([write(number, 4 + 2 * number, "x")]);
  arm(null);
  writes.write([write(1_501, 4_000, "x")]);
  expect(refused(1, 499, 500, 501, 1_500, 1_501)).toEqual([1, 499, 500, 501, 1_500]);
});

test.each([
  ["a disk that fails", () => failing("eio", 1)],
  ["a segment that is gone", () => rmSync(path)],
])("%s is no matter of one mail", (_what, happens) => {
  happens();
  expect(() => writes.write([write(1, 4, "one")])).toThrow(/PST-SPL-001/);
});
