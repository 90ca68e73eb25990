/** Whether the queue stands still: mail is due and nobody works on it, or work is under way and nothing ends. Pure. */
export type QueueMovement = {
  readonly now: number;
  /** The earliest due time of who waits and is not worked on. */
  readonly nextDueAt: number | null;
  readonly inFlight: number;
  /** When a recipient was last delivered to, put off, held or failed. */
  readonly movedAt: number;
};

/** A dialog may rightly take this long (RFC 5321 section 4.5.3.2). */
const DIALOG_MS_MAX = 40 * 60_000;

/** How long it has stood still, or null. */
export function stalledMs({ now, nextDueAt, inFlight, movedAt }: QueueMovement, limitMs: number): number | null {
  const stillMs = now - movedAt;
  const overdueMs = nextDueAt === null ? 0 : now - nextDueAt;
  if (overdueMs >= limitMs && stillMs >= limitMs) return Math.min(overdueMs, stillMs);
  return inFlight > 0 && stillMs >= Math.max(limitMs, DIALOG_MS_MAX) ? stillMs : null;
}
