/** The pressure gauge of a service: where its figures come from, and what is said of a change. Acting on it is the caller's. */
import type { Pressure, PressureLevel } from "./core/pressure.ts";
import type { QueueCounts } from "./core/queue-store.ts";
import { isTerminal, RECIPIENT_STATES } from "./core/recipient-state.ts";
import { pressureLimits } from "./options.ts";
import { readDiskSpace } from "./parts/pressure/disk-space.ts";
import { PressureGauge } from "./parts/pressure/pressure-gauge.ts";
import type { Parts } from "./surroundings.ts";

export function newGauge(
  parts: Pick<Parts, "config" | "env" | "store" | "blobs" | "watching">,
  onLevel: (now: PressureLevel, before: PressureLevel) => void,
): PressureGauge {
  const { config, env, store, blobs } = parts;
  const sources = {
    backlogs: () => [store.backlog, blobs.backlog],
    readSpace: () => (env.disk?.readSpace ?? readDiskSpace)(config.dataDir),
    readQueue: async () => queueSize(await store.counts()),
    tryWrite: () => blobs.tryWrite(),
  };
  const onChange = (now: Pressure, before: PressureLevel): void => {
    tell(now, before, parts);
    onLevel(now.level, before);
  };
  return new PressureGauge(pressureLimits(config), sources, { clock: env.clock, onChange });
}

function queueSize({ byState, queuedBytes }: QueueCounts): { readonly recipients: number; readonly bytes: number } {
  const open = RECIPIENT_STATES.filter((state) => !isTerminal(state));
  return { recipients: open.reduce((sum, state) => sum + (byState[state] ?? 0), 0), bytes: queuedBytes };
}

/** Slowing down is daily business; only taking nothing is worth an alert, which ends with it. */
function tell(
  { level, causes, figures }: Pressure,
  before: PressureLevel,
  { env, watching }: Pick<Parts, "env" | "watching">,
): void {
  const [worst] = causes;
  const facts = {
    level,
    waiting: figures.commitWaiting,
    ageMs: figures.commitAgeMs,
    freeBytes: figures.space?.freeBytes ?? "unknown",
    freeInodes: figures.space?.inodes?.free ?? "unknown",
    queueRecipients: figures.queueRecipients,
    queueBytes: figures.queueBytes,
  };
  if (worst === undefined) env.log.info("pressure", { ...facts, before });
  else env.log.warn("pressure", { ...facts, before, code: worst.code });
  const isPressing = worst !== undefined && level !== "slow";
  watching.observe("pressure", isPressing ? [{ code: worst.code, facts }] : []);
}
