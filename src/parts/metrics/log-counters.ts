/** Counts what only the log tells: refusals of the listener, and lines that warn. Labels are codes and event names of the source. */
import { Counter } from "prom-client";
import type { Registry } from "prom-client";
import type { HeardLine } from "../../core/log.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import { BoundedLabel, OTHER } from "./bounded-label.ts";

const EVENTS_MAX = 300;

export class LogCounters {
  readonly #refusals: Counter<"code">;
  readonly #lines: Counter<"level" | "event">;
  readonly #events = new BoundedLabel(EVENTS_MAX);

  constructor(registry: Registry) {
    const registers = [registry];
    this.#refusals = new Counter({
      name: "postern_accept_refusals_total",
      help: "Commands, messages and connections refused by the listener, by code.",
      labelNames: ["code"],
      registers,
    });
    this.#lines = new Counter({
      name: "postern_log_lines_total",
      help: "Lines of the log of level warn and error, by event.",
      labelNames: ["level", "event"],
      registers,
    });
  }

  heard({ level, event, fields }: HeardLine): void {
    if (event === "accept_refused" || event === "accept_connection_refused") {
      const code = fields?.["code"];
      this.#refusals.inc({ code: typeof code === "string" && Object.hasOwn(REASON_CODES, code) ? code : OTHER });
    }
    if (level === "warn" || level === "error") this.#lines.inc({ level, event: this.#events.of(event) });
  }
}
