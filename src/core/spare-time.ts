/**
 * Small work nobody waits for, such as the log line behind a reply: done while the event loop would only wait for the disk. With one
 * busy connection nothing else runs meanwhile, and done at once it would hold up the client's next command.
 * Promises: tasks run in order, and none waits longer than LATEST_MS while the event loop turns; one that throws is told and keeps
 * no other from running.
 */
const LATEST_MS = 10;

export type Task = () => void;

export class SpareTime {
  #tasks: Task[] = [];
  #isTimed = false;
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  add(task: Task): void {
    this.#tasks.push(task);
    if (this.#isTimed) return;
    // Never cleared: that would cost more than a look, now and then, at what little may have come since.
    this.#isTimed = true;
    setTimeout(() => {
      this.#isTimed = false;
      this.#run();
    }, LATEST_MS);
  }

  /** What is put off runs once this is under way. */
  async during<T>(waitedFor: Promise<T>): Promise<T> {
    if (this.#tasks.length > 0) setImmediate(() => this.#run());
    return await waitedFor;
  }

  #run(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task();
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
