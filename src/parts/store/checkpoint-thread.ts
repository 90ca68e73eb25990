/**
 * The thread that moves the WAL into the database while the writer goes on, and syncs it: that of some thousand scattered pages takes
 * a hundred times as long as a commit. Started by checkpointer.ts; reads and writes nothing of its own.
 */
import { fsyncSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { reach } from "../../core/failpoint.ts";
import type { FailpointOrder } from "../../core/failpoint.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
import { connect, setDurable } from "./sqlite-database.ts";
import { storeError, toStoreError } from "./sqlite-store-error.ts";
import type { StoreFailure } from "./sqlite-store-error.ts";

export type CheckpointArguments = {
  readonly path: string;
  /** The database file, open; the writer's, see checkpointer.ts. */
  readonly file: number;
  readonly failpoints: readonly FailpointOrder[];
};
export type ToCheckpoint = "move" | "close";
/** `frames`: how long the log was. */
export type FromCheckpoint =
  { readonly kind: "moved"; readonly frames: number } | { readonly kind: "failed"; readonly failure: StoreFailure };

function start({ path, file, failpoints }: CheckpointArguments): void {
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
      sync(file);
      reach("store.after-checkpoint");
      say({ kind: "moved", frames: log });
    } catch (error) {
      say({ kind: "failed", failure: toStoreError(error).toFailure() });
    }
  });
}

/** SQLite itself syncs only what nobody wrote beside: under load never, and the sync would be left to the writer. */
function sync(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    throw storeError("PST-SPL-055", "sync of the database", error);
  }
}

start(workerData as CheckpointArguments);
