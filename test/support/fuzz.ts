/**
 * How long properties run, and what their bytes are damaged with. `npm test` takes few runs with a seed of the day's own;
 * `POSTERN_FUZZ=50 npx vitest run test/property` takes fifty times as many, and `POSTERN_FUZZ_SEED` repeats a run.
 */
import * as fc from "fast-check";
import { assertNever } from "../../src/core/assert-never.ts";

const TIMES = Number(process.env["POSTERN_FUZZ"] ?? 1);
const SEED = Number(process.env["POSTERN_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
if (!(TIMES > 0) || !Number.isInteger(SEED)) throw new Error("POSTERN_FUZZ and POSTERN_FUZZ_SEED are numbers");

/** Longest a property takes where `POSTERN_FUZZ` is 1; the limit of its test grows with it. */
const PATIENCE_MS = 30_000;
export const FUZZ_TIMEOUT_MS = PATIENCE_MS * Math.max(1, TIMES);

export type FuzzRuns = { readonly numRuns: number; readonly seed: number };

/** For `fc.assert`; says once a file how to have the same again. */
export function fuzz(runs: number): FuzzRuns {
  announce();
  return { numRuns: Math.ceil(runs * TIMES), seed: SEED };
}

let isAnnounced = false;
function announce(): void {
  if (isAnnounced) return;
  isAnnounced = true;
  console.info(`properties run ${TIMES} times their usual length with POSTERN_FUZZ_SEED=${SEED}`);
}

/** What happens to bytes on their way; places are taken modulo the length. */
export type Damage =
  | { readonly kind: "set"; readonly at: number; readonly value: number }
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "remove"; readonly at: number; readonly count: number };

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant("set"), at: fc.nat(), value: fc.nat(255) }),
  fc.record({ kind: fc.constant("flip"), at: fc.nat(), bit: fc.nat(7) }),
  fc.record({ kind: fc.constant("cut"), at: fc.nat() }),
  fc.record({ kind: fc.constant("insert"), at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }) }),
  fc.record({ kind: fc.constant("remove"), at: fc.nat(), count: fc.integer({ min: 1, max: 12 }) }),
);

export function damaged(bytes: Uint8Array, damages: readonly Damage[]): Buffer {
  return damages.reduce<Buffer>((whole, one) => strike(whole, one), Buffer.from(bytes));
}

function strike(bytes: Buffer, one: Damage): Buffer {
  if (bytes.length === 0) return bytes;
  const at = one.at % bytes.length;
  switch (one.kind) {
    case "set":
    case "flip": {
      const changed = Buffer.from(bytes);
      changed[at] = one.kind === "set" ? one.value : (bytes[at] ?? 0) ^ (1 << one.bit);
      return changed;
    }
    case "cut":
      return bytes.subarray(0, at);
    case "insert":
      return Buffer.concat([bytes.subarray(0, at), one.bytes, bytes.subarray(at)]);
    case "remove":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + one.count)]);
    default:
      return assertNever(one);
  }
}

/** Cuts the bytes at the given places, modulo the length; no piece is empty. */
export function pieces(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const places = [...cuts.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places
    .map((place, index) => bytes.subarray(places[index - 1] ?? 0, place))
    .filter((piece) => piece.length > 0);
}
