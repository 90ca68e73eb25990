/**
 * Paths from single rows to the root of the tree (RFC 6962 section 2.1.1), so that a row can be proved without the others. Promises
 * memory of one hash for 256 rows: the subtrees of whole blocks are kept, the rows of a block are handed in again when needed.
 */
import { Frontier, leafHash, nodeHash } from "./audit-tree.ts";

const BLOCK_LEVEL = 8;
/** Rows of a block; where rows were removed, whole blocks were. */
export const BLOCK_ROWS = 2 ** BLOCK_LEVEL;

export class TreePaths {
  readonly size: number;
  /** Roots of subtrees from BLOCK_LEVEL up: level, then index at that level. */
  readonly #roots = new Map<number, Map<number, Buffer>>();
  #next: number;
  #block = Frontier.empty;

  /** For the tree of `size` rows, whose first rows may be gone and known by `removed` alone. */
  constructor(size: number, removed: Frontier) {
    if (removed.size % BLOCK_ROWS !== 0) throw new Error("rows are removed in whole blocks only");
    this.size = size;
    this.#next = removed.size + 1;
    let begin = 0;
    for (const { level, hash } of removed.subtrees()) {
      this.#keep(level, begin / 2 ** level, hash);
      begin += 2 ** level;
    }
  }

  /** Each row's hash in order, from the first that is there; those beyond `size` are not part of the tree. */
  add(rowHash: string): void {
    if (this.#next > this.size) return;
    this.#block = this.#block.append(rowHash);
    if (this.#block.size === BLOCK_ROWS || this.#next === this.size) {
      this.#keep(BLOCK_LEVEL, blockOf(this.#next), this.#block.root());
      this.#block = Frontier.empty;
    }
    this.#next += 1;
  }

  /** Base64, from the leaf up. `block`: hashes of all rows of the block `seq` stands in. */
  pathOf(seq: number, block: readonly string[]): readonly string[] {
    const index = seq - 1;
    const path: Buffer[] = [];
    let nodes = block.slice(0, this.size - blockOf(seq) * BLOCK_ROWS).map(leafHash);
    for (let level = 0; 2 ** level < this.size; level += 1) {
      const sibling = siblingOf(Math.floor(index / 2 ** level));
      if (sibling * 2 ** level >= this.size) {
        // The right edge: nothing stands beside it at this level.
      } else if (level < BLOCK_LEVEL) {
        path.push(nodes[sibling % (BLOCK_ROWS / 2 ** level)] as Buffer);
      } else {
        path.push(this.#root(level, sibling));
      }
      if (level < BLOCK_LEVEL) nodes = pairs(nodes);
    }
    return path.map((hash) => hash.toString("base64"));
  }

  #root(level: number, index: number): Buffer {
    const known = this.#roots.get(level)?.get(index);
    if (known !== undefined) return known;
    if (level <= BLOCK_LEVEL) throw new Error("a block of the tree was not handed in");
    const left = this.#root(level - 1, index * 2);
    const hasRight = (index * 2 + 1) * 2 ** (level - 1) < this.size;
    const root = hasRight ? nodeHash(left, this.#root(level - 1, index * 2 + 1)) : left;
    this.#keep(level, index, root);
    return root;
  }

  #keep(level: number, index: number, root: Buffer): void {
    const roots = this.#roots.get(level) ?? new Map<number, Buffer>();
    this.#roots.set(level, roots.set(index, root));
  }
}

/** Index of the block a row stands in. */
export function blockOf(seq: number): number {
  return Math.floor((seq - 1) / BLOCK_ROWS);
}

function siblingOf(index: number): number {
  return index % 2 === 0 ? index + 1 : index - 1;
}

/** One level up; an odd one at the right edge goes up as it is. */
function pairs(nodes: readonly Buffer[]): Buffer[] {
  const up: Buffer[] = [];
  for (let i = 0; i < nodes.length; i += 2) {
    const [left, right] = [nodes[i], nodes[i + 1]];
    if (left !== undefined) up.push(right === undefined ? left : nodeHash(left, right));
  }
  return up;
}
