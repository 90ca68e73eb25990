/** Who wrote a message. Each origin has a row in docs/flow.md: inspected or not, floor, sender, may it cause a DSN. */
import type { Companion, Floor } from "./plan.ts";

export const ORIGINS = ["relay", "dsn", "notice", "alert", "report", "copy"] as const;
export type Origin = (typeof ORIGINS)[number];

/** A report to the sender about some recipients. */
export type ReportKind = "failure_dsn" | "delay_dsn" | "held_notice" | "success_dsn";

/** What a child message is for its reader; unique with (parent recipient, step) so that each is sent at most once. */
export type ChildKind = ReportKind | Companion["kind"];

export type Parentage = {
  readonly messageId: string;
  readonly recipientId: string;
  readonly kind: ChildKind;
  /** Distinguishes repeats that are wanted, such as the 1 h and the 24 h delay notice. */
  readonly step: number;
  /** The strongest floor of the message it copies; its own is never below. Left out of what is our own text. */
  readonly floor?: Floor;
};
