/**
 * The thread that moves the WAL into the database while the writer goes on: the sync of some thousand scattered pages takes
 * a hundred times as long as a commit. Started by checkpointer.ts; reads and writes nothing of its own.
 */
import { parentPort, workerData } from "node:worker_threads";
import { reach } from "../../core/failpoint.ts";
import type { FailpointOrder } from "../../core/failpoint.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
import { connect, setDurable } from "./sqlite-database.ts";
import { toStoreError } from "./sqlite-store-error.ts";
import type { StoreFailure } from "./sqlite-store-error.ts";

export type CheckpointArguments = { readonly path: string; readonly failpoints: readonly FailpointOrder[] };
export type ToCheckpoint = "move" | "close";
/** `frames`: how long the log was. */
export type FromCheckpoint =
  { readonly kind: "moved"; readonly frames: number } | { readonly kind: "failed"; readonly failure: StoreFailure };

function start({ path, failpoints }: CheckpointArguments): void {
  if (failpoints.length > 0) armFailpoints(failpoints);
  const db = connect(path);
  setDurable(db);
  const say = (message: FromCheckpoint): void => parentPort?.postMessage(message, []);
  parentPort?.on("message", (message: ToCheckpoint) => {
    if (message === "close") {
      db.close();
      parentPort?.close();
      return;
    }
    try {
      reach("store.before-checkpoint");
      const [{ log }] = db.pragma("wal_checkpoint(PASSIVE)") as [{ readonly log: number }];
      reach("store.after-checkpoint");
      say({ kind: "moved", frames: log });
    } catch (error) {
      say({ kind: "failed", failure: toStoreError(error).toFailure() });
    }
  });
}

start(workerData as CheckpointArguments);
