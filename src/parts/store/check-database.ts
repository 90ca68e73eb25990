/** The event loop's end of check-thread.ts: a start reads only the roots of a large database, this reads all of it afterwards. */
import { Worker } from "node:worker_threads";
import { errorName } from "../../core/error-facts.ts";
import type { CheckArguments } from "./check-thread.ts";
import { storeError } from "./sqlite-store-error.ts";

const THREAD = new URL(import.meta.url.endsWith(".ts") ? "./check-thread.ts" : "./check-thread.js", import.meta.url);

/** Names of damaged tables. Rejects where the file cannot be read at all; resolves to null when broken off. */
export async function checkDatabase(path: string, signal: AbortSignal): Promise<readonly string[] | null> {
  if (signal.aborted) return null;
  const workerData: CheckArguments = { path };
  const worker = new Worker(THREAD, { workerData, name: "postern-check" });
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[] | null>();
  const end = (): void => {
    void worker.terminate();
    resolve(null);
  };
  signal.addEventListener("abort", end, { once: true });
  worker.once("message", (damaged: readonly string[]) => resolve(damaged));
  worker.once("error", (error: unknown) => reject(storeError("PST-SPL-060", errorName(error), error)));
  worker.once("exit", () => resolve(null));
  return await promise.finally(() => signal.removeEventListener("abort", end));
}
