import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readHere } from "./extraction.samples.ts";
import type { ExtractedItem } from "./extraction-types.ts";

const LONG_NAME = `${"folder/".repeat(20)}${"n".repeat(120)}.txt`;
const unreadOf = (items: readonly ExtractedItem[]): readonly string[] =>
  items.flatMap((item) => (item.kind === "unread" ? [`${item.place}: ${item.reason}`] : []));
const textsOf = (items: readonly ExtractedItem[]): readonly string[] =>
  items.flatMap((item) => (item.kind === "file" ? [String(item.bytes)] : []));
const namesOf = (items: readonly ExtractedItem[]): readonly string[] =>
  items.flatMap((item) => (item.kind === "name" ? [item.text] : []));

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-tar-"));
  mkdirSync(join(folder, LONG_NAME, ".."), { recursive: true });
  writeFileSync(join(folder, "a.txt"), "first");
  writeFileSync(join(folder, LONG_NAME), "second");
  symlinkSync("elsewhere of 00482913", join(folder, "link"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const tar = (format: string, ...files: readonly string[]): Buffer =>
  execFileSync("tar", ["-C", folder, `--format=${format}`, "-cf", "-", ...files], { maxBuffer: 1 << 24 });

describe("tar archives as GNU tar writes them are read", () => {
  test.each(["v7", "ustar", "pax", "gnu", "oldgnu"])("in the format %s", async (format) => {
    const items = await readHere(tar(format, "a.txt", "link"));
    expect(textsOf(items)).toEqual(["first"]);
    expect(namesOf(items)).toEqual(["a.txt", "link", "elsewhere of 00482913"]);
    expect(unreadOf(items)).toEqual([]);
  });

  test.each(["pax", "gnu"])("with long names in the format %s", async (format) => {
    const items = await readHere(tar(format, LONG_NAME));
    expect(namesOf(items)).toContain(LONG_NAME);
    expect(textsOf(items)).toEqual(["second"]);
    expect(unreadOf(items)).toEqual([]);
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ["gzip", gzipSync],
    ["Zstandard", zstdCompressSync],
  ])("under %s", async (_, pack) => {
    const items = await readHere(pack(tar("ustar", "a.txt")));
    expect(textsOf(items)).toEqual(["first"]);
    expect(unreadOf(items)).toEqual([]);
  });
});

describe("what an archive hides is told", () => {
  test("a cut one is damaged, and what came before is read", async () => {
    const items = await readHere(tar("ustar", "a.txt", "link").subarray(0, 1_300));
    expect(textsOf(items)).toEqual(["first"]);
    expect(unreadOf(items)).toEqual([": damaged"]);
  });

  test("bytes behind the end", async () => {
    const items = await readHere(Buffer.concat([tar("ustar", "a.txt"), Buffer.from("00482913")]));
    expect(unreadOf(items)).toEqual([": structure_defect"]);
  });

  test("a header whose checksum does not fit", async () => {
    const bytes = tar("ustar", "a.txt", "link");
    bytes[1_024] = 0x7a;
    expect(unreadOf(await readHere(bytes))).toEqual([": damaged"]);
  });

  test("a cut or padded gzip stream, with what was read of it", async () => {
    const whole = gzipSync("first ".repeat(1_000));
    for (const bytes of [whole.subarray(0, -4), Buffer.concat([whole, Buffer.from("behind")])]) {
      const items = await readHere(bytes);
      expect(textsOf(items).join("")).toContain("first first");
      expect(unreadOf(items)).toEqual([": damaged"]);
    }
  });

  test("more than the budget inflates to", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(unreadOf(await readHere(bomb))).toEqual([": over_budget"]);
  });

  test.each(["bz2", "xz"])("an archive under %s, which nobody here reads", async (packer) => {
    const bytes = execFileSync("tar", ["-C", folder, packer === "xz" ? "-J" : "-j", "-cf", "-", "a.txt"]);
    expect(unreadOf(await readHere(bytes))).toEqual([": unsupported_type"]);
  });
});
