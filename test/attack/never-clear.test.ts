/** Whatever the other side does, mail that needs protection is never seen by a server that did not prove its name under TLS. */
import { HOSTILE_CASES } from "../support/never-clear-cases.ts";
import { neverClear } from "../support/never-clear.suite.ts";

neverClear(HOSTILE_CASES, { patienceSeconds: 20, retriedMin: 20 });
