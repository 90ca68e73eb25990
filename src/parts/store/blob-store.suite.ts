/**
 * The behaviour every BlobStore shares (src/core/blob-store.ts), run against each implementation by its own test file.
 * Promises: knows the seam only; `stores.reopen` is a new life of the process over the same storage.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type {
  BlobReferences,
  BlobRef,
  BlobStore,
  RedoLog,
  RedoRecord,
  Tidied,
  TidyOptions,
} from "../../core/blob-store.ts";

export type BlobStorePlace = {
  /** Opens the storage, the first time or again after `close`; does not recover. */
  readonly open: () => Promise<BlobStore>;
};

export type BlobStoreCase = { readonly name: string; readonly run: (place: BlobStorePlace) => Promise<void> };

/** Around the borders of what implementations may treat differently: nothing, one chunk, inline or not. */
const SIZES = [0, 1, 1_000, 65_535, 65_536, 65_537, 131_072, 262_143, 262_144, 262_145, 327_680, 1_000_000] as const;

export const BLOB_STORE_CASES: readonly BlobStoreCase[] = [
  ...SIZES.map((size) => ({
    name: `a body of ${size} bytes reads back as it was written`,
    run: async ({ open }: BlobStorePlace) => {
      const store = await open();
      const body = randomBytes(size);
      const ref = await put(store, body, 50_000);
      assert.equal(ref.sizeBytes, size);
      assert.ok((await store.readAll(ref, size)).equals(body));
    },
  })),
  {
    name: "a range yields exactly its bytes, also across and at the borders of chunks",
    run: async ({ open }) => {
      const store = await open();
      for (const size of [1_000, 262_144, 400_000]) {
        const body = randomBytes(size);
        const ref = await put(store, body);
        const borders = [0, 1, 65_535, 65_536, 65_537, 200_000, size - 1, size].filter((at) => at <= size);
        for (const start of borders) {
          for (const end of borders.filter((at) => at >= start)) {
            const got = await collect(store.read(ref, { start, end }));
            assert.ok(got.equals(body.subarray(start, end)), `${start} to ${end} of ${size}`);
          }
        }
      }
    },
  },
  {
    name: "a range outside the body rejects with RangeError instead of yielding less",
    run: async ({ open }) => {
      const store = await open();
      for (const size of [10, 300_000]) {
        const ref = await put(store, randomBytes(size));
        for (const [start, end] of [
          [0, size + 1],
          [-1, 5],
          [6, 5],
          [0.5, 5],
        ] as const) {
          await assert.rejects(collect(store.read(ref, { start, end })), RangeError);
        }
      }
    },
  },
  {
    name: "readAll rejects with RangeError when the body is larger than allowed",
    run: async ({ open }) => {
      const store = await open();
      const ref = await put(store, randomBytes(101));
      await assert.rejects(store.readAll(ref, 100), RangeError);
      assert.equal((await store.readAll(ref, 101)).length, 101);
    },
  },
  {
    name: "a chunk may be overwritten by the caller once write resolved",
    run: async ({ open }) => {
      const store = await open();
      for (const size of [5_000, 300_000]) {
        const writer = store.create();
        const chunk = Buffer.alloc(size, 1);
        await writer.write(chunk);
        chunk.fill(2);
        const ref = await writer.seal();
        assert.ok((await store.readAll(ref, size)).every((byte) => byte === 1));
      }
    },
  },
  {
    name: "equal bodies get different places and keys",
    run: async ({ open }) => {
      const store = await open();
      const body = randomBytes(2_000);
      const [a, b] = [await put(store, body), await put(store, body)];
      assert.notEqual(a.locator, b.locator);
      assert.notEqual(a.wrappedKey, b.wrappedKey);
    },
  },
  {
    name: "bodies written at the same time do not mix",
    run: async ({ open }) => {
      const store = await open();
      const bodies = Array.from({ length: 40 }, (_, i) => randomBytes(i % 8 === 0 ? 300_000 + i : 700 * i));
      const refs = await Promise.all(bodies.map(async (body) => await put(store, body, 30_000)));
      for (const [i, ref] of refs.entries()) {
        assert.ok((await store.readAll(ref, 400_000)).equals(bodies[i] ?? Buffer.alloc(0)));
      }
    },
  },
  {
    name: "an aborted body takes no more, and aborting again or after sealing does nothing",
    run: async ({ open }) => {
      const store = await open();
      for (const size of [10, 300_000]) {
        const writer = store.create();
        await writer.write(randomBytes(size));
        await writer.abort();
        await writer.abort();
        await assert.rejects(writer.write(randomBytes(1)));
        await assert.rejects(writer.seal());
        const sealed = store.create();
        await sealed.write(Buffer.alloc(size, 7));
        const ref = await sealed.seal();
        await sealed.abort();
        await assert.rejects(sealed.seal());
        assert.ok((await store.readAll(ref, size)).every((byte) => byte === 7));
      }
    },
  },
  {
    name: "a reference with another body's key, size or place rejects",
    run: async ({ open }) => {
      const store = await open();
      for (const size of [2_000, 300_000]) {
        const [a, b] = [await put(store, randomBytes(size)), await put(store, randomBytes(size))];
        const wrong: BlobRef[] = [
          { ...a, wrappedKey: b.wrappedKey },
          { ...a, locator: b.locator },
          { ...a, sizeBytes: size - 1 },
          { ...a, sizeBytes: size + 1 },
          { ...a, sizeBytes: Number.MAX_SAFE_INTEGER },
          { ...a, wrappedKey: "" },
          { ...a, locator: "../../etc/passwd" },
        ];
        for (const ref of wrong) await assert.rejects(collect(store.read(ref)), Error, ref.locator);
      }
    },
  },
  {
    name: "releasing is idempotent and leaves other bodies alone",
    run: async ({ open }) => {
      const store = await open();
      const gone = [await put(store, randomBytes(900)), await put(store, randomBytes(300_000))];
      const kept = [await put(store, Buffer.alloc(900, 3)), await put(store, Buffer.alloc(300_000, 3))];
      await store.release(gone);
      await store.release(gone);
      for (const ref of kept) assert.ok((await store.readAll(ref, 300_000)).every((byte) => byte === 3));
    },
  },
  {
    name: "after a new start the live bodies are there and everything else is reclaimed",
    run: async (place) => {
      const first = await place.open();
      const live = [await put(first, Buffer.alloc(800, 5)), await put(first, Buffer.alloc(300_000, 5))];
      const dead = await put(first, randomBytes(300_000));
      await first.close();

      const second = await place.open();
      assert.ok((await second.recover(referencesOf(live))).reclaimed > 0);
      for (const ref of live) assert.ok((await second.readAll(ref, 300_000)).every((byte) => byte === 5));
      await assert.rejects(second.readAll(dead, 300_000));
      await second.close();

      const third = await place.open();
      await third.recover(referencesOf([]));
      for (const ref of live) await assert.rejects(third.readAll(ref, 300_000));
    },
  },
  {
    name: "a recovery that could not read every live reference removes nothing",
    run: async (place) => {
      const first = await place.open();
      const refs = [await put(first, Buffer.alloc(800, 5)), await put(first, Buffer.alloc(300_000, 5))];
      await first.close();
      const second = await place.open();
      await assert.rejects(second.recover(failing), /the rows cannot be read/);
      for (const ref of refs) assert.equal((await second.readAll(ref, 300_000)).length, ref.sizeBytes);
    },
  },
  {
    name: "what rows refer to and is gone is told, what is there is not",
    run: async (place) => {
      const first = await place.open();
      const there = [await put(first, Buffer.alloc(800, 5)), await put(first, Buffer.alloc(300_000, 5))];
      const gone = [await put(first, randomBytes(300_000))];
      await first.close();
      const second = await place.open();
      await second.recover(referencesOf(there));
      const rows = referencesOf([...there, ...gone]);
      const { missing } = await second.verify(rows, new AbortController().signal);
      assert.deepEqual(
        missing,
        gone.map(({ locator }) => locator),
      );
    },
  },
  {
    name: "tidying leaves what is referred to, or may be soon, and a disowned body that a row refers to after all",
    run: async ({ open }) => {
      const store = await open();
      const sizes = [800, 300_000];
      const kept = await Promise.all(sizes.map(async (size) => await put(store, Buffer.alloc(size, 3))));
      const soon = await Promise.all(sizes.map(async (size) => await put(store, Buffer.alloc(size, 3))));
      const doubted = await Promise.all(sizes.map(async (size) => await put(store, Buffer.alloc(size, 3))));
      store.keep(kept);
      store.disown(doubted);
      const rows = referencesOf([...kept, ...doubted]);
      await tidy(store, rows);
      for (const ref of [...rows.refs, ...soon]) {
        assert.ok((await store.readAll(ref, 300_000)).every((byte) => byte === 3));
      }
    },
  },
  {
    name: "recovery does not judge what was stored since the start",
    run: async (place) => {
      const store = await place.open();
      const refs = [await put(store, Buffer.alloc(800, 5)), await put(store, Buffer.alloc(300_000, 5))];
      const open = store.create();
      await open.write(Buffer.alloc(300_000, 6));
      await store.recover(referencesOf([]));
      for (const ref of [...refs, await open.seal()]) {
        assert.equal((await store.readAll(ref, 300_000)).length, ref.sizeBytes);
      }
    },
  },
];

/** Registers the cases; `place` makes fresh storage for each. */
export function blobStoreSuite(name: string, place: () => Promise<BlobStorePlace>): void {
  describe(`${name}, as a blob store:`, () => {
    test.each(BLOB_STORE_CASES)("$name", async ({ run }) => {
      const { open } = await place();
      const opened: BlobStore[] = [];
      const tracked = async (): Promise<BlobStore> => {
        const store = await open();
        opened.push(store);
        return store;
      };
      await expect(run({ open: tracked })).resolves.toBeUndefined();
      for (const store of opened) await store.close();
    });
  });
}

/** Stores a body in chunks. */
export async function put(store: BlobStore, body: Uint8Array, chunkBytes = body.length): Promise<BlobRef> {
  const writer = store.create();
  for (let at = 0; at < body.length; at += chunkBytes) await writer.write(body.subarray(at, at + chunkBytes));
  return await writer.seal();
}

export async function tidy(store: BlobStore, rows: BlobReferences, how: Partial<TidyOptions> = {}): Promise<Tidied> {
  return await store.tidy(rows, { now: 0, copyBytesMax: 1e9, signal: new AbortController().signal, ...how });
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Rows in memory: what they refer to may be changed by the test, and by `repoint`; what was left to them is put into `redo`. */
export function referencesOf(
  refs: readonly BlobRef[],
  redo: RedoRecord[] = [],
): BlobReferences & RedoLog & { readonly refs: BlobRef[] } {
  const rows = [...refs];
  return {
    refs: rows,
    redoRecords: async (after) => ({
      records: redo.slice(after, after + 1),
      next: after < redo.length ? after + 1 : null,
    }),
    forgetRedoRecords: async () => void redo.splice(0),
    referredTo: async (locators) => new Set(locators.filter((text) => rows.some(({ locator }) => locator === text))),
    refsUnder: async ({ prefix, after, limit }) =>
      rows
        .filter(({ locator }) => locator.startsWith(prefix) && locator > after)
        .toSorted((a, b) => (a.locator < b.locator ? -1 : 1))
        .slice(0, limit),
    repoint: async (moves) => {
      const moved = new Set<string>();
      for (const [index, row] of rows.entries()) {
        const to = moves.find(({ from }) => from === row.locator)?.to;
        if (to === undefined) continue;
        moved.add(row.locator);
        rows[index] = { ...row, locator: to };
      }
      return moved;
    },
  };
}

const unreadable = async (): Promise<never> => {
  throw new Error("the rows cannot be read");
};
const failing: BlobReferences & RedoLog = {
  referredTo: unreadable,
  refsUnder: unreadable,
  repoint: unreadable,
  redoRecords: unreadable,
  forgetRedoRecords: unreadable,
};
