import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BlobRef } from "../../core/blob-store.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { BlobDamagedError, StorageFullError, StorageUnhealthyError } from "./blob-errors.ts";
import { SimulatedDisk } from "./blob-fs-simulator.suite.ts";
import { BLOB_LIMITS, openBlobStore } from "./blob-store.ts";
import type { BlobLimits, DiskBlobStore } from "./blob-store.ts";
import { put, referencesOf } from "./blob-store.suite.ts";

const keyRing = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });
const KINDS = [
  ["a record of a segment", 2_000],
  ["a file of its own", 300_000],
] as const;

async function openOn(disk: SimulatedDisk, limits: BlobLimits = BLOB_LIMITS): Promise<DiskBlobStore> {
  return await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount(), limits });
}

/** What a start does, before and beside the mail. */
async function missingOf(store: DiskBlobStore, refs: readonly BlobRef[]): Promise<readonly string[]> {
  await store.recover(referencesOf(refs));
  return (await store.verify(referencesOf(refs), new AbortController().signal)).missing;
}

/** A repeatable source of chance. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("a synced write of records for which there is no space is refused alone; earlier and later records are whole", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const bodies = [1, 2].map((byte) => Buffer.alloc(2_000, byte));
  const [before, after] = bodies as [Buffer, Buffer];
  const refs = [await put(store, before)];
  disk.faults.datasync = "ENOSPC";
  await expect(put(store, randomBytes(2_000))).rejects.toThrow(StorageFullError);
  disk.faults.datasync = null;
  refs.push(await put(store, after));
  disk.cutPower();
  const next = await openOn(disk);
  expect(await missingOf(next, refs)).toEqual([]);
  const read = await Promise.all(refs.map(async (ref) => await next.readAll(ref, 2_000)));
  expect(read.map((body) => body[0])).toEqual([1, 2]);
});

describe.each(KINDS)("%s", (_kind, size) => {
  test("survives a power cut once seal resolved", async () => {
    const disk = new SimulatedDisk();
    const body = randomBytes(size);
    const ref = await put(await openOn(disk), body);
    disk.cutPower();
    const store = await openOn(disk);
    expect(await missingOf(store, [ref])).toEqual([]);
    expect((await store.readAll(ref, size)).equals(body)).toBe(true);
  });

  test("would not survive where the directory was not synced, so that the simulator can tell", async () => {
    const disk = new SimulatedDisk();
    await openOn(disk);
    disk.faults.liesAboutDirectories = true;
    const ref = await put(await openOn(disk), randomBytes(size));
    disk.cutPower();
    const store = await openOn(disk);
    expect(await missingOf(store, [ref])).toEqual([ref.locator]);
    await expect(store.readAll(ref, size)).rejects.toThrow(/PST-SPL-004/);
  });

  test("that was not sealed at the power cut is reclaimed", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    const kept = await put(store, Buffer.alloc(size, 1));
    const writer = store.create();
    await writer.write(randomBytes(size));
    disk.cutPower(() => 0.9);
    const next = await openOn(disk);
    await next.recover(referencesOf([kept]));
    expect(disk.paths()).toHaveLength(1);
    expect((await next.readAll(kept, size)).every((byte) => byte === 1)).toBe(true);
  });

  test("rejects its seal and every later one after a sync failed, says so once, and the sync is not repeated", async () => {
    for (const fault of ["datasync", "syncDirectory"] as const) {
      const disk = new SimulatedDisk();
      const told: string[] = [];
      const onUnhealthy = ({ code }: StorageUnhealthyError) => void told.push(code);
      const store = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount(), onUnhealthy });
      disk.faults[fault] = "EIO";
      await expect(put(store, randomBytes(size))).rejects.toThrow(StorageUnhealthyError);
      const { syncs } = store.counters;
      disk.faults[fault] = null;
      for (const next of [10, 300_000]) {
        await expect(put(store, randomBytes(next))).rejects.toMatchObject({ code: "PST-SPL-001" });
      }
      expect(store.counters.syncs).toBe(syncs);
      expect(store.failure).toBeInstanceOf(StorageUnhealthyError);
      expect(told).toEqual(["PST-SPL-001"]);
      expect(store.counters.bufferedBytes).toBe(0);
    }
  });

  test("rejects with a passing error when the disk is full, and the store goes on when there is room", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    const before = await put(store, Buffer.alloc(size, 1));
    disk.faults.write = "ENOSPC";
    await expect(put(store, randomBytes(size))).rejects.toThrow(StorageFullError);
    disk.faults.write = null;
    const after = await put(store, Buffer.alloc(size, 1));
    for (const ref of [before, after]) {
      expect((await store.readAll(ref, size)).every((byte) => byte === 1)).toBe(true);
    }
    expect(store.failure).toBeNull();
  });

  test("rejects for ever when a write failed for any other reason", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    disk.faults.write = "EIO";
    await expect(put(store, randomBytes(size))).rejects.toThrow(StorageUnhealthyError);
    disk.faults.write = null;
    await expect(put(store, randomBytes(size))).rejects.toThrow(StorageUnhealthyError);
  });

  test("that is damaged anywhere, cut short, extended or gone rejects with its code", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    const ref = await put(store, randomBytes(size));
    const path = disk.paths()[0] ?? "";
    const whole = disk.contents(path);
    const places = [0, 5, 20, 24, 30, whole.length >> 1, 65_580, whole.length - 17, whole.length - 1];
    for (const at of places.filter((place) => place < whole.length)) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      disk.damage(path, flipped);
      await expect(store.readAll(ref, size), `byte ${at}`).rejects.toThrow(BlobDamagedError);
    }
    for (const length of [0, 10, whole.length - 16, whole.length - 1]) {
      disk.damage(path, whole.subarray(0, length));
      await expect(store.readAll(ref, size), `${length} bytes`).rejects.toMatchObject({ code: "PST-SPL-003" });
    }
    disk.damage(path, whole);
    expect(await store.readAll(ref, size)).toHaveLength(size);
    disk.unlink(path);
    await expect((await openOn(disk)).readAll(ref, size)).rejects.toMatchObject({
      code: "PST-SPL-004",
      locator: ref.locator,
    });
  });

  test("does not open with another spool key", async () => {
    const disk = new SimulatedDisk();
    const ref = await put(await openOn(disk), randomBytes(size));
    const other = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });
    const store = await openBlobStore({ directory: "/spool", keyRing: other, fs: disk.mount() });
    await expect(store.readAll(ref, size)).rejects.toMatchObject({ code: "PST-SPL-005" });
  });
});

test("a file cut at a chunk's end rejects before anything is yielded, even for a range before the cut", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const ref = await put(store, randomBytes(65_536 * 5));
  const path = disk.paths()[0] ?? "";
  disk.damage(path, disk.contents(path).subarray(0, 24 + 4 * (65_536 + 16)));
  const reading = store.read(ref, { start: 0, end: 10 });
  await expect(reading.next()).rejects.toMatchObject({ code: "PST-SPL-003" });
  // With a reference that agrees with the shorter file, the missing last-chunk flag still tells.
  await expect(store.readAll({ ...ref, sizeBytes: 65_536 * 4 }, 1e6)).rejects.toThrow(BlobDamagedError);
});

test("chunks that were swapped, or are those of another body, reject", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const size = 65_536 * 5;
  const refs = [await put(store, Buffer.alloc(size, 1)), await put(store, Buffer.alloc(size, 1))];
  const [path = "", other = ""] = disk.paths();
  const chunk = (index: number): [number, number] => [24 + index * 65_552, 24 + (index + 1) * 65_552];
  const whole = disk.contents(path);
  const swapped = Buffer.from(whole);
  whole.copy(swapped, chunk(1)[0], ...chunk(2));
  whole.copy(swapped, chunk(2)[0], ...chunk(1));
  const mixed = Buffer.from(whole);
  disk.contents(other).copy(mixed, chunk(1)[0], ...chunk(1));
  for (const damaged of [swapped, mixed]) {
    disk.damage(path, damaged);
    const results = await Promise.allSettled(refs.map(async (ref) => await store.readAll(ref, size)));
    const rejected = results.filter(({ status }) => status === "rejected");
    expect(rejected).toMatchObject([{ reason: { code: "PST-SPL-003" } }]);
  }
});

test("a process that dies leaves no unfinished file behind after the next start", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const kept = await put(store, Buffer.alloc(300_000, 1));
  const writer = store.create();
  await writer.write(randomBytes(300_000));
  expect(disk.paths().filter((path) => path.endsWith(".part"))).toHaveLength(1);
  const next = await openOn(disk);
  expect(await next.recover(referencesOf([kept]))).toEqual({ reclaimed: 1 });
  expect(disk.paths()).toHaveLength(1);
});

test("a range of a large body reads only the chunks it needs", async () => {
  const disk = new SimulatedDisk();
  const store = await openOn(disk);
  const body = randomBytes(65_536 * 6);
  const ref = await put(store, body);
  const path = disk.paths()[0] ?? "";
  const damaged = Buffer.from(disk.contents(path));
  damaged[30] = (damaged[30] ?? 0) ^ 1;
  disk.damage(path, damaged);
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(ref, { start: 130_000, end: 200_000 })) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(body.subarray(130_000, 200_000))).toBe(true);
  await expect(store.read(ref, { start: 0, end: 10 }).next()).rejects.toThrow(BlobDamagedError);
});

test("whatever a power cut leaves of unsynced writes, sealed bodies are whole and the rest is reclaimed", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const chance = chanceOf(seed);
    const disk = new SimulatedDisk();
    const limits = { ...BLOB_LIMITS, segmentBytesMax: 20_000, inlineBytesMax: 9_000 };
    const sealed: { readonly ref: BlobRef; readonly fill: number }[] = [];
    for (let life = 0; life < 3; life += 1) {
      const store = await openOn(disk, limits);
      expect(
        await missingOf(
          store,
          sealed.map(({ ref }) => ref),
        ),
      ).toEqual([]);
      let isCut = false;
      let syncsLeft = Math.floor(chance() * 6);
      // The machine dies at a random sync: that sync and all later ones never return.
      const dies = new Promise<void>((resolve) => {
        disk.faults.beforeDatasync = async () => {
          syncsLeft -= 1;
          if (syncsLeft >= 0) return;
          resolve();
          await new Promise<never>(() => {});
        };
      });
      const writing = Array.from({ length: 12 }, async (_, i) => {
        const fill = 1 + ((seed * 36 + life * 12 + i) % 250);
        const ref = await put(store, Buffer.alloc(100 + Math.floor(chance() * 12_000), fill), 4_000);
        // After the cut there is nobody left to be told.
        if (!isCut) sealed.push({ ref, fill });
      });
      await Promise.race([Promise.all(writing), dies]);
      isCut = true;
      disk.cutPower(chance);
    }
    disk.faults.beforeDatasync = async () => {};
    const store = await openOn(disk, limits);
    expect(
      await missingOf(
        store,
        sealed.map(({ ref }) => ref),
      ),
    ).toEqual([]);
    for (const { ref, fill } of sealed) {
      expect((await store.readAll(ref, 1e6)).every((byte) => byte === fill)).toBe(true);
    }
    expect(disk.paths().some((path) => path.endsWith(".part"))).toBe(false);
  }
});
