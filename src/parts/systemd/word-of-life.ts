/**
 * The watchdog's duty: a word of life goes out only after the store's writer thread answered through the event loop, so that
 * a loop that is blocked, a hung disk or a dead thread is silence. What it learned goes into the status line, as numbers.
 */
import type { Duty } from "../../core/duty.ts";
import type { QueueCounts } from "../../core/queue-store.ts";
import type { Supervisor } from "./notifier.ts";

/** How often the status line is renewed where nobody waits for a word of life. */
const STATUS_INTERVAL_MS = 60_000;
/** Words within the time the watchdog waits. */
const WORDS_PER_WATCHDOG = 3;

export function wordOfLife(supervisor: Supervisor, counts: () => Promise<Pick<QueueCounts, "byState">>): Duty {
  const { watchdogMs } = supervisor;
  return {
    name: "word_of_life",
    everyMs: watchdogMs === null ? STATUS_INTERVAL_MS : Math.max(1, watchdogMs / WORDS_PER_WATCHDOG),
    run: async (signal) => {
      const answer = await unlessAborted(counts(), signal);
      if (answer !== null) await supervisor.alive(statusLine(answer));
    },
  };
}

/** Recipients by state: `serving; deferred 12, held 1`. */
export function statusLine({ byState }: Pick<QueueCounts, "byState">): string {
  const present = Object.entries(byState).filter(([, count]) => count > 0);
  return present.length === 0
    ? "serving"
    : `serving; ${present.map(([state, count]) => `${state} ${count}`).join(", ")}`;
}

/** Null when it ends first: a store that never answers must not keep the service from ending. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  const { promise, resolve } = Promise.withResolvers<null>();
  const hear = (): void => resolve(null);
  signal.addEventListener("abort", hear, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", hear);
  }
}
