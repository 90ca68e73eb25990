/** What the service does for its audit beside the mail: signs it, writes checkpoints to places outside, and reads it again, and lets old rows go. */
import type { Duty } from "./core/duty.ts";
import { checkpointOptions } from "./options.ts";
import { noteSignerOf } from "./parts/config/config-audit.ts";
import { NoteVerifiers } from "./parts/keys/signed-note.ts";
import { checkpointOutside } from "./stages/audit/checkpoint-outside.ts";
import { Checkpoints } from "./stages/audit/checkpoints.ts";
import { auditArchive } from "./stages/audit/archive.ts";
import { removeOld } from "./stages/audit/retention.ts";
import { Patrol } from "./stages/audit/patrol.ts";
import type { Config } from "./parts/config/config.ts";
import type { Parts } from "./surroundings.ts";

/** How often it is looked whether a checkpoint is due. */
const CHECKPOINT_LOOK_MS = 2_000;
/** About 20 ms of work every ten seconds; a million rows in an hour and a half. */
const PATROL_PAUSE_MS = 10_000;
const RETENTION_PAUSE_MS = 3_600_000;
const PATROL = { rowsMax: 2_000, roundMs: 24 * 3_600_000 };

type KeepingParts = Omit<Parts, "blobs" | "keyRing">;

export type AuditKeeping = {
  readonly checkpoints: Checkpoints;
  readonly duties: readonly Duty[];
  /** One round of retention; the duty does it by itself. */
  readonly removeOldRows: (signal: AbortSignal) => Promise<void>;
};

/** `now`: the configuration in force; keys are those of the start. */
export function keepAudit({ config, env, store, raise }: KeepingParts, now: () => Config): AuditKeeping {
  const signer = noteSignerOf(config.audit);
  const lines = [...(signer === null ? [] : [signer.verifier]), ...config.audit.previousKeys];
  const verifiers = lines.length === 0 ? null : new NoteVerifiers(lines);
  const checkpoints = new Checkpoints(() => checkpointOptions(now()), {
    store,
    signer,
    verifiers,
    outside: checkpointOutside(() => now().audit.checkpointFile, env.log),
    clock: env.clock,
    raise,
  });
  const retention = { store, signer, verifiers, clock: env.clock, log: env.log, raise };
  const removeOldRows = (signal: AbortSignal): Promise<void> => {
    const { retentionDays, archiveDir } = now().audit;
    const archive = archiveDir === null ? null : auditArchive(archiveDir);
    return removeOld({ retentionDays }, { ...retention, archive }, signal);
  };
  const patrol = new Patrol(PATROL, { store, verifiers, clock: env.clock, raise });
  return {
    checkpoints,
    removeOldRows,
    duties: [
      { name: "audit-checkpoint", everyMs: CHECKPOINT_LOOK_MS, run: () => checkpoints.tick() },
      { name: "audit-retention", everyMs: RETENTION_PAUSE_MS, run: removeOldRows },
      { name: "audit-patrol", everyMs: PATROL_PAUSE_MS, run: (signal) => patrol.run(signal) },
    ],
  };
}
