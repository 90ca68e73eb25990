/** Waiting for some without waiting for all: what is done in time goes on together, what is late by itself. */

export type DoneWithin<T> = {
  readonly done: readonly T[];
  /** Tasks still running, and those that failed: whoever awaits one learns which. */
  readonly left: readonly Promise<T>[];
};

/** Resolves when every task is over, or after `patienceMs` with those that are done. */
export async function doneWithin<T>(tasks: readonly Promise<T>[], patienceMs: number): Promise<DoneWithin<T>> {
  const values: ({ readonly of: T } | undefined)[] = [];
  const watched = tasks.map(async (task, index) => {
    values[index] = { of: await task };
  });
  const all = Promise.allSettled(watched);
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([all, enough]);
  clearTimeout(timer);
  return {
    done: values.flatMap((value) => (value === undefined ? [] : [value.of])),
    left: tasks.filter((_task, index) => values[index] === undefined),
  };
}

/** Waits for all of them before a failure of one is passed on: nothing runs on unseen. */
export async function allOrThrow(tasks: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(tasks)) if (result.status === "rejected") throw result.reason;
}

/** One after the other, in the order they were asked for. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }
}
