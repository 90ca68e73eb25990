/**
 * How hard the machine is pressed, judged purely from figures: how much may still be taken in.
 * `open`: everything. `slow`: message bodies are read no further until the disk catches up. `full`: no new mail (452 at MAIL);
 * what is queued goes out. `closed`: nothing can be written down reliably, so nothing is taken (421) and nothing is sent.
 * Each measure has a mark above which it counts and a lower one below which it no longer does, so that a level does not flutter.
 */
import type { ReasonCode } from "./reason-codes.ts";

export const PRESSURE_LEVELS = ["open", "slow", "full", "closed"] as const;
export type PressureLevel = (typeof PRESSURE_LEVELS)[number];

export type DiskSpace = {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** null on file systems that make inodes as they need them. */
  readonly inodes: { readonly free: number; readonly total: number } | null;
};

export type PressureFigures = {
  /** Requests and bodies that wait for the disk now. */
  readonly commitWaiting: number;
  /** How long the oldest of them has waited. */
  readonly commitAgeMs: number;
  /** Of the file system that holds queue and bodies; null while it cannot be asked. */
  readonly space: DiskSpace | null;
  /** Recipients that have not ended. */
  readonly queueRecipients: number;
  /** Stored bytes of messages that have not ended. */
  readonly queueBytes: number;
  /** A write was refused for want of space, and none has succeeded since. */
  readonly isSpaceRefused: boolean;
  /** A write or sync failed for good: the process is about to end. */
  readonly isUnhealthy: boolean;
};

export type PressureLimits = {
  readonly commitWaitingMax: number;
  readonly commitAgeMsMax: number;
  /** From this age on the disk counts as stalled. */
  readonly stalledMs: number;
  readonly diskFreeBytesMin: number;
  readonly diskFreePercentMin: number;
  readonly inodesFreePercentMin: number;
  /** Kept for what was promised already: below it nothing more is begun. */
  readonly diskReserveBytes: number;
  readonly queueRecipientsMax: number;
  readonly queueBytesMax: number;
};

/** What a store tells of the work that waits for its disk. */
export type Backlog = {
  readonly waiting: number;
  /** Names the oldest piece of work; while the name stays, that work waits. null where nothing waits. */
  readonly oldest: number | null;
  /** Writes refused so far for want of space, quota or file handles. */
  readonly refusals: number;
  readonly isUnhealthy: boolean;
};

export type PressureCause = { readonly level: Exclude<PressureLevel, "open">; readonly code: ReasonCode };

export type Pressure = {
  readonly level: PressureLevel;
  /** What presses, the worst first. */
  readonly causes: readonly PressureCause[];
  readonly figures: PressureFigures;
  /** Bytes that may still come in before the disk counts as full; null while unknown. */
  readonly roomBytes: number | null;
};

export type ReadPressure = () => Pressure;

/** `load` of 1 and above counts, and goes on counting until it is below `releaseAt`. */
type Measure = PressureCause & {
  readonly releaseAt: number;
  readonly load: (figures: PressureFigures, limits: PressureLimits) => number;
};

const NO_CAUSES: readonly PressureCause[] = [];

/** Enough for the files of work under way. */
const INODES_RESERVE = 256;

const MEASURES: readonly Measure[] = [
  { level: "closed", code: "PST-PRS-011", releaseAt: 1, load: ({ isUnhealthy }) => Number(isUnhealthy) },
  { level: "closed", code: "PST-PRS-009", releaseAt: 1, load: ({ isSpaceRefused }) => Number(isSpaceRefused) },
  { level: "closed", code: "PST-PRS-010", releaseAt: 0.5, load: (now, { stalledMs }) => now.commitAgeMs / stalledMs },
  {
    level: "closed",
    code: "PST-PRS-008",
    releaseAt: 0.8,
    load: ({ space }, { diskReserveBytes }) =>
      Math.max(scarcity(diskReserveBytes, space?.freeBytes), scarcity(INODES_RESERVE, space?.inodes?.free)),
  },
  { level: "full", code: "PST-PRS-007", releaseAt: 1, load: ({ space }) => Number(space === null) },
  {
    level: "full",
    code: "PST-PRS-003",
    releaseAt: 0.9,
    load: ({ space }, limits) => (space === null ? 0 : scarcity(bytesToKeep(space, limits), space.freeBytes)),
  },
  {
    level: "full",
    code: "PST-PRS-004",
    releaseAt: 0.9,
    load: ({ space }, { inodesFreePercentMin }) =>
      scarcity(((space?.inodes?.total ?? 0) * inodesFreePercentMin) / 100, space?.inodes?.free),
  },
  {
    level: "full",
    code: "PST-PRS-005",
    releaseAt: 0.9,
    load: ({ queueRecipients }, { queueRecipientsMax }) => queueRecipients / queueRecipientsMax,
  },
  {
    level: "full",
    code: "PST-PRS-006",
    releaseAt: 0.9,
    load: ({ queueBytes }, { queueBytesMax }) => queueBytes / queueBytesMax,
  },
  {
    level: "slow",
    code: "PST-PRS-002",
    releaseAt: 0.5,
    load: ({ commitAgeMs }, { commitAgeMsMax }) => commitAgeMs / commitAgeMsMax,
  },
  {
    level: "slow",
    code: "PST-PRS-001",
    releaseAt: 0.5,
    load: ({ commitWaiting }, { commitWaitingMax }) => commitWaiting / commitWaitingMax,
  },
];

/** `before`: what pressed until now; a cause that holds is kept until its load is below its lower mark. */
export function nextPressure(
  before: readonly PressureCause[],
  figures: PressureFigures,
  limits: PressureLimits,
): Pressure {
  const causes = causesOf(before, figures, limits);
  const { space } = figures;
  const roomBytes = space === null ? null : Math.max(0, space.freeBytes - bytesToKeep(space, limits));
  return { level: causes[0]?.level ?? "open", causes, figures, roomBytes };
}

/** Asked several times for each mail: nothing is made where nothing presses. */
function causesOf(
  before: readonly PressureCause[],
  figures: PressureFigures,
  limits: PressureLimits,
): readonly PressureCause[] {
  let causes: PressureCause[] | null = null;
  const wasQuiet = before.length === 0;
  for (const { level, code, releaseAt, load } of MEASURES) {
    const wasPressing = !wasQuiet && before.some((cause) => cause.code === code);
    if (load(figures, limits) >= (wasPressing ? releaseAt : 1)) (causes ??= []).push({ level, code });
  }
  return causes ?? NO_CAUSES;
}

/** Free bytes below which no new mail is taken. */
function bytesToKeep({ totalBytes }: DiskSpace, limits: PressureLimits): number {
  return Math.max(limits.diskFreeBytesMin, (totalBytes * limits.diskFreePercentMin) / 100);
}

/** 1 where just `needed` is left, more where less; 0 where nothing is needed or nothing is known. */
function scarcity(needed: number, free: number | undefined): number {
  if (free === undefined || needed <= 0) return 0;
  return free <= 0 ? Number.POSITIVE_INFINITY : needed / free;
}
