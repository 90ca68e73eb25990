/**
 * One question in flight is asked once, however many wait for it. Promises: a caller that gives up does not disturb the
 * others; when the last one gives up the work is aborted and forgotten. Nothing is remembered after the answer: no cache.
 */

type Flight<T> = { readonly result: Promise<T>; readonly controller: AbortController; waiting: number };

export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** Resolves to null when `signal` fired first. Rejects as `run` does. */
  async join(key: string, run: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T | null> {
    if (signal?.aborted === true) return null;
    const flight = this.#flights.get(key) ?? this.#start(key, run);
    flight.waiting += 1;
    try {
      return signal === undefined ? await flight.result : await untilAborted(flight.result, signal);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) this.#forget(key, flight);
    }
  }

  #start(key: string, run: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const flight: Flight<T> = { result: run(controller.signal), controller, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  /** The last waiter left: with the answer (the abort then finds nothing to stop) or without. */
  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    flight.controller.abort();
  }
}

async function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = (): void => resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
