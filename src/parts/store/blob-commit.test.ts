import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { BlobRef, RedoRecord } from "../../core/blob-store.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { StorageUnhealthyError } from "./blob-errors.ts";
import { SimulatedDisk } from "./blob-fs-simulator.suite.ts";
import { BLOB_LIMITS, openBlobStore } from "./blob-store.ts";
import type { BlobLimits, DiskBlobStore } from "./blob-store.ts";
import { put, referencesOf, tidy } from "./blob-store.suite.ts";

const keyRing = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });

async function openOn(disk: SimulatedDisk, limits: BlobLimits = BLOB_LIMITS): Promise<DiskBlobStore> {
  return await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount(), limits });
}

/** Holds every datasync until `open` is called; `reached` resolves when one waits. */
function gateOn(disk: SimulatedDisk) {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  disk.faults.beforeDatasync = async () => {
    reached.resolve();
    await opened.promise;
  };
  return { reached: reached.promise, open: () => opened.resolve() };
}

describe("group commit", () => {
  test("a lone body is committed at once, alone, with one sync once the segment exists", async () => {
    const store = await openOn(new SimulatedDisk());
    await put(store, randomBytes(10));
    expect(store.counters).toMatchObject({ appends: 1, syncs: 2 });
    await put(store, randomBytes(10));
    expect(store.counters).toMatchObject({ appends: 2, syncs: 3 });
  });

  test("what arrives while a commit runs shares the next sync", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await put(store, randomBytes(10));
    const gate = gateOn(disk);
    const first = put(store, randomBytes(10));
    await gate.reached;
    const others = Array.from({ length: 50 }, async () => await put(store, randomBytes(1_000)));
    await setImmediate();
    const { syncs } = store.counters;
    gate.open();
    await Promise.all([first, ...others]);
    expect(store.counters.syncs - syncs).toBe(1);
    expect(store.counters.appends).toBe(52);
  });

  test("a group ends at its byte limit", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk, { ...BLOB_LIMITS, groupBytesMax: 10_000 });
    const gate = gateOn(disk);
    const first = put(store, randomBytes(10));
    await gate.reached;
    const others = Array.from({ length: 20 }, async () => await put(store, randomBytes(2_000)));
    await setImmediate();
    const { syncs } = store.counters;
    gate.open();
    await Promise.all([first, ...others]);
    // 20 records of 2,040 bytes, five to a group, and the sync of the new segment's directory.
    expect(store.counters.syncs - syncs).toBe(4 + 1);
  });

  test("large bodies that end together share syncs of the directory", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await Promise.all(Array.from({ length: 10 }, async () => await put(store, randomBytes(300_000))));
    expect(store.counters.files).toBe(10);
    expect(store.counters.syncs).toBeLessThan(10 + 10);
    expect(store.counters.syncs).toBeGreaterThanOrEqual(10 + 1);
  });

  test("no seal resolves before its sync did", async () => {
    for (const size of [10, 300_000]) {
      const disk = new SimulatedDisk();
      const store = await openOn(disk);
      const gate = gateOn(disk);
      let isSealed = false;
      const sealing = put(store, randomBytes(size)).then(() => (isSealed = true));
      await gate.reached;
      await setImmediate();
      expect(isSealed).toBe(false);
      gate.open();
      await sealing;
    }
  });

  test("a failed sync rejects its group, those waiting behind it, and large bodies in flight", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    const gate = gateOn(disk);
    const sizes = [10, 20, 30, 300_000, 400_000];
    const settled = Promise.allSettled(sizes.map(async (size) => await put(store, randomBytes(size))));
    await gate.reached;
    disk.faults.datasync = "EIO";
    gate.open();
    for (const result of await settled) {
      expect(result).toMatchObject({ status: "rejected", reason: expect.any(StorageUnhealthyError) as unknown });
    }
    expect(store.counters.appends + store.counters.files).toBe(0);
    await store.close();
  });

  test("closing waits for what is being committed, and then nothing more is taken", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    const late = store.create();
    const writers = [store.create(), store.create()];
    await writers[0]?.write(randomBytes(10));
    await writers[1]?.write(randomBytes(300_000));
    let seals = 0;
    const sealing = writers.map(async (writer) => {
      const ref = await writer.seal();
      seals += 1;
      return ref;
    });
    await store.close();
    expect(seals).toBe(2);
    for (const ref of await Promise.all(sealing)) {
      expect(await store.readAll(ref, 300_000)).toHaveLength(ref.sizeBytes);
    }
    await expect(late.write(randomBytes(1))).rejects.toThrow("closed");
    expect(() => store.create()).toThrow("closed");
  });
});

describe("segments", () => {
  const limits = { ...BLOB_LIMITS, segmentBytesMax: 5_000 };

  test("a full segment is followed by a new one, and goes once it has no live record", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk, limits);
    const refs = [];
    for (let i = 0; i < 6; i += 1) refs.push(await put(store, randomBytes(2_000)));
    store.keep(refs);
    expect(disk.paths()).toHaveLength(2);
    for (const [released, files] of [
      [1, 2],
      [3, 1],
    ] as const) {
      await store.release(refs.slice(0, released));
      await store.release(refs.slice(0, released));
      await tidy(store, referencesOf(refs.slice(released)), { copyBytesMax: 0 });
      expect(disk.paths()).toHaveLength(files);
    }
    for (const ref of refs.slice(3)) expect(await store.readAll(ref, 2_000)).toHaveLength(2_000);
  });

  test("a segment stays while it takes new records, or one of its own may still be referred to", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk, limits);
    const [kept, soon, more] = [
      await put(store, randomBytes(10)),
      await put(store, randomBytes(10)),
      await put(store, randomBytes(4_990)),
    ];
    store.keep([kept]);
    store.disown([more]);
    await tidy(store, referencesOf([]));
    await put(store, randomBytes(10));
    await tidy(store, referencesOf([]));
    expect(disk.paths()).toHaveLength(2);
    store.disown([soon]);
    await tidy(store, referencesOf([]));
    expect(disk.paths()).toHaveLength(1);
  });

  test("a new life begins a new segment, and the old one goes with its last record", async () => {
    const disk = new SimulatedDisk();
    const first = await openOn(disk);
    const old = [
      await put(first, randomBytes(1000)),
      await put(first, randomBytes(20)),
      await put(first, randomBytes(1000)),
    ];
    await first.close();
    const second = await openOn(disk);
    await second.recover(referencesOf(old.slice(1)));
    await put(second, randomBytes(10));
    await second.release(old.slice(0, 2));
    await tidy(second, referencesOf(old.slice(2)), { copyBytesMax: 0 });
    expect(disk.paths()).toHaveLength(2);
    expect(await second.readAll(old[2] as never, 1000)).toHaveLength(1000);
    await second.release(old.slice(2));
    await tidy(second, referencesOf([]));
    expect(disk.paths()).toHaveLength(1);
  });

  test("a release before recovery changes nothing", async () => {
    const disk = new SimulatedDisk();
    const first = await openOn(disk);
    const refs = [await put(first, randomBytes(10)), await put(first, randomBytes(20))];
    await first.close();
    const second = await openOn(disk);
    await second.release(refs.slice(0, 1));
    expect(await second.recover(referencesOf(refs.slice(1)))).toEqual({ reclaimed: 0 });
    expect(await second.readAll(refs[1] as never, 20)).toHaveLength(20);
  });
});

describe("a lone small body left to the thread of its rows", () => {
  async function opened() {
    const disk = new SimulatedDisk();
    const thread = { isIdle: true };
    const store = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount(), rowsThread: thread });
    const seal = async (body: Buffer): Promise<BlobRef> => {
      const writer = store.create();
      await writer.write(body);
      return await writer.seal("with-rows");
    };
    return { disk, store, thread, seal };
  }

  const isPending = ({ pending }: BlobRef): boolean => pending !== undefined;
  const redoOf = (refs: readonly BlobRef[]): RedoRecord[] =>
    refs.flatMap(({ locator, pending }) => (pending === undefined ? [] : [{ locator, record: pending.record }]));

  test("has its place behind what was stored, and what is stored next lies behind it", async () => {
    const { disk, store, seal } = await opened();
    const bodies = [100, 200, 300, 400].map((size) => randomBytes(size));
    const [first, second, third, fourth] = bodies as [Buffer, Buffer, Buffer, Buffer];
    const refs = [await seal(first), await seal(second), await put(store, third), await seal(fourth)];
    expect(refs.map(isPending)).toEqual([false, true, false, true]);
    for (const { pending } of refs) {
      if (pending === undefined) continue;
      const file = await disk.mount().openToWrite(pending.path);
      await file.write([pending.record], pending.position);
    }
    const read = await Promise.all(refs.map(async (ref) => await store.readAll(ref, 1_000)));
    expect(read.map((body, index) => body.equals(bodies[index] ?? body.subarray(1)))).toEqual([true, true, true, true]);
    // The name and two records.
    expect(store.counters).toMatchObject({ appends: 4, syncs: 1 + 2 });
  });

  test("is brought to its place at the next start where a row refers to it, and durable there before it is forgotten", async () => {
    const { disk, seal } = await opened();
    const bodies = Array.from({ length: 5 }, () => randomBytes(500));
    const refs: BlobRef[] = [];
    for (const body of bodies) refs.push(await seal(body));
    const rows = refs.filter((_ref, index) => index !== 3);
    const redo = redoOf(refs);
    expect(redo).toHaveLength(4);
    disk.cutPower();
    const second = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount() });
    await second.recover(referencesOf(rows, redo));
    expect(redo).toEqual([]);
    disk.cutPower();
    const third = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount() });
    await third.recover(referencesOf(rows));
    for (const ref of rows) expect(bodies).toContainEqual(await third.readAll(ref, 500));
  });

  test("stays with the rows where its place cannot be written, and needs no room where it lies there already", async () => {
    const { disk, seal } = await opened();
    const refs = [await seal(randomBytes(10)), await seal(randomBytes(500))];
    const redo = redoOf(refs);
    disk.cutPower();
    disk.faults.write = "ENOSPC";
    const second = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount() });
    await expect(second.recover(referencesOf(refs, redo))).rejects.toMatchObject({ code: "PST-SPL-002" });
    expect(redo).toHaveLength(1);
    disk.faults.write = null;
    await second.recover(referencesOf(refs, [...redo]));
    disk.faults.write = "ENOSPC";
    await second.recover(referencesOf(refs, redo));
    expect(redo).toEqual([]);
  });

  test("whose segment is gone is left for the look for missing bodies", async () => {
    const { disk, seal } = await opened();
    const refs = [await seal(randomBytes(10)), await seal(randomBytes(500))];
    const redo = redoOf(refs);
    const [path = ""] = disk.paths("/spool/segments");
    disk.unlink(path);
    const second = await openBlobStore({ directory: "/spool", keyRing, fs: disk.mount() });
    await second.recover(referencesOf(refs, redo));
    const { missing } = await second.verify(referencesOf(refs), new AbortController().signal);
    expect(missing).toHaveLength(2);
  });

  test("is written here where a seal has to be durable, the thread is busy, another body comes in or it is too large to copy", async () => {
    const { store, thread, seal } = await opened();
    await seal(randomBytes(10));
    const ways: (() => Promise<BlobRef>)[] = [
      () => put(store, randomBytes(10)),
      async () => {
        thread.isIdle = false;
        const ref = await seal(randomBytes(10));
        thread.isIdle = true;
        return ref;
      },
      async () => {
        const other = store.create();
        const ref = await seal(randomBytes(10));
        await other.abort();
        return ref;
      },
      () => seal(randomBytes(32_769)),
    ];
    for (const way of ways) expect(isPending(await way())).toBe(false);
    expect(isPending(await seal(randomBytes(32_768)))).toBe(true);
  });
});
