/** The states a recipient can be stored in (DESIGN state machine). Arrows walked in one pass are events, not states. */
export const RECIPIENT_STATES = [
  /** Accepted; not inspected or planned yet. */
  "received",
  /** Planned and protected; waits for its turn. */
  "ready",
  /** A dialog runs and the final dot was not announced. A crash here is surely not a delivery. */
  "in_dialog",
  /** The final dot may have been sent. A crash here is ambiguous. */
  "dot_sent",
  "deferred",
  /** Waits for a person until `deadlineAt`. */
  "held",
  "delivered",
  "failed",
  "cancelled",
] as const;
export type RecipientState = (typeof RECIPIENT_STATES)[number];

export type TerminalState = Extract<RecipientState, "delivered" | "failed" | "cancelled">;

export function isTerminal(state: RecipientState): state is TerminalState {
  return state === "delivered" || state === "failed" || state === "cancelled";
}
