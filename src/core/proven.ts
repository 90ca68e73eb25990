/** What a recipient's domain proved before now: remembered by domain, read by decide, written from what connections really showed. */
import type { ReasonCode } from "./reason-codes.ts";
import type { Rung } from "./rung.ts";

/** Mail servers of the domain were seen below what it had proved, and not at it since. */
export type Fall = {
  /** What it proves now. */
  readonly to: Rung;
  /** When that was first seen; milliseconds since the epoch. */
  readonly at: number;
  readonly host: string;
};

export type Proven =
  | { readonly kind: "absent" }
  /** `keptUntil`: from then on the record no longer binds; null: no such time, because no fall stands or none can be told for sure. */
  | { readonly kind: "known"; readonly rung: Rung; readonly fall: Fall | null; readonly keptUntil: number | null }
  /** Something is remembered and cannot be read: unknown is not absent. */
  | { readonly kind: "unavailable"; readonly code: ReasonCode };

/** `fell`: below what was proven. `proved`: there again. `accepted`: it lasted so long that the lower level is the record now. */
export type DowngradeStep = "fell" | "proved" | "accepted";
