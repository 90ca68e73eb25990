/**
 * The metrics of the service in Prometheus text form. Promises: fed by committed events and heard log lines alone, and by one
 * Snapshot a scrape; base units; labels from closed or bounded sets, never an address, a domain, a host or an id. Loaded only
 * where somebody wants to see it.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { HeardLine } from "../../core/log.ts";
import type { NewEvent } from "../../core/event.ts";
import { EventCounters } from "./event-counters.ts";
import { Gauges } from "./gauges.ts";
import { LogCounters } from "./log-counters.ts";
import type { Snapshot } from "./snapshot.ts";

export class Metrics {
  readonly #registry = new Registry();
  readonly #events: EventCounters;
  readonly #log: LogCounters;
  readonly #gauges: Gauges;
  readonly #syncs: Counter;
  readonly #durableBytes: Counter;
  readonly #tlsSessions: Counter<"result">;

  constructor(build: { readonly version: string; readonly node: string }) {
    const registers = [this.#registry];
    this.#events = new EventCounters(this.#registry);
    this.#log = new LogCounters(this.#registry);
    this.#gauges = new Gauges(this.#registry);
    this.#syncs = new Counter({
      name: "postern_spool_syncs_total",
      help: "Times the body store waited for the disk.",
      registers,
    });
    this.#durableBytes = new Counter({
      name: "postern_spool_written_bytes_total",
      help: "Encrypted bytes of bodies that became durable.",
      registers,
    });
    this.#tlsSessions = new Counter({
      name: "postern_tls_sessions_total",
      help: "New connections to remote servers held against a policy for TLS, by result (RFC 8460; success: it was met).",
      labelNames: ["result"],
      registers,
    });
    const info = { name: "postern_build_info", help: "Always 1.", labelNames: ["version", "node"], registers };
    new Gauge(info).set(build, 1);
    collectDefaultMetrics({ register: this.#registry });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observe(events: readonly NewEvent[]): void {
    for (const event of events) this.#events.observe(event);
  }

  heard(line: HeardLine): void {
    this.#log.heard(line);
  }

  async text(now: Snapshot): Promise<string> {
    this.#gauges.show(now);
    this.#syncs.reset();
    this.#syncs.inc(now.syncs);
    this.#durableBytes.reset();
    this.#durableBytes.inc(now.durableBytes);
    this.#tlsSessions.reset();
    for (const [result, count] of now.tlsSessions) this.#tlsSessions.inc({ result }, count);
    return this.#registry.metrics();
  }
}
