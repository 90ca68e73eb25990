/** The gauges as a table: name, meaning, and where each is read in a Snapshot. What is not known is not shown. */
import { Gauge } from "prom-client";
import type { Registry } from "prom-client";
import { PRESSURE_LEVELS } from "../../core/pressure.ts";
import { VALIDATION_STATES } from "../../core/validation.ts";
import type { Snapshot } from "./snapshot.ts";

type Row = {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  /** One value, values by label, or null where it is not known. */
  readonly read: (now: Snapshot) => number | Readonly<Record<string, number>> | null;
};

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1000);
const age = (now: number, at: number | null): number => (at === null ? 0 : Math.max(0, now - at) / 1000);

const QUEUE: readonly Row[] = [
  {
    name: "postern_queue_recipients",
    help: "Recipients in the queue, by state; ended ones until they are forgotten.",
    label: "state",
    read: (now) => now.recipientsByState,
  },
  {
    name: "postern_queue_oldest_age_seconds",
    help: "Age of the oldest message with a recipient that has not ended.",
    read: (now) => age(now.now, now.oldestReceivedAt),
  },
  {
    name: "postern_queue_overdue_seconds",
    help: "How long the recipient that is due first has been due without being worked on.",
    read: (now) => age(now.now, now.nextDueAt),
  },
  {
    name: "postern_queue_in_flight_recipients",
    help: "Recipients worked on now.",
    read: (now) => now.inFlightRecipients,
  },
  {
    name: "postern_held_next_deadline_timestamp_seconds",
    help: "When the next held recipient fails by itself.",
    read: (now) => seconds(now.heldDeadlineAt),
  },
  {
    name: "postern_lanes",
    help: "Destinations known to delivery; closed: in trouble, and left alone for a while.",
    label: "state",
    read: (now) => ({ open: now.lanesOpen, closed: now.lanesClosed }),
  },
  { name: "postern_connections", help: "Connections to the listener open now.", read: (now) => now.connections },
];

const STORAGE: readonly Row[] = [
  {
    name: "postern_commit_waiting_requests",
    help: "Requests that wait for the writer of the database.",
    read: (now) => now.commitWaiting,
  },
  {
    name: "postern_commit_waiting_seconds",
    help: "Age of the oldest request that waits for the writer.",
    read: (now) => seconds(now.commitWaitingMs),
  },
  {
    name: "postern_writer_round_trip_seconds",
    help: "Time the writer of the database took for the last look at it.",
    read: (now) => seconds(now.writerRoundTripMs),
  },
  {
    name: "postern_queue_bytes",
    help: "Stored bytes of messages that have not ended.",
    read: (now) => now.queueBytes,
  },
  {
    name: "postern_pressure",
    help: "1 for the level of pressure there is: open, slow (reading waits), full (452), closed (421).",
    label: "level",
    read: ({ pressureLevel }) =>
      pressureLevel === null
        ? null
        : Object.fromEntries(PRESSURE_LEVELS.map((level) => [level, level === pressureLevel ? 1 : 0])),
  },
  { name: "postern_spool_bytes", help: "Size of the stored bodies on disk.", read: (now) => now.spoolBytes },
  {
    name: "postern_disk_free_bytes",
    help: "Free bytes of the volume that holds data_dir.",
    read: (now) => now.disk?.freeBytes ?? null,
  },
  {
    name: "postern_disk_size_bytes",
    help: "Size of the volume that holds data_dir.",
    read: (now) => now.disk?.totalBytes ?? null,
  },
  {
    name: "postern_disk_free_inodes",
    help: "Free inodes of the volume that holds data_dir.",
    read: (now) => now.disk?.inodes?.free ?? null,
  },
  { name: "postern_audit_head_seq", help: "Number of the newest audit row.", read: (now) => now.auditHeadSeq },
  {
    name: "postern_audit_last_checkpoint_timestamp_seconds",
    help: "When the audit was last signed and told outside.",
    read: (now) => seconds(now.checkpointAt),
  },
  {
    name: "postern_backup_last_success_timestamp_seconds",
    help: "When the last backup succeeded.",
    read: (now) => seconds(now.backupAt),
  },
];

const SERVICE: readonly Row[] = [
  {
    name: "postern_certificate_not_after_timestamp_seconds",
    help: "End of validity of the certificates in use.",
    label: "certificate",
    read: ({ certificates }) =>
      Object.fromEntries(Object.entries(certificates).map(([name, notAfter]) => [name, notAfter / 1000])),
  },
  {
    name: "postern_dns_validation",
    help: "1 for what the resolver was last seen to do: validating, not-validating (no DANE), unavailable, or unknown.",
    label: "state",
    read: (now) => Object.fromEntries(VALIDATION_STATES.map((state) => [state, state === now.validation ? 1 : 0])),
  },
  { name: "postern_ready", help: "1 while /readyz answers 200.", read: (now) => (now.isReady ? 1 : 0) },
  { name: "postern_alerts_active", help: "Alerts that stand now.", read: (now) => now.alertsActive },
];

/** All rows, set anew for every scrape. */
export class Gauges {
  readonly #rows: readonly (readonly [Row, Gauge])[];

  constructor(registry: Registry) {
    this.#rows = [...QUEUE, ...STORAGE, ...SERVICE].map((row) => {
      const labelNames = row.label === undefined ? [] : [row.label];
      return [row, new Gauge({ name: row.name, help: row.help, labelNames, registers: [registry] })] as const;
    });
  }

  show(now: Snapshot): void {
    for (const [row, gauge] of this.#rows) {
      gauge.reset();
      const value = row.read(now);
      if (typeof value === "number") gauge.set(value);
      else if (value === null && row.label === undefined) gauge.remove();
      else for (const [label, one] of Object.entries(value ?? {})) gauge.set({ [row.label ?? ""]: label }, one);
    }
  }
}
