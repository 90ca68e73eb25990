import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EMPTY_ROOT, Frontier, rootOfPath } from "./audit-tree.ts";
import { BLOCK_ROWS, blockOf, TreePaths } from "./audit-tree-paths.ts";

const rowHash = (n: number): string => createHash("sha256").update(`row ${n}`).digest("hex");
const rows = (count: number): string[] => Array.from({ length: count }, (_, n) => rowHash(n + 1));
const frontierOf = (hashes: readonly string[]): Frontier =>
  hashes.reduce((frontier, hash) => frontier.append(hash), Frontier.empty);

const sha = (...parts: readonly Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();

/** The definition of RFC 6962 section 2.1, word for word. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return sha(Buffer.of(0), leaves[0] as Buffer);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

describe("the root", () => {
  test("is the one the RFC defines, for every size", () => {
    expect(Frontier.empty.root()).toEqual(EMPTY_ROOT);
    for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 255, 256, 257, 600]) {
      const hashes = rows(size);
      expect(frontierOf(hashes).root()).toEqual(treeHash(hashes.map((hash) => Buffer.from(hash, "hex"))));
    }
  });

  test("goes on from a frontier that was written down, and refuses one that cannot be", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (size, more) => {
        const hashes = rows(size + more);
        const written = frontierOf(hashes.slice(0, size)).peaks();
        const resumed = hashes.slice(size).reduce((f, hash) => f.append(hash), Frontier.of(size, written) as Frontier);
        expect(resumed.root()).toEqual(frontierOf(hashes).root());
        expect(resumed.size).toBe(size + more);
        expect(Frontier.of(size, [...written, "x"])).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test("changes with any row, with any two rows swapped, and with the number of rows", () => {
    const hashes = rows(40);
    const root = frontierOf(hashes).root().toString("hex");
    const other = (changed: readonly string[]): string => frontierOf(changed).root().toString("hex");
    for (let i = 0; i < 40; i += 1) expect(other(hashes.with(i, rowHash(99)))).not.toBe(root);
    expect(other(hashes.with(3, rowHash(5)).with(4, rowHash(4)))).not.toBe(root);
    expect(other(hashes.slice(0, 39))).not.toBe(root);
  });
});

describe("the path of a row", () => {
  const pathsOf = (hashes: readonly string[], size: number, removed = 0): TreePaths => {
    const paths = new TreePaths(size, frontierOf(hashes.slice(0, removed)));
    for (const hash of hashes.slice(removed)) paths.add(hash);
    return paths;
  };
  const blockRows = (hashes: readonly string[], seq: number): readonly string[] =>
    hashes.slice(blockOf(seq) * BLOCK_ROWS, (blockOf(seq) + 1) * BLOCK_ROWS);

  test("leads to the root, for every row of trees of many sizes", () => {
    for (const size of [1, 2, 3, 5, 8, 13, 255, 256, 257, 700, 1025]) {
      const hashes = rows(size + 3);
      const paths = pathsOf(hashes, size);
      const root = frontierOf(hashes.slice(0, size)).root();
      for (let seq = 1; seq <= size; seq += size > 100 ? 37 : 1) {
        const path = paths.pathOf(seq, blockRows(hashes, seq));
        expect(rootOfPath(rowHash(seq), { seq, size, path })).toEqual(root);
      }
    }
  });

  test("is the same where the rows before it were removed and only their frontier was kept", () => {
    const hashes = rows(2000);
    for (const removed of [256, 512, 1280, 1792]) {
      const paths = pathsOf(hashes, 1990, removed);
      for (const seq of [removed + 1, removed + 100, 1990]) {
        expect(paths.pathOf(seq, blockRows(hashes, seq))).toEqual(
          pathsOf(hashes, 1990).pathOf(seq, blockRows(hashes, seq)),
        );
      }
    }
    expect(() => new TreePaths(10, frontierOf(rows(3)))).toThrow("whole blocks");
  });

  test("leads elsewhere for another row, another place, another size or a changed path", () => {
    const hashes = rows(300);
    const path = pathsOf(hashes, 300).pathOf(77, blockRows(hashes, 77));
    const root = frontierOf(hashes).root();
    const at = (facts: object, hash = rowHash(77)): Buffer | null =>
      rootOfPath(hash, { seq: 77, size: 300, path, ...facts });
    expect(at({})).toEqual(root);
    expect(at({}, rowHash(78))).not.toEqual(root);
    expect(at({ seq: 78 })).not.toEqual(root);
    expect(at({ seq: 0 })).toBeNull();
    expect(at({ seq: 301 })).toBeNull();
    expect(at({ path: path.slice(1) })).not.toEqual(root);
    expect(at({ path: [...path, path[0]] })).toBeNull();
    expect(at({ path: path.with(2, "no hash") })).toBeNull();
    expect(at({ path: path.with(2, path[3] as string) })).not.toEqual(root);
  });
});
