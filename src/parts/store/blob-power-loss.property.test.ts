/**
 * Power is cut before any one call to the disk, in any order of storing, forgetting and starting again. A body whose seal resolved
 * and that was not forgotten is whole after the next start; of everything else nothing is left.
 */
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { BlobMove } from "../../core/blob-store.ts";
import { arm } from "../../core/failpoint.ts";
import type { Failpoint } from "../../core/failpoint.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { SimulatedDisk } from "./blob-fs-simulator.suite.ts";
import { BLOB_LIMITS, openBlobStore } from "./blob-store.ts";
import type { DiskBlobStore } from "./blob-store.ts";
import { referencesOf, tidy } from "./blob-store.suite.ts";
import type { Fs, FsFile } from "./fs.ts";

const keyRing = new KeyRing({ spool: { name: "keys.spool", bytes: randomBytes(32) } });
/** Small, so that segments roll over and bodies become files of their own early. */
const LIMITS = { ...BLOB_LIMITS, segmentBytesMax: 12_000, inlineBytesMax: 6_000, groupBytesMax: 5_000 };

type Put = { readonly sizeBytes: number; readonly pieceBytes: number; readonly isAborted: boolean };
type Operation =
  | { readonly kind: "put"; readonly puts: readonly Put[] }
  /** Which of those there are, by a share of their number. */
  | { readonly kind: "forget"; readonly share: number }
  /** Beside the mail, hours after the last time. */
  | { readonly kind: "tidy" }
  | { readonly kind: "restart" };
/** A killed process leaves the disk as it is, names and bytes that were not synced with it. */
type End = "cut" | "killed";
type Life = {
  readonly operations: readonly Operation[];
  readonly end: End;
  readonly before: number;
  readonly seed: number;
};

const put = fc.record({
  sizeBytes: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9_000 }), fc.constant(150_000)),
  pieceBytes: fc.constantFrom(500, 4_000, 70_000),
  isAborted: fc.constantFrom(false, false, true),
});
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("put" as const), puts: fc.array(put, { minLength: 1, maxLength: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("forget" as const),
      share: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "tidy" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
);
const life: fc.Arbitrary<Life> = fc.record({
  operations: fc.array(operation, { minLength: 1, maxLength: 8 }),
  end: fc.constantFrom<End>("cut", "cut", "killed"),
  before: fc.integer({ min: 1, max: 60 }),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
});

const HOURS_MS = 5 * 3_600_000;

/** A machine: its disk and its rows outlive its processes. */
class Machine {
  readonly disk = new SimulatedDisk();
  /** Rows are durable by themselves: sync-order.test.ts shows the order. */
  readonly #rows = referencesOf([]);
  /** By wrapped key, which stays when a body moves. */
  readonly #fills = new Map<string, number>();
  #lastFill = 0;
  #tidied = 0;

  async live(operations: readonly Operation[], power: Power): Promise<void> {
    const work = async (): Promise<void> => {
      let store = await this.#start(power);
      for (const step of operations) {
        if (step.kind === "put") await Promise.all(step.puts.map((one) => this.#put(store, one, power)));
        else if (step.kind === "forget") await this.#forget(store, step.share);
        else if (step.kind === "tidy") await this.#tidy(store, power);
        else {
          await store.close();
          store = await this.#start(power);
        }
      }
      await power.cut();
    };
    await Promise.race([work(), power.isOut]);
  }

  /** The next start finds all that rows refer to, whole, and nothing half done. */
  async flaws(): Promise<readonly string[]> {
    const store = await openBlobStore({ directory: "/spool", keyRing, fs: this.disk.mount(), limits: LIMITS });
    await store.recover(this.#rows);
    const { missing } = await store.verify(this.#rows, new AbortController().signal);
    const flaws = missing.map((locator) => `missing: ${locator}`);
    for (const ref of this.#rows.refs) {
      const body = await store.readAll(ref, 1e6).catch(() => null);
      const fill = this.#fills.get(ref.wrappedKey);
      if (body === null || body.length !== ref.sizeBytes || body.some((byte) => byte !== fill)) {
        flaws.push(`not whole: ${ref.locator}`);
      }
    }
    const parts = this.disk.paths().filter((path) => path.endsWith(".part"));
    return [...flaws, ...parts.map((path) => `left: ${path}`)];
  }

  /** Files there are after everything was forgotten, and a start. */
  async leftAfterAll(): Promise<readonly string[]> {
    this.#rows.refs.splice(0);
    const store = await openBlobStore({ directory: "/spool", keyRing, fs: this.disk.mount(), limits: LIMITS });
    await store.recover(this.#rows);
    await store.close();
    return this.disk.paths();
  }

  async #start(power: Power): Promise<DiskBlobStore> {
    const store = await openBlobStore({ directory: "/spool", keyRing, fs: power.mount(), limits: LIMITS });
    await store.recover(this.#rows);
    return store;
  }

  async #put(store: DiskBlobStore, { sizeBytes, pieceBytes, isAborted }: Put, power: Power): Promise<void> {
    const fill = (this.#lastFill = (this.#lastFill % 250) + 1);
    const writer = store.create();
    for (let at = 0; at < sizeBytes; at += pieceBytes) {
      await writer.write(Buffer.alloc(Math.min(pieceBytes, sizeBytes - at), fill));
    }
    if (isAborted) return writer.abort();
    const ref = await writer.seal();
    // Without power nobody is told anything, and no row is written.
    if (!power.isOn) return undefined;
    this.#fills.set(ref.wrappedKey, fill);
    this.#rows.refs.push(ref);
    store.keep([ref]);
    return undefined;
  }

  /** The rows go first, as in stages/spool/reap.ts. */
  async #forget(store: DiskBlobStore, share: number): Promise<void> {
    const [gone] = this.#rows.refs.splice(Math.floor(share * this.#rows.refs.length), 1);
    if (gone !== undefined) await store.release([gone]);
  }

  async #tidy(store: DiskBlobStore, power: Power): Promise<void> {
    const rows = this.#rows;
    const repoint = async (moves: readonly BlobMove[]): Promise<ReadonlySet<string>> => {
      if (!power.isOn) await power.cut();
      return rows.repoint(moves);
    };
    await tidy(store, { ...rows, repoint }, { now: (this.#tidied += 1) * HOURS_MS });
  }
}

/** Cuts the power of a disk, or kills the process, before its nth call or when told; from then on no call returns. */
class Power {
  isOn = true;
  readonly isOut: Promise<void>;
  readonly #disk: SimulatedDisk;
  readonly #chance: () => number;
  readonly #out = Promise.withResolvers<void>();
  readonly #end: End;
  #left: number;

  constructor(disk: SimulatedDisk, { end, before, seed }: Omit<Life, "operations">) {
    this.#disk = disk;
    this.#end = end;
    this.#left = before;
    this.isOut = this.#out.promise;
    let state = seed;
    this.#chance = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  }

  async cut(): Promise<never> {
    if (this.isOn) {
      this.isOn = false;
      if (this.#end === "cut") this.#disk.cutPower(this.#chance);
      this.#out.resolve();
    }
    return new Promise<never>(() => {});
  }

  mount(): Fs {
    const fs = this.#disk.mount();
    const through =
      <Arguments extends unknown[], Result>(call: (...given: Arguments) => Promise<Result>) =>
      async (...given: Arguments): Promise<Result> => {
        if (!this.isOn || (this.#left -= 1) === 0) await this.cut();
        return call(...given);
      };
    const file = (inner: FsFile): FsFile => ({
      write: through((buffers, position) => inner.write(buffers, position)),
      read: through((into, position) => inner.read(into, position)),
      sizeBytes: through(() => inner.sizeBytes()),
      datasync: through(() => inner.datasync()),
      close: through(() => inner.close()),
    });
    return {
      makeDirectory: through((path) => fs.makeDirectory(path)),
      createFile: through(async (path) => file(await fs.createFile(path))),
      createSyncedFile: through(async (path) => file(await fs.createSyncedFile(path))),
      openFile: through(async (path) => file(await fs.openFile(path))),
      openToWrite: through(async (path) => file(await fs.openToWrite(path))),
      rename: through((from, to) => fs.rename(from, to)),
      unlink: through((path) => fs.unlink(path)),
      list: through((directory) => fs.list(directory)),
      syncDirectory: through((path) => fs.syncDirectory(path)),
    };
  }
}

afterEach(() => arm(null));

test("whatever is stored and forgotten, and whenever power is cut, sealed bodies are whole and nothing else stays", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async (lives) => {
      const machine = new Machine();
      for (const one of lives) {
        await machine.live(one.operations, new Power(machine.disk, one));
        expect(await machine.flaws()).toEqual([]);
      }
      expect(await machine.leftAfterAll()).toEqual([]);
    }),
    { numRuns: 400 },
  );
});

const STRUCK: readonly Failpoint[] = [
  "segment.before-create",
  "segment.before-write",
  "segment.before-directory-sync",
  "segment.durable",
  "file.before-create",
  "file.before-write",
  "file.before-sync",
  "file.before-rename",
  "file.before-directory-sync",
  "file.durable",
  "recovery.before-unlink",
];

test.each(STRUCK)(
  "power cut at %s, however often it was passed before, loses nothing that was sealed",
  async (name) => {
    const puts = [100, 5_000, 30_000, 5_500, 150_000, 40].map((sizeBytes) => ({
      sizeBytes,
      pieceBytes: 4_000,
      isAborted: false,
    }));
    const operations: readonly Operation[] = [
      { kind: "put", puts },
      { kind: "forget", share: 0.3 },
      { kind: "forget", share: 0.1 },
      { kind: "tidy" },
      { kind: "put", puts: puts.toReversed() },
    ];
    let struck = 0;
    for (let nth = 1; nth <= 12; nth += 1) {
      const machine = new Machine();
      // Something to reclaim, for the start that is struck.
      await machine.live(operations, new Power(machine.disk, { end: "killed", before: 10 + 3 * nth, seed: nth }));
      let left = nth;
      const power = new Power(machine.disk, { end: "cut", before: Number.POSITIVE_INFINITY, seed: nth });
      arm({
        now: () => undefined,
        later: async (point) => {
          if (point !== name || (left -= 1) !== 0) return;
          struck += 1;
          await power.cut();
        },
      });
      await machine.live(operations, power);
      arm(null);
      expect(await machine.flaws(), `time ${nth}`).toEqual([]);
    }
    expect(struck).toBeGreaterThan(0);
  },
);
