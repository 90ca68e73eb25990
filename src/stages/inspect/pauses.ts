/**
 * Long work in short turns: work written as a generator yields wherever it may pause, and whoever runs it decides.
 * Promises: `inTurns` holds the event loop for little more than `TURN_MS` at a time, as far as the work yields, and one piece of work
 * begins in each turn, so that sessions are answered while much waits to be inspected.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../core/clock.ts";

export type Pausable<T> = Generator<undefined, T, undefined>;

const TURN_MS = 4;

/** All at once, for short texts and for command lines. */
export function atOnce<T>(work: Pausable<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

export async function inTurns<T>(work: Pausable<T>, clock: Pick<Clock, "monotonic">): Promise<T> {
  let pauseAt = clock.monotonic() + TURN_MS;
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (clock.monotonic() < pauseAt) continue;
    await nextTurn();
    pauseAt = clock.monotonic() + TURN_MS;
  }
}

/** Lets one through in each turn of the event loop, in the order they came. */
export class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  async pass(): Promise<void> {
    const turn = this.#last.then(() => nextTurn());
    this.#last = turn;
    await turn;
  }
}
