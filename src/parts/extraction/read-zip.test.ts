import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readHere } from "./extraction.samples.ts";
import { zipOf } from "./zip.samples.ts";
import type { SampleEntry } from "./zip.samples.ts";

const MIB = 1024 * 1024;
const NOTE: SampleEntry = { name: "note.txt", content: "a note about nothing in particular" };
const unreadOf = async (bytes: Buffer, budgets = {}): Promise<readonly string[]> =>
  (await readHere(bytes, budgets)).flatMap((item) => (item.kind === "unread" ? [`${item.place}:${item.reason}`] : []));
const textsOf = async (bytes: Buffer): Promise<readonly string[]> =>
  (await readHere(bytes)).flatMap((item) =>
    item.kind === "file" ? [String(item.bytes)] : item.kind === "name" ? [item.text] : [],
  );

describe("an honest archive", () => {
  test.each<[string, readonly SampleEntry[], readonly string[]]>([
    ["a deflated text", [NOTE], ["note.txt", NOTE.content as string]],
    ["a stored text", [{ ...NOTE, isStored: true }], ["note.txt", NOTE.content as string]],
    ["an empty file", [{ name: "none.txt", content: "" }], ["none.txt", ""]],
    ["a folder", [{ name: "Anna/", content: "", isStored: true }], ["Anna/"]],
    ["a remark about a file", [{ ...NOTE, comment: "for Anna" }], ["note.txt", "for Anna", NOTE.content as string]],
  ])("gives %s", async (_, entries, texts) => {
    expect(await textsOf(zipOf(entries))).toEqual(texts);
    expect(await unreadOf(zipOf(entries))).toEqual([]);
  });

  test("gives its own remark, and an archive within it", async () => {
    const inner = zipOf([NOTE]);
    expect(await readHere(zipOf([{ name: "in.zip", content: inner }], { comment: "papers" }))).toEqual([
      { kind: "name", place: "", text: "papers" },
      { kind: "name", place: "1", text: "in.zip" },
      { kind: "name", place: "1>1", text: "note.txt" },
      { kind: "file", place: "1>1", name: "note.txt", bytes: Buffer.from(NOTE.content) },
    ]);
  });

  test("without any file is nothing", async () => {
    expect(await readHere(zipOf([]))).toEqual([]);
  });

  test("is misnamed where a file in it is", async () => {
    const items = await readHere(zipOf([{ name: "scan.pdf", content: "a text" }]));
    expect(items).toContainEqual({ kind: "misnamed", place: "1" });
  });

  test.each([
    ["of a code page", Buffer.from("M\x81ller.txt", "latin1"), "Müller.txt"],
    ["of UTF-8 that is not marked", Buffer.from("Müller.txt"), "Müller.txt"],
  ])("tells a name %s", async (_, raw, name) => {
    const zip = zipOf([{ name: "x".repeat(raw.length), content: "", flags: 0 }]);
    const placed = Buffer.from(
      zip.toString("latin1").replaceAll("x".repeat(raw.length), raw.toString("latin1")),
      "latin1",
    );
    expect((await textsOf(placed))[0]).toBe(name);
  });
});

describe("an archive that lies or hides is told as such, and what can be read of it is read", () => {
  const swap = (bytes: Buffer, at: number, value: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = value;
    return changed;
  };
  const honest = zipOf([NOTE]);
  test.each<[string, Buffer, readonly string[]]>([
    ["an encrypted file", zipOf([{ ...NOTE, flags: 0x0801 }, NOTE]), ["1:encrypted"]],
    ["a method nobody knows", zipOf([{ ...NOTE, method: 93 }]), ["1:unsupported_type"]],
    ["a size too small", zipOf([{ ...NOTE, sizeBytes: 3 }]), ["1:damaged"]],
    ["a size too large", zipOf([{ ...NOTE, sizeBytes: 300 }]), ["1:damaged"]],
    ["a wrong checksum", zipOf([{ ...NOTE, crc32: 1 }]), ["1:damaged"]],
    ["bytes behind the deflated ones", zipOf([{ ...NOTE, behind: Buffer.from("MRN 1") }]), ["1:damaged"]],
    ["another name before the file", zipOf([{ ...NOTE, localName: "anna.txt" }]), [":structure_defect"]],
    ["a file between the files", zipOf([NOTE, { ...NOTE, before: zipOf([NOTE]) }]), [":structure_defect"]],
    ["two names for one place", zipOf([NOTE, { ...NOTE, localAt: 0 }]), [":damaged"]],
    ["a place beyond the end", zipOf([{ ...NOTE, localAt: 9_999 }]), [":damaged"]],
    ["bytes behind the end", Buffer.concat([honest, Buffer.from("x")]), [":damaged"]],
    ["a directory that begins elsewhere", swap(honest, honest.length - 6, 7), [":damaged"]],
    ["a directory of more entries", swap(swap(honest, honest.length - 14, 9), honest.length - 12, 9), [":damaged"]],
    [
      "a directory of fewer entries",
      swap(swap(zipOf([NOTE, NOTE]), zipOf([NOTE, NOTE]).length - 14, 1), zipOf([NOTE, NOTE]).length - 12, 1),
      [":damaged"],
    ],
    ["a cut archive", honest.subarray(0, 40), [":damaged"]],
    ["a file that is nothing known", zipOf([{ name: "a.bin", content: Buffer.alloc(100, 1) }]), ["1:unsupported_type"]],
    [
      "a large picture",
      zipOf([
        { name: "a.png", content: Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(40_000)]) },
      ]),
      ["1:unsupported_type"],
    ],
  ])("%s", async (_, bytes, unread) => {
    expect(await unreadOf(bytes)).toEqual(unread);
  });

  test("both names are read", async () => {
    expect(await textsOf(zipOf([{ ...NOTE, localName: "anna.txt" }]))).toContain("anna.txt");
  });
});

describe("a bomb stops at its budget", () => {
  const zeros = (bytes: number): SampleEntry => ({ name: "zeros.txt", content: Buffer.alloc(bytes) });
  test("of real bytes, over all files together", async () => {
    const bomb = zipOf(Array.from({ length: 20 }, () => zeros(MIB)));
    expect(await unreadOf(bomb, { inflatedBytesMax: 10 * MIB, inflateRatioMax: 2_000 })).toContain(":over_budget");
  });

  test("of the ratio", async () => {
    expect(await unreadOf(zipOf([zeros(20 * MIB)]))).toEqual([":over_budget"]);
  });

  test("of entries", async () => {
    const many = zipOf(Array.from({ length: 1_001 }, () => ({ name: "a", content: "", isStored: true })));
    expect(await unreadOf(many)).toEqual([":over_budget"]);
  });

  test("of depth", async () => {
    let nested = zipOf([NOTE]);
    for (let depth = 0; depth < 6; depth += 1) nested = zipOf([{ name: "a.zip", content: nested }]);
    expect(await unreadOf(nested)).toEqual(["1>1>1>1:over_budget"]);
  });

  test("of time", async () => {
    expect(await unreadOf(zipOf([zeros(MIB)]), { timeMsMax: -1 })).toEqual([":over_budget"]);
  });

  test("of a size that is said to be small", async () => {
    expect(await unreadOf(zipOf([{ ...zeros(20 * MIB), sizeBytes: 10 }]))).toEqual([":over_budget"]);
  });

  test("archives in archives in archives, each of sixteen", async () => {
    let layer = zipOf([zeros(2 * MIB)]);
    for (let depth = 0; depth < 3; depth += 1) {
      const content = layer;
      layer = zipOf(Array.from({ length: 16 }, (_, n) => ({ name: `${n}.zip`, content })));
    }
    expect(await unreadOf(layer)).toContain(":over_budget");
  });
});

test("whatever happens to an archive, the reader says something and never throws", async () => {
  const base = zipOf([NOTE, { ...NOTE, isStored: true, name: "b.csv" }, { name: "c.zip", content: zipOf([NOTE]) }]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(base.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
      fc.nat(base.length),
      async (changes, end) => {
        const bytes = Buffer.from(base.subarray(0, Math.max(4, end)));
        for (const [at, value] of changes) if (at > 3 && at < bytes.length) bytes[at] = value;
        expect(Array.isArray(await readHere(bytes))).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
