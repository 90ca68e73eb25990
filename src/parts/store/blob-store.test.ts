import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { BlobReferences, BlobRef, BlobStore } from "../../core/blob-store.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { BLOB_LIMITS, openBlobStore } from "./blob-store.ts";
import { BLOB_STORE_CASES, blobStoreSuite, collect, put, referencesOf } from "./blob-store.suite.ts";
import { nodeFs } from "./fs.ts";

const keyRing = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });
const made: string[] = [];

async function freshDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-blobs-"));
  made.push(directory);
  return join(directory, "spool");
}

afterEach(async () => {
  for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

blobStoreSuite("the store on disk", async () => {
  const directory = await freshDirectory();
  return { open: async () => await openBlobStore({ directory, keyRing }) };
});

type Kept = { readonly body: Buffer; readonly key: string };

/** As small as the seam allows, to show that the suite tells right from wrong. */
class MemoryBlobStore implements BlobStore {
  readonly kept: Map<string, Kept>;
  readonly old: ReadonlySet<string>;
  constructor(kept: Map<string, Kept>) {
    this.kept = kept;
    this.old = new Set(kept.keys());
  }
  copy = (chunk: Uint8Array): Buffer => Buffer.from(chunk);
  end = (end: number): number => end;
  isDead = (locator: string, live: ReadonlySet<string>): boolean => this.old.has(locator) && !live.has(locator);
  create() {
    const chunks: Buffer[] = [];
    let state: "open" | "sealed" | "aborted" = "open";
    const assertOpen = (): void => {
      if (state !== "open") throw new Error(state);
    };
    return {
      write: async (chunk: Uint8Array) => {
        assertOpen();
        chunks.push(this.copy(chunk));
      },
      seal: async () => {
        assertOpen();
        state = "sealed";
        const [locator, key] = [randomBytes(8).toString("hex"), randomBytes(8).toString("hex")];
        this.kept.set(locator, { body: Buffer.concat(chunks), key });
        return { locator, sizeBytes: Buffer.concat(chunks).length, wrappedKey: key };
      },
      abort: async () => {
        if (state === "open") state = "aborted";
      },
    };
  }
  async *read(ref: BlobRef, { start, end } = { start: 0, end: ref.sizeBytes }) {
    const found = this.kept.get(ref.locator);
    if (found === undefined || found.key !== ref.wrappedKey) throw new Error("gone");
    if (found.body.length !== ref.sizeBytes) throw new Error("damaged");
    const isInside = Number.isInteger(start) && start >= 0 && start <= end && end <= found.body.length;
    if (!isInside) throw new RangeError("outside");
    yield found.body.subarray(start, this.end(end));
  }
  async readAll(ref: BlobRef, bytesMax: number) {
    if (ref.sizeBytes > bytesMax) throw new RangeError("larger");
    return await collect(this.read(ref));
  }
  async release(refs: readonly BlobRef[]) {
    for (const { locator } of refs) this.kept.delete(locator);
  }
  async recover(references: BlobReferences) {
    const live = await references.referredTo([...this.kept.keys()]);
    const dead = [...this.kept.keys()].filter((locator) => this.isDead(locator, live));
    for (const locator of dead) this.kept.delete(locator);
    return { reclaimed: dead.length };
  }
  isMissing = (locator: string): boolean => !this.kept.has(locator);
  async verify(references: BlobReferences) {
    const all = await references.refsUnder({ prefix: "", after: "", limit: 1e6 });
    return { missing: all.map(({ locator }) => locator).filter(this.isMissing) };
  }
  readonly disowned: string[] = [];
  keep(): void {}
  disown(refs: readonly BlobRef[]): void {
    this.disowned.push(...refs.map(({ locator }) => locator));
  }
  isStillReferredTo = (locator: string, live: ReadonlySet<string>): boolean => live.has(locator);
  async tidy(references: BlobReferences) {
    const live = await references.referredTo(this.disowned);
    const dead = this.disowned.filter((locator) => !this.isStillReferredTo(locator, live));
    for (const locator of dead) this.kept.delete(locator);
    return { dropped: dead.length, moved: 0, copiedBytes: 0 };
  }
  async close() {}
}

type Defect = (store: MemoryBlobStore) => void;

function memoryPlace(defect: Defect) {
  const kept = new Map<string, Kept>();
  return {
    open: async () => {
      const store = new MemoryBlobStore(kept);
      defect(store);
      return store;
    },
  };
}

blobStoreSuite("a store in memory", async () => memoryPlace(() => {}));

describe("the suite refuses a store that", () => {
  test.each<[string, Defect]>([
    [
      "keeps the caller's chunk",
      (store) => (store.copy = (chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)),
    ],
    ["yields one byte less", (store) => (store.end = (end) => end - 1)],
    ["forgets what is live", (store) => (store.isDead = () => true)],
    ["reclaims nothing", (store) => (store.isDead = () => false)],
    ["judges what is new", (store) => (store.isDead = (locator, live) => !live.has(locator))],
    ["calls nothing missing", (store) => (store.isMissing = () => false)],
    ["believes who disowns", (store) => (store.isStillReferredTo = () => false)],
    ["releases all", (store) => (store.release = async () => store.kept.clear())],
  ])("%s", async (_name, defect) => {
    const results = await Promise.allSettled(BLOB_STORE_CASES.map(async ({ run }) => await run(memoryPlace(defect))));
    expect(results.filter(({ status }) => status === "rejected")).not.toHaveLength(0);
  });
});

describe("what lies on disk", () => {
  test("directories are 0700, files 0600, and no body byte is readable", async () => {
    const directory = await freshDirectory();
    const store = await openBlobStore({ directory, keyRing });
    const canary = Buffer.from("canary-canary-canary");
    for (const size of [2_000, 300_000]) await put(store, Buffer.alloc(size, canary));
    const unfinished = store.create();
    await unfinished.write(Buffer.alloc(400_000, canary));
    for (const path of [directory, join(directory, "segments"), join(directory, "files")]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    const files = await filesBelow(directory);
    expect(files).toHaveLength(3);
    for (const path of files) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await readFile(path)).includes("canary")).toBe(false);
    }
    await unfinished.abort();
    expect(await filesBelow(directory)).toHaveLength(2);
    await store.close();
  });

  test("a stranger's file in the directories is left alone", async () => {
    const directory = await freshDirectory();
    await (await openBlobStore({ directory, keyRing })).close();
    await writeFile(join(directory, "segments", "notes.txt"), "keep");
    const store = await openBlobStore({ directory, keyRing });
    expect(await store.recover(referencesOf([]))).toEqual({ reclaimed: 0 });
    expect(await filesBelow(directory)).toHaveLength(1);
    await store.close();
  });

  test("150 MB stream through a constant amount of memory, in and out", async () => {
    const store = await openBlobStore({ directory: await freshDirectory(), keyRing });
    const chunk = randomBytes(1_000_000);
    const before = process.memoryUsage().rss;
    const writer = store.create();
    for (let i = 0; i < 150; i += 1) await writer.write(chunk);
    const ref = await writer.seal();
    let [bytes, peakRss] = [0, 0];
    for await (const part of store.read(ref)) {
      expect(part.compare(chunk, bytes % 1_000_000, (bytes % 1_000_000) + 1, 0, 1)).toBe(0);
      bytes += part.length;
      peakRss = Math.max(peakRss, process.memoryUsage().rss);
    }
    expect(bytes).toBe(150_000_000);
    expect(store.counters.bufferedBytesPeak).toBeLessThan(600_000);
    expect(peakRss - before).toBeLessThan(80_000_000);
    expect(store.counters.bufferedBytes).toBe(0);
    await store.close();
  });

  test("a full memory budget sends bodies to files early and gives everything back", async () => {
    const limits = { ...BLOB_LIMITS, bufferedBytesMax: 600_000 };
    const store = await openBlobStore({ directory: await freshDirectory(), keyRing, limits });
    const writers = Array.from({ length: 8 }, () => store.create());
    for (const writer of writers) await writer.write(randomBytes(200_000));
    expect(store.counters.bufferedBytes).toBeLessThan(8 * 200_000);
    const refs = await Promise.all(writers.map(async (writer) => await writer.seal()));
    expect(store.counters.files).toBeGreaterThan(0);
    expect(store.counters.appends).toBeGreaterThan(0);
    for (const ref of refs) expect(await store.readAll(ref, 200_000)).toHaveLength(200_000);
    expect(store.counters.bufferedBytes).toBe(0);
    await store.close();
  });
});

describe("a store that keeps small bodies in memory", () => {
  async function open() {
    const opened: string[] = [];
    const fs = { ...nodeFs, openFile: (path: string) => (opened.push(path), nodeFs.openFile(path)) };
    const store = await openBlobStore({ directory: await freshDirectory(), keyRing, fs, cachedBytesMax: 1_000_000 });
    return { store, opened };
  }

  test("reads what was just stored without opening a file, by range too", async () => {
    const { store, opened } = await open();
    const body = randomBytes(20_000);
    const ref = await put(store, body);
    expect(await collect(store.read(ref))).toEqual(body);
    expect(await collect(store.read(ref, { start: 5, end: 25 }))).toEqual(body.subarray(5, 25));
    expect(opened).toEqual([]);
    await store.close();
  });

  test("a reference that says another size is damaged, as on disk", async () => {
    const { store } = await open();
    const ref = await put(store, randomBytes(2_000));
    await expect(collect(store.read({ ...ref, sizeBytes: 1_999 }))).rejects.toMatchObject({ code: "PST-SPL-003" });
    await store.close();
  });
});
