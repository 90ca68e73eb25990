import { afterEach, describe, expect, test } from "vitest";
import { arm, FAILPOINTS, reach, reached } from "../../core/failpoint.ts";
import { armFailpoints, parseFailpoints } from "./arm-failpoints.ts";

afterEach(() => arm(null));

/** Which of the first reaches fail. */
function failures(text: string): readonly boolean[] {
  armFailpoints(parseFailpoints(text));
  return [1, 2, 3, 4].map(() => {
    try {
      reach("file.before-sync");
      return false;
    } catch {
      return true;
    }
  });
}

describe("failpoints", () => {
  test("do nothing where the process was not armed", async () => {
    for (const name of FAILPOINTS) {
      reach(name);
      expect(reached(name)).toBeUndefined();
    }
    await reached("file.before-sync");
  });

  test.each([
    ["file.before-sync=eio", [true, true, true, true]],
    ["file.before-sync=eio@3", [false, false, true, false]],
    ["file.before-sync=eio@3+", [false, false, true, true]],
    ["segment.before-write=eio,file.before-sync=enospc@2", [false, true, false, false]],
    ["segment.before-write=eio", [false, false, false, false]],
  ])("armed with %s strike at their turn", (text, expected) => {
    expect(failures(text)).toEqual(expected);
  });

  test.each([
    ["file.before-sync=eio", "file.before-sync", "EIO"],
    ["file.before-sync=enospc", "file.before-sync", "ENOSPC"],
    ["store.before-commit=eio", "store.before-commit", "SQLITE_IOERR_FSYNC"],
    ["store.before-commit=enospc", "store.before-commit", "SQLITE_FULL"],
  ] as const)("%s fails as the system or SQLite does", async (text, name, code) => {
    armFailpoints(parseFailpoints(text));
    expect(() => reach(name)).toThrow(expect.objectContaining({ code }) as Error);
    await expect(reached(name)).rejects.toMatchObject({ code });
  });

  test("a stall holds up the work that waits for it, and no other", async () => {
    armFailpoints(parseFailpoints("file.before-sync=stall:30@1"));
    const order: string[] = [];
    const stalled = reached("file.before-sync")?.then(() => order.push("stalled"));
    await reached("file.before-sync")?.then(() => order.push("other"));
    await stalled;
    expect(order).toEqual(["other", "stalled"]);
  });

  test.each([
    "",
    "file.before-sync",
    "nowhere=kill",
    "file.before-sync=stall",
    "file.before-sync=kill:5",
    "file.before-sync=kill@0",
    "file.before-sync=kill,",
  ])("%j is refused whole", (text) => {
    expect(() => parseFailpoints(text)).toThrow(/no failpoint in|stall:MS/);
  });
});
