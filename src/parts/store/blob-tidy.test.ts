import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import type { BlobReferences, BlobRef } from "../../core/blob-store.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { SimulatedDisk } from "./blob-fs-simulator.suite.ts";
import { BLOB_LIMITS, openBlobStore } from "./blob-store.ts";
import type { DiskBlobStore } from "./blob-store.ts";
import { put, referencesOf, tidy } from "./blob-store.suite.ts";

const keyRing = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });
const HOURS_LATER = 5 * 3_600_000;

async function openOn(disk: SimulatedDisk): Promise<DiskBlobStore> {
  const limits = { ...BLOB_LIMITS, segmentBytesMax: 20_000 };
  return await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount(), limits });
}

/** Ten bodies a segment; of the first segment every fifth is still wanted, of the second all but one. */
async function sparse(disk: SimulatedDisk) {
  const store = await openOn(disk);
  const refs: BlobRef[] = [];
  for (let n = 0; n < 21; n += 1) refs.push(await put(store, Buffer.alloc(2_000, n + 1)));
  store.keep(refs);
  const live = refs.filter((_, n) => n >= 10 || n % 5 === 0).filter((_, n) => n !== 3);
  const rows = referencesOf(live);
  await store.release(refs.filter((ref) => !live.includes(ref)));
  return { store, rows, live, fills: new Map(live.map((ref) => [ref.wrappedKey, 1 + refs.indexOf(ref)])) };
}

async function areWhole(store: DiskBlobStore, refs: readonly BlobRef[], fills: ReadonlyMap<string, number>) {
  for (const ref of refs) {
    const body = await store.readAll(ref, 2_000);
    if (!body.every((byte) => byte === fills.get(ref.wrappedKey))) return false;
  }
  return true;
}

test("what is left of a mostly dead segment moves, rows follow, old references work for hours, then the file goes", async () => {
  const disk = new SimulatedDisk();
  const { store, rows, live, fills } = await sparse(disk);
  expect(disk.paths()).toHaveLength(3);
  expect(await tidy(store, rows)).toEqual({ dropped: 0, moved: 2, copiedBytes: 2 * 2_040 });
  expect(rows.refs.filter((ref) => !live.includes(ref))).toHaveLength(2);
  expect(await areWhole(store, rows.refs, fills)).toBe(true);
  expect(await areWhole(store, live, fills)).toBe(true);
  expect(await tidy(store, rows, { now: 1_000 })).toEqual({ dropped: 0, moved: 0, copiedBytes: 0 });
  expect(await tidy(store, rows, { now: HOURS_LATER })).toEqual({ dropped: 1, moved: 0, copiedBytes: 0 });
  expect(disk.paths()).toHaveLength(2);
  expect(await areWhole(store, rows.refs, fills)).toBe(true);
});

test("no more is copied in a run than allowed; a later run has its turn", async () => {
  const disk = new SimulatedDisk();
  const { store, rows } = await sparse(disk);
  expect(await tidy(store, rows, { copyBytesMax: 4_000 })).toEqual({ dropped: 0, moved: 0, copiedBytes: 0 });
  expect(await tidy(store, rows, { copyBytesMax: 5_000 })).toMatchObject({ moved: 2 });
});

test("a message forgotten while its body is copied leaves nothing behind", async () => {
  const disk = new SimulatedDisk();
  const { store, rows } = await sparse(disk);
  const forgetful: BlobReferences = { ...rows, repoint: async (moves) => rows.repoint(moves.slice(1)) };
  expect(await tidy(store, forgetful)).toMatchObject({ moved: 1 });
  rows.refs.splice(0, 1);
  await tidy(store, rows, { now: HOURS_LATER });
  await store.close();
  const next = await openOn(disk);
  await next.recover(rows);
  expect((await next.verify(rows, new AbortController().signal)).missing).toEqual([]);
});

test("a damaged record stays where it is, and the others of its segment move", async () => {
  const disk = new SimulatedDisk();
  const { store, rows, live } = await sparse(disk);
  const path = disk.paths().find((name) => name.includes(live[0]?.locator.split(":")[1] ?? "")) ?? "";
  disk.damage(path, disk.contents(path).subarray(0, 12_000));
  expect(await tidy(store, rows)).toMatchObject({ moved: 1 });
  expect(await tidy(store, rows, { now: HOURS_LATER })).toEqual({ dropped: 0, moved: 0, copiedBytes: 0 });
  expect(disk.paths()).toContain(path);
});

test.each(["before its rows were re-pointed", "after"])(
  "a power cut in the middle of a move, %s, loses nothing and leaves no second copy",
  async (moment) => {
    const disk = new SimulatedDisk();
    const { store, rows, fills } = await sparse(disk);
    const dying: BlobReferences = {
      ...rows,
      repoint: async (moves) => {
        if (moment === "after") await rows.repoint(moves);
        disk.cutPower(() => 0);
        throw new Error("the power is cut");
      },
    };
    await expect(tidy(store, dying)).rejects.toThrow("the power is cut");
    const next = await openOn(disk);
    await next.recover(rows);
    expect((await next.verify(rows, new AbortController().signal)).missing).toEqual([]);
    expect(await areWhole(next, rows.refs, fills)).toBe(true);
    await tidy(next, rows, { now: HOURS_LATER });
    await tidy(next, rows, { now: 2 * HOURS_LATER });
    expect(await areWhole(next, rows.refs, fills)).toBe(true);
    expect(disk.paths().length).toBeLessThanOrEqual(3);
  },
);

test("hundreds of segments are read through a bounded number of open files, each closed once", async () => {
  const disk = new SimulatedDisk();
  const fs = disk.mount();
  let open = 0;
  let most = 0;
  const counting = {
    ...fs,
    openFile: async (path: string) => {
      const file = await fs.openFile(path);
      most = Math.max(most, ++open);
      let isOpen = true;
      return {
        ...file,
        close: async () => {
          if (!isOpen) throw new Error("closed twice");
          isOpen = false;
          open -= 1;
        },
      };
    },
  };
  const limits = { ...BLOB_LIMITS, segmentBytesMax: 1 };
  const store = await openBlobStore({ directory: "/spool", keyRing, fs: counting, limits });
  const refs: BlobRef[] = [];
  for (let n = 0; n < 150; n += 1) refs.push(await put(store, randomBytes(10)));
  for (let round = 0; round < 2; round += 1) await Promise.all(refs.map((ref) => store.readAll(ref, 10)));
  for (const ref of refs) await store.readAll(ref, 10);
  expect(open).toBeLessThanOrEqual(64);
  expect(most).toBeGreaterThan(10);
  await store.close();
  expect(open).toBe(0);
});
