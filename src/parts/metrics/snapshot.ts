/** What the gauges show: the state of the service at one moment. null and absent: not known now, and then not shown. */
import type { DiskSpace, PressureLevel } from "../../core/pressure.ts";
import type { ValidationState } from "../../core/validation.ts";

export type Snapshot = {
  readonly recipientsByState: Readonly<Record<string, number>> | null;
  readonly oldestReceivedAt: number | null;
  /** The earliest due time of who waits and is not worked on. */
  readonly nextDueAt: number | null;
  readonly heldDeadlineAt: number | null;
  readonly inFlightRecipients: number;
  readonly lanesOpen: number;
  readonly lanesClosed: number;
  readonly connections: number;
  /** Requests that wait for the writer of the database. */
  readonly commitWaiting: number;
  /** Age of the oldest of them, milliseconds. */
  readonly commitWaitingMs: number;
  /** Of the last look, milliseconds. */
  readonly writerRoundTripMs: number | null;
  readonly syncs: number;
  readonly durableBytes: number;
  readonly spoolBytes: number | null;
  readonly queueBytes: number | null;
  readonly disk: DiskSpace | null;
  readonly pressureLevel: PressureLevel | null;
  readonly validation: ValidationState;
  /** TLS sessions since the start, by result. */
  readonly tlsSessions: ReadonlyMap<string, number>;
  readonly auditHeadSeq: number | null;
  readonly checkpointAt: number | null;
  readonly backupAt: number | null;
  /** End of validity by name of the certificate, milliseconds since the epoch. */
  readonly certificates: Readonly<Record<string, number>>;
  readonly isReady: boolean;
  readonly alertsActive: number;
  readonly now: number;
};
