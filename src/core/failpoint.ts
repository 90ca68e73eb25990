/**
 * Named points between the first byte of a message and its last row, at which a test ends the process, fails a write or stalls, to
 * prove what docs/flow.md says of a crash there. Promises: unless the process was started armed (parts/failpoint/), reaching one
 * does nothing; neither configuration nor mail can arm one. The list and its table in docs/flow.md are tested against each other.
 */

export const FAILPOINTS = [
  "accept.first-byte",
  "segment.before-create",
  "segment.before-write",
  "segment.before-directory-sync",
  "segment.durable",
  "record.before-write",
  "record.written",
  "record.before-sync",
  "file.before-create",
  "file.before-write",
  "file.before-sync",
  "file.before-rename",
  "file.before-directory-sync",
  "file.durable",
  "spool.before-rows",
  "spool.rows-durable",
  "accept.before-250",
  "accept.after-250",
  "queue.claimed",
  "inspect.done",
  "protect.variant-stored",
  "plan.before-rows",
  "plan.recorded",
  "deliver.connected",
  "deliver.after-mail",
  "deliver.after-rcpt",
  "deliver.before-intent",
  "deliver.intent-durable",
  "deliver.dot-written",
  "deliver.reply-read",
  "result.before-rows",
  "result.recorded",
  "report.body-durable",
  "reap.rows-gone",
  "recovery.before-bodies",
  "recovery.before-redo",
  "recovery.before-unlink",
  "recovery.before-rows",
  "recovery.done",
  "store.rows-of-accept",
  "store.rows-of-intent",
  "store.rows-of-end",
  "store.rows-of-child",
  "store.before-commit",
  "store.after-commit",
  "store.before-checkpoint",
  "store.after-checkpoint",
  "store.migration-backed-up",
  "store.migration-before-commit",
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

/** What happens at a point: at the `nth` reach only, or from there on. Plain values: they cross to the writer thread. */
export type FailpointOrder = {
  readonly name: Failpoint;
  readonly action: "kill" | "eio" | "enospc" | "stall";
  readonly stallMs: number;
  readonly nth: number;
  readonly isOnce: boolean;
};

export interface Strike {
  /** Blocks the thread where it stalls. */
  now(name: Failpoint): void;
  later(name: Failpoint): Promise<void>;
}

let armed: Strike | null = null;

/** For the whole thread; null disarms. */
export function arm(strike: Strike | null): void {
  armed = strike;
}

/** In synchronous code. */
export function reach(name: Failpoint): void {
  armed?.now(name);
}

/** In asynchronous code: a stall holds up this work only, as a stalled disk does. */
export function reached(name: Failpoint): Promise<void> | undefined {
  return armed?.later(name);
}
