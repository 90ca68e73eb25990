/** Who wrote a message. Each origin has a row in docs/flow.md: inspected or not, floor, sender, may it cause a DSN. */
export const ORIGINS = ["relay", "dsn", "notice", "alert", "report"] as const;
export type Origin = (typeof ORIGINS)[number];

/** What a child message tells its reader; unique with (parent recipient, step) so that each is sent at most once. */
export type ChildKind = "failure_dsn" | "delay_dsn" | "held_notice" | "success_dsn";

export type Parentage = {
  readonly messageId: string;
  readonly recipientId: string;
  readonly kind: ChildKind;
  /** Distinguishes repeats that are wanted, such as the 1 h and the 24 h delay notice. */
  readonly step: number;
};
