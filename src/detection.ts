/**
 * Looks for what operators must know and nobody raises by itself: a queue that stands still, deadlines, certificates, disk,
 * a slow database, indexes grown old, unusual volume, guessed passwords. Each rule is a pure part (parts/alerts/); here they are
 * fed. State in memory, bounded, and forgotten with the process.
 */
import type { Alerting } from "./alerting.ts";
import type { Alert } from "./core/alert.ts";
import type { NewEvent } from "./core/event.ts";
import type { HeardLine } from "./core/log.ts";
import type { Sealer } from "./core/sealer.ts";
import type { Submission } from "./core/submission.ts";
import { daysLeft, expiryLevel } from "./parts/alerts/certificates.ts";
import type { Validity } from "./parts/alerts/certificates.ts";
import { DiskForecast } from "./parts/alerts/forecast.ts";
import { RecentCount } from "./parts/alerts/recent-count.ts";
import { stalledMs } from "./parts/alerts/stalled-queue.ts";
import type { QueueMovement } from "./parts/alerts/stalled-queue.ts";
import { Volume } from "./parts/alerts/volume.ts";
import type { Name, VolumeMarks } from "./parts/alerts/volume.ts";
import type { Config } from "./parts/config/config.ts";

/** What one look found; null: not known now, which ends no alert. */
export type Look = {
  readonly now: number;
  readonly queue: Omit<QueueMovement, "now" | "movedAt"> | null;
  readonly heldNear: number | null;
  readonly freeBytes: number | null;
  readonly certificates: Readonly<Record<string, Validity>>;
  /** When each index of exact data match was made, by its name. */
  readonly indexes: Readonly<Record<string, number>>;
  readonly writerMs: number;
};

type Options = Omit<Config["alerts"], "webhook" | "mail">;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WINDOW_MS = 10 * MINUTE_MS;
const WARM_UP_MS = HOUR_MS;
const NAMES_MAX = 20_000;
const MESSAGES_MAX = 5_000;
/** A recipient got further: the queue moves. */
const MOVES: ReadonlySet<string> = new Set(["delivered", "deferred", "failed", "held", "possible_duplicate"]);

/** A patient who came since is in none of them. */
export function oldIndexes({ indexes, now }: Pick<Look, "indexes" | "now">, daysMax: number): readonly Alert[] {
  return Object.entries(indexes).flatMap(([index, madeAt]): readonly Alert[] => {
    const days = Math.floor((now - madeAt) / DAY_MS);
    return days < daysMax ? [] : [{ code: "PST-EDM-007", facts: { index, days } }];
  });
}

export class Detection {
  #options: Options;
  readonly #alerting: Pick<Alerting, "raise" | "observe" | "tick">;
  readonly #volume: Volume;
  readonly #forecast = new DiskForecast();
  readonly #authFailures = new RecentCount();
  /** Who sent the newest messages, for what inspection says of them. */
  readonly #senders = new Map<string, readonly Name[]>();
  #movedAt: number;
  /** A clock that jumped looks like a queue that stood still, until the queue moves: only the second look counts. */
  #wasStalled = false;

  constructor(options: Options, alerting: Pick<Alerting, "raise" | "observe" | "tick">, now: number) {
    this.#options = options;
    this.#alerting = alerting;
    this.#movedAt = now;
    const limits = { windowMs: WINDOW_MS, warmUpMs: WARM_UP_MS, namesMax: NAMES_MAX };
    this.#volume = new Volume({ ...limits, ...marksOf(options) }, now);
  }

  /** A reload put other limits in force. */
  use(options: Options): void {
    this.#options = options;
    this.#volume.use(marksOf(options));
  }

  submitted({ id, origin, submitter, envelope, recipients }: Submission, at: number, sealer: Sealer): void {
    if (origin !== "relay") return;
    const names: Name[] = [{ kind: "submitter", name: submitter.submitter }];
    if (envelope.sender !== null) {
      names.push({ kind: "sender", name: sealer.index(envelope.sender.address.toLowerCase()) });
    }
    for (const name of names) this.#volume.count(name, { messages: 1, recipients: recipients.length }, at);
    this.#senders.set(id, names);
    if (this.#senders.size <= MESSAGES_MAX) return;
    const [oldest] = this.#senders.keys();
    if (oldest !== undefined) this.#senders.delete(oldest);
  }

  committed(events: readonly NewEvent[]): void {
    for (const { body, at, messageId } of events) {
      if (MOVES.has(body.kind)) this.#movedAt = Math.max(this.#movedAt, at);
      if (body.kind === "inspected" && body.findings.verdict === "phi") this.#countPhi(messageId, at);
      else if (body.kind === "service") {
        if (body.what === "reload_refused") this.#alerting.observe("reload", [{ code: "PST-CFG-002" }]);
        if (body.what === "reloaded") this.#alerting.observe("reload", []);
      }
    }
  }

  heard({ event, fields }: HeardLine, at: number): void {
    if (fields?.["code"] === "PST-ACC-010") this.#authFailures.add(at);
    if (event === "duty_failed") {
      this.#alerting.raise({ code: "PST-MON-032", facts: { duty: String(fields?.["duty"]) } });
    }
    if (event === "bodies_missing") {
      this.#alerting.raise({ code: "PST-SPL-004", facts: { bodies: Number(fields?.["count"]) } });
    }
  }

  look(look: Look): void {
    const observe = (topic: string, found: readonly Alert[] | null): void => {
      if (found !== null) this.#alerting.observe(topic, found);
    };
    observe("queue", this.#queue(look));
    observe("held", this.#held(look));
    observe("certificates", this.#certificates(look));
    observe("indexes", oldIndexes(look, this.#options.edmIndexDays));
    observe("disk", this.#disk(look));
    observe("writer", this.#writer(look));
    observe("auth", this.#auth(look));
    observe("volume", this.#spikes(look));
    this.#alerting.tick();
  }

  #queue({ queue, now }: Look): readonly Alert[] | null {
    if (queue === null) return null;
    const limitMs = this.#options.queueStalledMinutes * MINUTE_MS;
    const stalled = stalledMs({ ...queue, now, movedAt: this.#movedAt }, limitMs);
    const isSure = this.#wasStalled && stalled !== null;
    this.#wasStalled = stalled !== null;
    if (!isSure) return stalled === null ? [] : null;
    return [{ code: "PST-MON-020", facts: { minutes: Math.floor(stalled / MINUTE_MS), in_flight: queue.inFlight } }];
  }

  #held({ heldNear }: Look): readonly Alert[] | null {
    if (heldNear === null) return null;
    const hours = this.#options.heldDeadlineHours;
    return heldNear === 0 ? [] : [{ code: "PST-MON-021", facts: { recipients: heldNear, within_hours: hours } }];
  }

  #certificates({ certificates, now }: Look): readonly Alert[] {
    return Object.entries(certificates).flatMap(([certificate, validity]): readonly Alert[] => {
      const level = expiryLevel(validity, now, this.#options.certificateDays);
      if (level === null) return [];
      return [{ code: "PST-MON-022", facts: { certificate, level, days: daysLeft(validity, now) } }];
    });
  }

  #disk({ freeBytes, now }: Look): readonly Alert[] | null {
    if (freeBytes === null) return null;
    this.#forecast.see(freeBytes, now);
    const fullInMs = this.#forecast.fullInMs();
    if (fullInMs === null || fullInMs > this.#options.diskFullHours * HOUR_MS) return [];
    return [{ code: "PST-MON-023", facts: { hours: Math.floor(fullInMs / HOUR_MS), free_bytes: freeBytes } }];
  }

  #writer({ writerMs }: Look): readonly Alert[] {
    if (writerMs < this.#options.writerSeconds * 1000) return [];
    return [{ code: "PST-MON-026", facts: { seconds: Math.round(writerMs / 1000) } }];
  }

  #auth({ now }: Look): readonly Alert[] {
    const failures = this.#authFailures.total(now);
    return failures < this.#options.authFailures ? [] : [{ code: "PST-MON-025", facts: { failures } }];
  }

  #spikes({ now }: Look): readonly Alert[] {
    return this.#volume.spikes(now).map(({ kind, name, measure, count, baseline }) => ({
      code: "PST-MON-024",
      facts: { [kind]: name, measure, count, baseline, minutes: WINDOW_MS / MINUTE_MS },
    }));
  }

  #countPhi(messageId: string | null, at: number): void {
    for (const name of this.#senders.get(messageId ?? "") ?? []) this.#volume.count(name, { phi: 1 }, at);
  }
}

function marksOf({ volume: { factor, messagesMin, recipientsMin, phiMin } }: Options): VolumeMarks {
  return { factor, minimum: { messages: messagesMin, recipients: recipientsMin, phi: phiMin } };
}
