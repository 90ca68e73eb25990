import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storageOf, streamOf } from "./compound-directory.ts";
import { CompoundFile } from "./compound-file.ts";
import { compoundOf } from "./compound.samples.ts";
import type { SampleTree } from "./compound.samples.ts";
import { BUDGETS, readHere } from "./extraction.samples.ts";
import { Reading, Unreadable } from "./reading.ts";

const SECTOR = 512;
const reading = new Reading(BUDGETS, 0, { say: () => undefined, monotonic: () => 0 });
const open = (bytes: Buffer): CompoundFile => new CompoundFile(bytes, reading);

/** All streams of a file by their paths. */
function contentOf(file: CompoundFile): Record<string, string> {
  const content: Record<string, string> = {};
  const walk = (storage: CompoundFile["root"], path: string): void => {
    for (const stream of storage.streams) content[path + stream.name] = file.read(stream).toString("latin1");
    for (const inner of storage.storages) walk(inner, `${path}${inner.name}/`);
  };
  walk(file.root, "");
  return content;
}

describe("a compound file", () => {
  test("gives small and large streams, in storages within one another, and nothing is left", () => {
    const large = "large ".repeat(20_000);
    const file = open(
      compoundOf({ small: "MRN 482", large, folder: { within: { deep: "x".repeat(4_096) } }, none: "" }),
    );
    expect(contentOf(file)).toEqual({ small: "MRN 482", large, none: "", "folder/within/deep": "x".repeat(4_096) });
    expect([file.isDamaged, file.isAmbiguous]).toEqual([false, false]);
    expect([...file.leftovers()]).toEqual([]);
  });

  test("names are found whatever their case", () => {
    const { root } = open(compoundOf({ WordDocument: "a", Macros: { VBA: "" } }));
    expect(streamOf(root, "WORDDOCUMENT")?.name).toBe("WordDocument");
    expect(storageOf(root, "macros")?.name).toBe("Macros");
  });

  test("of version 4 has sectors of 4 KiB", () => {
    const header = Buffer.alloc(4_096);
    compoundOf({}).copy(header, 0, 0, SECTOR);
    header.writeUInt16LE(4, 26);
    header.writeUInt16LE(12, 30);
    const directory = Buffer.alloc(4_096);
    compoundOf({ a: "x" }).copy(directory, 0, SECTOR * 3, SECTOR * 3 + 256);
    directory.writeUInt32LE(2, 128 + 116);
    directory.writeUInt32LE(4_200, 128 + 120);
    directory.writeUInt32LE(0xffff_fffe, 116);
    directory.writeUInt32LE(0, 120);
    const table = Buffer.alloc(4_096, 0xff);
    for (const [index, next] of [0xffff_fffe, 0xffff_fffd, 3, 0xffff_fffe].entries())
      table.writeUInt32LE(next, index * 4);
    header.writeUInt32LE(0, 48);
    header.writeUInt32LE(1, 76);
    header.writeUInt32LE(0, 64);
    const file = open(Buffer.concat([header, directory, table, Buffer.alloc(8_192, "y")]));
    expect(contentOf(file)).toEqual({ a: "y".repeat(4_200) });
    expect(file.isDamaged).toBe(false);
  });

  test("more than 109 tables are found through their own chain", () => {
    const bytes = compoundOf({ large: Buffer.alloc(8 * 1024 * 1024, "z") });
    expect(bytes.readUInt32LE(44)).toBeGreaterThan(109);
    const file = open(bytes);
    expect(contentOf(file)["large"]).toBe("z".repeat(8 * 1024 * 1024));
    expect(file.isDamaged).toBe(false);
  });

  test("a chain that comes back to itself ends, and what was read is given", () => {
    const bytes = compoundOf({ a: "q".repeat(SECTOR * 20) });
    const table = bytes.length - SECTOR;
    bytes.writeUInt32LE(3, table + 9 * 4);
    const file = open(bytes);
    expect(contentOf(file)["a"]).toBe("q".repeat(SECTOR * 10));
    expect(file.isDamaged).toBe(true);
  });

  test("two streams over the same sectors are one, and the other is damage", () => {
    const bytes = compoundOf({ a: "q".repeat(SECTOR * 20), b: "r".repeat(SECTOR * 20) });
    const at = bytes.indexOf(Buffer.from("b\0\0\0", "latin1"), SECTOR * 41);
    bytes.writeUInt32LE(0, at + 116);
    const file = open(bytes);
    expect(contentOf(file)).toEqual({ a: "q".repeat(SECTOR * 20), b: "" });
    expect(file.isDamaged).toBe(true);
    expect(Buffer.concat([...file.leftovers()]).toString()).toContain("r".repeat(SECTOR * 20));
  });

  test.each<[string, (bytes: Buffer) => void, number]>([
    ["a size of 2 GiB", (bytes) => bytes.writeUInt32LE(0x7fff_ffff, bytes.indexOf("b\0") + 120), SECTOR],
    ["a beginning far outside", (bytes) => bytes.writeUInt32LE(0x00ff_ffff, bytes.indexOf("b\0") + 116), 0],
  ])("%s costs nothing, and is damage", (_, strike, most) => {
    const bytes = compoundOf({ b: "x".repeat(5_000) });
    strike(bytes);
    const file = open(bytes);
    expect(contentOf(file)["b"]?.length).toBeLessThanOrEqual(most + 5_120);
    expect(file.isDamaged).toBe(true);
  });

  test.each<[string, (bytes: Buffer, entry: (index: number) => number) => void]>([
    ["an entry that is its own sibling", (bytes, entry) => bytes.writeUInt32LE(1, entry(1) + 72)],
    ["an entry that is its own child", (bytes, entry) => bytes.writeUInt32LE(2, entry(2) + 76)],
    ["an entry in no tree", (bytes, entry) => bytes.writeUInt32LE(0xffff_ffff, entry(1) + 72)],
    ["two entries of one name", (bytes, entry) => bytes.write("a", entry(2), "utf16le")],
    ["an entry beyond the directory", (bytes, entry) => bytes.writeUInt32LE(4_000, entry(1) + 68)],
  ])("%s is ambiguous", (_, strike) => {
    const bytes = compoundOf({ a: "1", b: { c: "2" } });
    const first = bytes.indexOf(Buffer.from("Root Entry", "utf16le"));
    strike(bytes, (index) => first + index * 128);
    expect(open(bytes).isAmbiguous).toBe(true);
  });

  test.each<[string, Buffer]>([
    ["a magic alone", Buffer.from("d0cf11e0a1b11ae1", "hex")],
    ["a header alone", compoundOf({}).subarray(0, SECTOR)],
    ["sectors of another size", Buffer.from(compoundOf({})).fill(10, 30, 31)],
  ])("%s is damaged", (_, bytes) => {
    expect(() => open(bytes)).toThrow(new Unreadable("damaged"));
  });

  test("more entries than anybody needs are over the budget", () => {
    const many: SampleTree = Object.fromEntries(Array.from({ length: 50_001 }, (_, index) => [`${index}`, ""]));
    expect(() => open(compoundOf(many))).toThrow(new Unreadable("over_budget"));
  });

  test("whatever bytes it is made of, the reader says something and never throws", async () => {
    const trees: readonly SampleTree[] = [
      { WordDocument: "x".repeat(900), "1Table": "y".repeat(5_000) },
      { Workbook: "x".repeat(5_000), a: { b: { c: "d" } } },
      { "PowerPoint Document": Buffer.alloc(500), "\x05SummaryInformation": Buffer.alloc(500, 1) },
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...trees),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 0xffff_ffff })), { maxLength: 8 }),
        async (tree, words) => {
          const bytes = compoundOf(tree);
          for (const [at, word] of words) bytes.writeUInt32LE(word, 8 + ((at * 4) % (bytes.length - 12)));
          expect((await readHere(bytes)).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
