/**
 * The service as seen from outside: metrics, health, readiness and alerts. Opened first and closed last, so that a start that takes
 * long and a drain can be watched too. Promises: stages know nothing of it; it listens to committed events and to the log, and
 * reads the rest when asked; what it cannot read it leaves out, and never waits for longer than PATIENCE_MS.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Alerting } from "./alerting.ts";
import type { Alert, AlertNotice, RaiseAlert } from "./core/alert.ts";
import type { OnCommitted } from "./core/committed.ts";
import type { Duty } from "./core/duty.ts";
import type { HeardLine, Log } from "./core/log.ts";
import type { Pressure } from "./core/pressure.ts";
import type { ReasonCode } from "./core/reason-codes.ts";
import type { Sealer } from "./core/sealer.ts";
import type { Submission } from "./core/submission.ts";
import type { ValidationState } from "./core/validation.ts";
import type { OwnPost } from "./own-post.ts";
import { Detection } from "./detection.ts";
import type { Look } from "./detection.ts";
import { validityOf } from "./parts/alerts/certificates.ts";
import type { Validity } from "./parts/alerts/certificates.ts";
import type { Config } from "./parts/config/config.ts";
import { heardLog } from "./parts/log/heard-log.ts";
import type { Metrics } from "./parts/metrics/metrics.ts";
import type { Snapshot } from "./parts/metrics/snapshot.ts";
import { folderSize } from "./parts/monitoring/folder-size.ts";
import type { Monitoring } from "./parts/monitoring/monitoring.ts";
import { LAST_BACKUP } from "./parts/store/backup.ts";
import type { DiskBlobStore } from "./parts/store/blob-store.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import { areKeysWorking, unreadyReasons } from "./readiness.ts";
import type { Surroundings } from "./surroundings.ts";
import { versionOf } from "./version.ts";
import { WriterPulse } from "./writer-pulse.ts";

/** What is watched, once it is there. */
export type Subject = OwnPost & {
  readonly store: SqliteQueueStore;
  readonly blobs: DiskBlobStore;
  readonly sealer: Sealer;
  readonly inFlight: () => number;
  readonly lanes: () => readonly { readonly closedForMs: number | null }[];
  readonly connections: () => number;
  readonly isDraining: () => boolean;
  readonly pressure: () => Pressure;
  readonly validation: () => ValidationState;
  /** By result, since the start. */
  readonly tlsSessions: () => ReadonlyMap<string, number>;
};

const PATIENCE_MS = 2_000;
const PULSE_MS = 5_000;
const LOOK_MS = 30_000;
const HOUR_MS = 3_600_000;
const MEASURE_MS = 5 * 60_000;
/** Answers younger than this are given again: asking often costs no more. */
const FRESH_MS = 1_000;
/** Rows by which the audit is signed and told outside. */
const CHECKPOINTS: ReadonlySet<string> = new Set(["checkpoint"]);

export class Watching {
  readonly log: Log;
  #config: Config;
  readonly #env: Surroundings;
  readonly #metrics: Metrics | null;
  readonly #alerting: Alerting;
  readonly #detection: Detection;
  #indexes: Look["indexes"] = {};
  #monitoring: Monitoring | null = null;
  #subject: Subject | null = null;
  #pulse: WriterPulse | null = null;
  #isStarted = false;
  #untold: readonly AlertNotice[] = [];
  #spoolBytes: number | null = null;
  #checkpointAt: number | null = null;
  #reasons: { readonly at: number; readonly codes: Promise<readonly ReasonCode[]> } | null = null;

  private constructor(config: Config, env: Surroundings, metrics: Metrics | null) {
    this.#config = config;
    this.#env = env;
    this.#metrics = metrics;
    this.log = heardLog(env.log, (line) => this.#hear(line));
    this.#alerting = new Alerting(config, { clock: env.clock, log: this.log });
    this.#detection = new Detection(config.alerts, this.#alerting, env.clock.now());
  }

  /** Listens where the configuration wants it; rejects with the system's error where it cannot. */
  static async open(config: Config, env: Surroundings): Promise<Watching> {
    const { address, port } = config.monitoring;
    if (port === undefined) return new Watching(config, env, null);
    const { Metrics: Opened } = await import("./parts/metrics/metrics.ts");
    const { startMonitoring } = await import("./parts/monitoring/monitoring.ts");
    const metrics = new Opened({ version: versionOf(), node: process.version });
    const watching = new Watching(config, env, metrics);
    const watched = { metrics: () => watching.#metricsText(metrics), reasons: () => watching.reasons() };
    watching.#monitoring = await startMonitoring({ address, port }, { watched, log: env.log });
    return watching;
  }

  /** Where metrics and health are answered, or null. */
  address(): { readonly host: string; readonly port: number } | null {
    return this.#monitoring?.address() ?? null;
  }

  readonly onCommitted: OnCommitted = (events) => {
    this.#metrics?.observe(events);
    for (const { body, at } of events) if (CHECKPOINTS.has(body.kind)) this.#checkpointAt = at;
    this.#detection.committed(events);
    this.#alerting.heard(events);
  };

  readonly raise: RaiseAlert = (alert) => this.#alerting.raise(alert);

  /** All that is so now under this topic: what was so before and is not any more is resolved. */
  observe(topic: string, present: readonly Alert[]): void {
    this.#alerting.observe(topic, present);
  }

  /** Somebody submitted a message, and it was acknowledged. */
  submitted(submission: Submission): void {
    if (this.#subject !== null) this.#detection.submitted(submission, this.#env.clock.now(), this.#subject.sealer);
  }

  /** Alerts that stand now. */
  alerts(): readonly AlertNotice[] {
    return this.#alerting.active();
  }

  attach(subject: Subject): void {
    this.#subject = subject;
    this.#pulse = new WriterPulse(subject.store, this.#env.clock);
    this.#alerting.attach(subject);
  }

  /** Mail is taken from now on. */
  started(): void {
    this.#isStarted = true;
    this.#alerting.tellAgain(this.#untold);
  }

  /** What the life before could not tell; told once this one has started, so that one that cannot start does not tell it at each try. */
  readonly tellOnceStarted = (untold: readonly AlertNotice[]): void => {
    this.#untold = untold;
  };

  /** The service stops: what was not told is kept for the next life. */
  keepUntold(): Promise<void> {
    return this.#alerting.keepUntold();
  }

  /** A reload put other certificates, limits and places to tell in force. */
  use(config: Config): void {
    this.#config = config;
    this.#alerting.use(config);
    this.#detection.use(config.alerts);
  }

  /** When each index of exact data match in force was made. */
  useIndexes(indexes: Look["indexes"]): void {
    this.#indexes = indexes;
  }

  duties(): readonly Duty[] {
    return [
      { name: "writer_pulse", everyMs: PULSE_MS, run: async () => void (await this.#pulse?.answers(PATIENCE_MS)) },
      { name: "watch", everyMs: LOOK_MS, run: () => this.look() },
      ...(this.#metrics === null ? [] : [{ name: "measure", everyMs: MEASURE_MS, run: this.#measure }]),
    ];
  }

  /** Why no mail should be sent here now; empty: ready. */
  reasons(): Promise<readonly ReasonCode[]> {
    const at = this.#env.clock.monotonic();
    if (this.#reasons !== null && at - this.#reasons.at < FRESH_MS) return this.#reasons.codes;
    const codes = this.#findReasons();
    this.#reasons = { at, codes };
    return codes;
  }

  /** Looks for what somebody should know, now. */
  async look(): Promise<void> {
    const { store, inFlight } = this.#subject ?? {};
    const now = this.#env.clock.now();
    const isAnswering = await this.#pulse?.answers(PATIENCE_MS);
    const [nextDueAt, deadlines] = await Promise.all([
      isAnswering === true ? known(store?.nextDueAt().then((dueAt) => ({ dueAt }))) : null,
      known(store?.deadlines(now + this.#config.alerts.heldDeadlineHours * HOUR_MS)),
    ]);
    this.#detection.look({
      now,
      queue: nextDueAt === null ? null : { nextDueAt: nextDueAt.dueAt, inFlight: inFlight?.() ?? 0 },
      heldNear: deadlines?.near ?? null,
      freeBytes: this.#pressure()?.figures.space?.freeBytes ?? null,
      certificates: this.#validities(),
      indexes: this.#indexes,
      writerMs: Math.max(this.#pulse?.lastMs ?? 0, this.#pulse?.pendingMs ?? 0),
    });
  }

  async close(): Promise<void> {
    await this.#alerting.close();
    await this.#monitoring?.close();
  }

  #hear(line: HeardLine): void {
    this.#metrics?.heard(line);
    this.#detection.heard(line, this.#env.clock.now());
  }

  readonly #measure = async (signal: AbortSignal): Promise<void> => {
    this.#spoolBytes = await folderSize(join(this.#config.dataDir, "spool"), signal);
  };

  async #findReasons(): Promise<readonly ReasonCode[]> {
    const subject = this.#subject;
    const pressure = this.#pressure();
    const isWriting = (await this.#pulse?.answers(PATIENCE_MS)) ?? false;
    return unreadyReasons({
      isStarted: this.#isStarted,
      isDraining: subject?.isDraining() ?? false,
      isWriting: isWriting && subject?.store.unhealthy === null,
      isSpoolHealthy: subject?.blobs.failure === null,
      pressing: pressure === null ? [] : pressingCodes(pressure),
      certificate: validityOf(this.#config.listen.tls.certificate),
      areKeysWorking: subject !== null && areKeysWorking(subject.sealer),
      now: this.#env.clock.now(),
    });
  }

  async #metricsText(metrics: Metrics): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await metrics.text(await this.#snapshot()), contentType: metrics.contentType };
  }

  async #snapshot(): Promise<Snapshot> {
    const subject = this.#subject;
    const now = this.#env.clock.now();
    const store = subject?.store;
    const [counts, nextDueAt, deadlines, head, backup, reasons] = await Promise.all([
      known(store?.counts()),
      known(store?.nextDueAt()),
      known(store?.deadlines(now)),
      known(store?.auditHead()),
      known(stat(join(this.#config.dataDir, LAST_BACKUP))),
      this.reasons(),
    ]);
    const lanes = subject?.lanes() ?? [];
    const { level, figures } = this.#pressure() ?? { level: null, figures: null };
    const closed = lanes.filter(({ closedForMs }) => closedForMs !== null).length;
    return {
      recipientsByState: counts?.byState ?? null,
      oldestReceivedAt: counts?.oldestReceivedAt ?? null,
      nextDueAt,
      heldDeadlineAt: deadlines?.nextAt ?? null,
      inFlightRecipients: subject?.inFlight() ?? 0,
      lanesOpen: lanes.length - closed,
      lanesClosed: closed,
      connections: subject?.connections() ?? 0,
      commitWaiting: figures?.commitWaiting ?? 0,
      commitWaitingMs: figures?.commitAgeMs ?? 0,
      writerRoundTripMs: this.#pulse?.lastMs ?? null,
      syncs: subject?.blobs.counters.syncs ?? 0,
      durableBytes: subject?.blobs.counters.bytes ?? 0,
      spoolBytes: this.#spoolBytes,
      queueBytes: figures?.queueBytes ?? null,
      disk: figures?.space ?? null,
      pressureLevel: level,
      validation: subject?.validation() ?? "unknown",
      tlsSessions: subject?.tlsSessions() ?? new Map(),
      auditHeadSeq: head?.seq ?? null,
      checkpointAt: this.#checkpointAt,
      backupAt: backup?.mtimeMs ?? null,
      certificates: Object.fromEntries(
        Object.entries(this.#validities()).map(([name, { notAfter }]) => [name, notAfter]),
      ),
      isReady: reasons.length === 0,
      alertsActive: this.#alerting.active().length,
      now,
    };
  }

  #validities(): Readonly<Record<string, Validity>> {
    const { certificate, clientCa } = this.#config.listen.tls;
    const listener = validityOf(certificate);
    const authority = clientCa === null ? null : validityOf(clientCa);
    return {
      ...(listener !== null && { listener }),
      ...(authority !== null && { client_ca: authority }),
    };
  }

  /** The gauge runs once the service has started. */
  #pressure(): Pressure | null {
    return this.#isStarted ? (this.#subject?.pressure() ?? null) : null;
  }
}

/** What keeps new mail out. */
function pressingCodes({ causes }: Pressure): readonly ReasonCode[] {
  return causes.filter(({ level }) => level !== "slow").map(({ code }) => code);
}

/** null where it cannot be learned, or not in time: the others are shown all the same. */
async function known<T>(asked: Promise<T> | undefined): Promise<T | null> {
  if (asked === undefined) return null;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
  });
  try {
    return await Promise.race([asked, late]);
  } catch {
    // Whoever needs the answer to work reports the error; a look from outside only misses a figure.
    return null;
  } finally {
    clearTimeout(timer);
  }
}
