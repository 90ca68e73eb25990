/**
 * The Merkle tree over the rows of the audit chain (RFC 6962 section 2.1): leaf n is the hash of row n. Its root commits to every
 * row before it, so a signed root proves them, and a path of a few hashes proves one row without showing the others.
 * The tree itself is never kept: its frontier, the roots of the whole subtrees from left to right, is enough to go on.
 */
import { hash } from "node:crypto";

type Peak = { readonly level: number; readonly hash: Buffer; readonly left: Peak | null };

const LEAF = 0x00;
const NODE = 0x01;
const HASH_BYTES = 32;
export const EMPTY_ROOT = hash("sha256", Buffer.alloc(0), "buffer");

/** Immutable: what was kept of an earlier size stays as it was. */
export class Frontier {
  static readonly empty = new Frontier(0, null);
  /** Leaves so far; the seq of the last row. */
  readonly size: number;
  readonly #last: Peak | null;

  private constructor(size: number, last: Peak | null) {
    this.size = size;
    this.#last = last;
  }

  /** From what `peaks` gave for this size; null where it cannot be that. */
  static of(size: number, peaks: readonly string[]): Frontier | null {
    const levels = levelsOf(size);
    if (levels.length !== peaks.length || !peaks.every(isRootText)) return null;
    const last = peaks.reduce<Peak | null>(
      (left, peak, i) => ({ level: levels[i] ?? 0, hash: Buffer.from(peak, "base64"), left }),
      null,
    );
    return new Frontier(size, last);
  }

  /** `rowHash`: in hexadecimal, as in the row. */
  append(rowHash: string): Frontier {
    let peak: Peak = { level: 0, hash: leafHash(rowHash), left: this.#last };
    while (peak.left?.level === peak.level) {
      const { hash: left, left: before } = peak.left;
      peak = { level: peak.level + 1, hash: nodeHash(left, peak.hash), left: before };
    }
    return new Frontier(this.size + 1, peak);
  }

  root(): Buffer {
    if (this.#last === null) return EMPTY_ROOT;
    let root = this.#last.hash;
    for (let peak = this.#last.left; peak !== null; peak = peak.left) root = nodeHash(peak.hash, root);
    return root;
  }

  /** Roots of the whole subtrees from left to right, largest first, in base64. */
  peaks(): readonly string[] {
    const peaks: string[] = [];
    for (let peak = this.#last; peak !== null; peak = peak.left) peaks.unshift(peak.hash.toString("base64"));
    return peaks;
  }

  /** The same, with the level of each. */
  subtrees(): readonly { readonly level: number; readonly hash: Buffer }[] {
    const subtrees: Peak[] = [];
    for (let peak = this.#last; peak !== null; peak = peak.left) subtrees.unshift(peak);
    return subtrees;
  }
}

/** Input of the hashes; each is whole before it is hashed, and nothing waits in between. */
const leaf = Buffer.alloc(1 + HASH_BYTES, LEAF);
const node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);

export function leafHash(rowHash: string): Buffer {
  leaf.fill(0, 1);
  leaf.write(rowHash, 1, "hex");
  return sha256(leaf);
}

export function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(node, 1);
  right.copy(node, 1 + HASH_BYTES);
  return sha256(node);
}

/** By way of text: a Buffer of its own costs three times the hash. */
function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash("sha256", bytes, "hex"), "hex");
}

/** The root that a row and its path give (RFC 9162 section 2.1.3.2); null where the path has not the right length. */
export function rootOfPath(
  rowHash: string,
  { seq, size, path }: { readonly seq: number; readonly size: number; readonly path: readonly string[] },
): Buffer | null {
  if (!path.every(isRootText) || seq < 1 || seq > size) return null;
  let index = seq - 1;
  let last = size - 1;
  let root = leafHash(rowHash);
  for (const sibling of path.map((text) => Buffer.from(text, "base64"))) {
    if (last === 0) return null;
    if (index % 2 === 1 || index === last) {
      root = nodeHash(sibling, root);
      while (index % 2 === 0 && index !== 0) [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
    } else {
      root = nodeHash(root, sibling);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return last === 0 ? root : null;
}

/** Levels of the whole subtrees that cover so many leaves, largest first: the ones in its binary writing. */
function levelsOf(size: number): readonly number[] {
  const bits = size === 0 ? [] : size.toString(2).split("");
  return bits.flatMap((bit, i) => (bit === "1" ? [bits.length - 1 - i] : []));
}

/** A hash as checkpoints write it: base64 of 32 bytes. */
export function isRootText(text: string): boolean {
  return /^[A-Za-z0-9+/]{43}=$/.test(text);
}
