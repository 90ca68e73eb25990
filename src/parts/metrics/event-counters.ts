/**
 * Counts what happened to mail, from the audit events that were really written. Promises: labels come from closed sets (states,
 * codes, rungs, kinds) or bounded ones (names of submitters and rules in the configuration); never an address, a host or an id.
 */
import { Counter, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { createdAtOf, toMessageId } from "../../core/ids.ts";
import type { EventBody, EventKind, NewEvent } from "../../core/event.ts";
import { BoundedLabel } from "./bounded-label.ts";

const SUBMITTERS_MAX = 1_000;
const RULES_MAX = 1_000;
const PROTOCOLS_MAX = 8;
/** From acceptance to delivery, seconds: a good mail takes milliseconds, a deferred one hours. */
const DELIVERY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400];
const SIZE_BUCKETS = [4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

type Body<K extends EventKind> = Extract<EventBody, { readonly kind: K }>;
type Counting = { readonly [K in EventKind]?: (body: Body<K>, event: NewEvent) => void };

export class EventCounters {
  readonly #events: Counter<"kind">;
  readonly #counting: Counting;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#events = new Counter({
      name: "postern_audit_events_total",
      help: "Rows written to the audit, by kind.",
      labelNames: ["kind"],
      registers,
    });
    this.#counting = {
      ...comingIn(registers),
      ...inspecting(registers),
      ...protecting(registers),
      ...delivering(registers),
      ...waiting(registers),
      ...operating(registers),
    };
  }

  observe(event: NewEvent): void {
    const { kind } = event.body;
    this.#events.inc({ kind });
    const count = this.#counting[kind] as ((body: EventBody, event: NewEvent) => void) | undefined;
    count?.(event.body, event);
  }
}

function comingIn(registers: Registry[]): Counting {
  const messages = new Counter({
    name: "postern_messages_accepted_total",
    help: "Messages made durable and acknowledged, by who wrote and who submitted them.",
    labelNames: ["origin", "submitter"] as const,
    registers,
  });
  const recipients = new Counter({
    name: "postern_recipients_accepted_total",
    help: "Recipients of accepted messages.",
    labelNames: ["origin"] as const,
    registers,
  });
  const bytes = new Counter({
    name: "postern_messages_accepted_bytes_total",
    help: "Bytes of accepted messages.",
    labelNames: ["origin"] as const,
    registers,
  });
  const sizes = new Histogram({
    name: "postern_message_size_bytes",
    help: "Size of accepted messages.",
    buckets: SIZE_BUCKETS,
    registers,
  });
  const names = new BoundedLabel(SUBMITTERS_MAX);
  return {
    accepted: ({ origin, submitter, sizeBytes, recipients: count }) => {
      messages.inc({ origin, submitter: names.of(submitter) });
      recipients.inc({ origin }, count);
      bytes.inc({ origin }, sizeBytes);
      sizes.observe(sizeBytes);
    },
  };
}

function inspecting(registers: Registry[]): Counting {
  const messages = new Counter({
    name: "postern_messages_inspected_total",
    help: "Inspected messages, by verdict and tier.",
    labelNames: ["verdict", "tier"] as const,
    registers,
  });
  const hits = new Counter({
    name: "postern_dlp_rule_hits_total",
    help: "Messages in which a rule fired, by pack/rule.",
    labelNames: ["rule"] as const,
    registers,
  });
  const rules = new BoundedLabel(RULES_MAX);
  return {
    inspected: ({ findings: { verdict, tier, hits: found } }) => {
      messages.inc({ verdict, tier });
      for (const { pack, rule } of found) hits.inc({ rule: rules.of(`${pack}/${rule}`) });
    },
  };
}

function protecting(registers: Registry[]): Counting {
  const plans = new Counter({
    name: "postern_plans_total",
    help: "Plans made for recipients, by the profile that sets their floor.",
    labelNames: ["profile"] as const,
    registers,
  });
  const selected = new Counter({
    name: "postern_protection_selected_total",
    help: "Steps of protection that were prepared for recipients, by kind.",
    labelNames: ["step"] as const,
    registers,
  });
  return {
    planned: ({ profile }) => plans.inc({ profile }),
    protected: ({ step }) => selected.inc({ step: step.kind }),
  };
}

function delivering(registers: Registry[]): Counting {
  const attempts = new Counter({
    name: "postern_attempts_total",
    help: "Connections to remote servers, by why they ended other than well (none: they did not).",
    labelNames: ["code"] as const,
    registers,
  });
  const handshakes = new Counter({
    name: "postern_tls_handshakes_total",
    help: "TLS sessions with remote servers, by protocol and the rung they proved.",
    labelNames: ["protocol", "rung"] as const,
    registers,
  });
  const delivered = new Counter({
    name: "postern_recipients_delivered_total",
    help: "Recipients delivered to, by the rung of the connection.",
    labelNames: ["rung"] as const,
    registers,
  });
  const duplicates = new Counter({
    name: "postern_possible_duplicates_total",
    help: "Recipients delivered to who may have the message twice.",
    registers,
  });
  const seconds = new Histogram({
    name: "postern_delivery_seconds",
    help: "Time from acceptance to delivery, per recipient.",
    buckets: DELIVERY_BUCKETS,
    registers,
  });
  const unmet = new Counter({
    name: "postern_unmet_total",
    help: "Steps whose floor a destination did not meet, by code.",
    labelNames: ["code"] as const,
    registers,
  });
  const protocols = new BoundedLabel(PROTOCOLS_MAX);
  return {
    attempt: ({ attempt: { code, tls, rung, reused } }) => {
      attempts.inc({ code: code ?? "none" });
      if (tls !== null && !reused) handshakes.inc({ protocol: protocols.of(tls.protocol), rung: rung ?? "none" });
    },
    delivered: ({ rung, possibleDuplicate }, { at, messageId }) => {
      delivered.inc({ rung });
      if (possibleDuplicate) duplicates.inc();
      if (messageId !== null) seconds.observe(Math.max(0, at - createdAtOf(toMessageId(messageId))) / 1000);
    },
    unmet: ({ code }) => unmet.inc({ code }),
  };
}

/** By code: deferred, failed, held, and those whose last reply was lost. */
function waiting(registers: Registry[]): Counting {
  const byCode = (name: string, help: string): ((body: { readonly code: string }) => void) => {
    const counter = new Counter({ name, help, labelNames: ["code"], registers });
    return ({ code }) => counter.inc({ code });
  };
  return {
    deferred: byCode("postern_recipients_deferred_total", "Times a recipient was put off, by code."),
    failed: byCode("postern_recipients_failed_total", "Recipients that failed for good, by code."),
    held: byCode("postern_recipients_held_total", "Times a recipient was held for a person, by code."),
    possible_duplicate: byCode(
      "postern_ambiguous_ends_total",
      "Dialogs that ended after the final dot without a reply, by code.",
    ),
  };
}

function operating(registers: Registry[]): Counting {
  const reports = new Counter({
    name: "postern_reports_total",
    help: "Reports and notices to senders, by kind.",
    labelNames: ["kind"] as const,
    registers,
  });
  const alerts = new Counter({
    name: "postern_alerts_total",
    help: "Alerts written to the audit, by code.",
    labelNames: ["code"] as const,
    registers,
  });
  const acts = new Counter({
    name: "postern_operator_acts_total",
    help: "Acts of people on mail, by action.",
    labelNames: ["action"] as const,
    registers,
  });
  const service = new Counter({
    name: "postern_service_events_total",
    help: "Starts, stops and reloads.",
    labelNames: ["event"] as const,
    registers,
  });
  return {
    child: ({ child }) => reports.inc({ kind: child }),
    alert: ({ code }) => alerts.inc({ code }),
    operator: ({ action }) => acts.inc({ action }),
    suspension: ({ action }) => acts.inc({ action }),
    service: ({ what }) => service.inc({ event: what }),
  };
}
