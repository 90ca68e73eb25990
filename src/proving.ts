/**
 * Remembers what recipient domains prove: hands it to decide with what discover found, and takes it from what deliver saw. Promises: neither
 * stage knows of it; a fall is in the audit and an alert that stands until the level is proven again or the fall is accepted; while our
 * own resolver does not validate, protected mail that keeps a level of DNSSEC waits for it, and takes no weaker step meanwhile.
 */
import type { Alert } from "./core/alert.ts";
import type { Capabilities, Route } from "./core/capabilities.ts";
import type { DomainFacts } from "./core/domain-facts.ts";
import type { Duty } from "./core/duty.ts";
import { errorName, reasonOf } from "./core/error-facts.ts";
import type { NewEvent } from "./core/event.ts";
import type { Outcome } from "./core/outcome.ts";
import type { Rung } from "./core/rung.ts";
import type { Deliver, DeliveryReport, DeliveryRequest, Discover } from "./core/stages.ts";
import { StandingFalls } from "./parts/alerts/standing-falls.ts";
import { ProvenLedger } from "./parts/proven/ledger.ts";
import type { Downgrade } from "./parts/proven/record.ts";
import { sightingsOf } from "./parts/proven/sightings.ts";
import type { Parts, Surroundings } from "./surroundings.ts";
import type { ValidationWatch } from "./validation-watch.ts";

export type ProvingDeps = {
  readonly env: Pick<Surroundings, "clock" | "log">;
  readonly facts: Pick<DomainFacts, "get" | "put" | "due">;
  /** Writes down a fact that changes no recipient. */
  readonly record: (event: NewEvent) => Promise<void>;
  /** All that is so now under this topic. */
  readonly observe: (topic: string, present: readonly Alert[]) => void;
  readonly validation: { readonly isValidating: () => Promise<boolean>; readonly wasValidating: () => boolean };
  readonly keepMs: () => number;
};

export function createProving(
  { config, env, store, watching }: Pick<Parts, "config" | "env" | "store" | "watching">,
  watch: ValidationWatch,
  keepMs: () => number,
): Proving {
  // `never`: no resolver is to validate any more, so that nothing is to be waited for.
  const isMeant = config.dns.trustAd === "never";
  return new Proving({
    env,
    facts: store.domainFacts,
    record: async (event) =>
      void (await store.commit({ recipients: [], variants: [], inspected: null, events: [event] }, "ordered")),
    observe: (topic, present) => watching.observe(topic, present),
    validation: {
      isValidating: async () => isMeant || (await watch.isValidating()),
      wasValidating: () => isMeant || watch.state === "validating",
    },
    keepMs,
  });
}

const ACCEPT_EVERY_MS = 5 * 60_000;

export class Proving {
  readonly #deps: ProvingDeps;
  readonly #ledger: ProvenLedger;
  readonly #falls: StandingFalls;
  readonly #recording = new Set<Promise<void>>();

  constructor(deps: ProvingDeps) {
    this.#deps = deps;
    this.#falls = new StandingFalls(deps.observe);
    this.#ledger = new ProvenLedger({
      ...deps.env,
      ...deps.validation,
      facts: deps.facts,
      keepMs: deps.keepMs,
      tell: (subject, news, message) => this.#tell(subject, news, message),
      remind: (subject, { from, to }) => this.#falls.begin(subject, { from, to }),
    });
  }

  discover(discover: Discover): Discover {
    return async (recipient): Promise<Capabilities> => {
      const found = await discover(recipient);
      if (found.route.kind !== "hosts") return found;
      return { ...found, proven: await this.#ledger.recall(subjectOf(found.domain, found.route)) };
    };
  }

  deliver(deliver: Deliver): Deliver {
    return async (request) => {
      // Not held to what its destination publishes (tls-sessions.ts): what it meets there is no fall.
      if (request.origin === "report") return deliver(request);
      const report = await deliver(request);
      const subject = subjectOf(request.domain, request.route);
      this.#ledger.see(subject, sightingsOf(report.attempts), request.parcel.variant.messageId);
      const best = [...report.outcomes.values()].flatMap((outcome) => seenBelow(outcome, request) ?? [])[0];
      return best !== undefined && (await this.#ledger.isBlind(subject, best)) ? waiting(report, request) : report;
    };
  }

  duty(): Duty {
    const run = (signal: AbortSignal): Promise<void> => this.#ledger.acceptDue(signal);
    return { name: "accept_downgrades", everyMs: ACCEPT_EVERY_MS, run };
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    await this.#ledger.close();
    await Promise.all(this.#recording);
  }

  #tell(subject: string, { step, from, to, host }: Downgrade, message: string | null): void {
    const { record, env } = this.#deps;
    // Not the server: its name would tell strangers along the way who is written to.
    if (step === "fell") this.#falls.begin(subject, { from, to, ...(message !== null && { message }) });
    else this.#falls.end(subject);
    const body = { kind: "downgrade", step, from, to, host } as const;
    const recording = record({ at: env.clock.now(), messageId: message, recipientId: null, body })
      .catch((error: unknown) =>
        env.log.error("downgrade_not_audited", { code: reasonOf(error), error: errorName(error) }),
      )
      .finally(() => this.#recording.delete(recording));
    this.#recording.add(recording);
  }
}

/** Behind a smarthost it is the smarthost that proves something. */
function subjectOf(domain: string, { via, hosts }: Extract<Route, { kind: "hosts" }>): string {
  return via === "smarthost" ? `smarthost ${hosts[0]?.name ?? ""}` : domain.toLowerCase();
}

/** The best rung there was, where there was TLS and nothing but the rung was in the way; else null. */
function seenBelow(outcome: Outcome, { parcel }: DeliveryRequest): Rung | null {
  const seen = outcome.kind === "unmet" ? outcome.observed : outcome.kind === "deferred" ? outcome.unmet : null;
  if (parcel.minRung === "plain" || seen === null || seen.missing.length > 0) return null;
  return seen.bestRung === "plain" ? null : seen.bestRung;
}

function waiting(report: DeliveryReport, request: DeliveryRequest): DeliveryReport {
  const outcomes = [...report.outcomes].map(([id, outcome]): readonly [typeof id, Outcome] => {
    if (seenBelow(outcome, request) === null) return [id, outcome];
    if (outcome.kind === "deferred") return [id, { ...outcome, unmet: null }];
    const later = { kind: "deferred", scope: "recipient", status: "4.7.5", code: "PST-DEC-022" } as const;
    return [id, { ...later, reply: null, host: null, unmet: null }];
  });
  return { ...report, outcomes: new Map(outcomes) };
}
