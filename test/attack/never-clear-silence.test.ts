/** A server that falls silent, in any phase, never makes the gateway impatient enough to go on in the clear. */
import { SILENT_CASES } from "../support/never-clear-cases.ts";
import { neverClear } from "../support/never-clear.suite.ts";

neverClear(SILENT_CASES, { patienceSeconds: 1, retriedMin: 8 });
