/** Told of events once their transaction is on its way to the disk: what counts and watches listens here, and no stage knows it. */
import type { NewEvent } from "./event.ts";

export type OnCommitted = (events: readonly NewEvent[]) => void;
