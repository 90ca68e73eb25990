/**
 * What keeps the storage in order beside the mail: after each start and daily tells bodies that rows refer to and that are gone,
 * and damage of the database; reclaims the space of what ended, forgets what was remembered of domains. Promises: neither holds up a start, a commit or a stop.
 */
import { join } from "node:path";
import type { Duty } from "./core/duty.ts";
import { checkDatabase } from "./parts/store/check-database.ts";
import type { Parts } from "./surroundings.ts";

const VERIFY_INTERVAL_MS = 24 * 3_600_000;
const CHECK_AFTER_MS = 60_000;
const TIDY_INTERVAL_MS = 10 * 60_000;
/** Bytes copied in one run: about 100 KB a second, so that the disk stays the mail's. */
const TIDY_COPY_BYTES_MAX = 64 * 1024 * 1024;
/** Facts of domains forgotten in one transaction. */
const FORGET_PORTION_MAX = 500;

type UpkeepParts = Pick<Parts, "config" | "store" | "blobs" | "env" | "raise">;

export function upkeepDuties({ config, store, blobs, env, raise }: UpkeepParts): readonly Duty[] {
  const verify = async (signal: AbortSignal): Promise<void> => {
    const { missing } = await blobs.verify(store, signal);
    if (missing.length === 0) return;
    env.log.error("bodies_missing", { code: "PST-SPL-004", count: missing.length });
    raise({ code: "PST-SPL-004", facts: { count: missing.length } });
  };
  const check = async (signal: AbortSignal): Promise<void> => {
    const damaged = await checkDatabase(join(config.dataDir, "gateway.db"), signal);
    if (damaged === null || damaged.length === 0) return;
    env.log.error("database_damaged", { code: "PST-SPL-060", tables: damaged.join(" ") });
    raise({ code: "PST-SPL-060", facts: { tables: damaged.join(" ") } });
  };
  const tidy = async (signal: AbortSignal): Promise<void> => {
    const now = env.clock.monotonic();
    const { dropped, moved, copiedBytes } = await blobs.tidy(store, { now, copyBytesMax: TIDY_COPY_BYTES_MAX, signal });
    if (dropped + moved > 0) env.log.info("spool_tidied", { dropped, moved, copiedBytes });
  };
  const forget = async (signal: AbortSignal): Promise<void> => {
    let forgotten = FORGET_PORTION_MAX;
    while (forgotten === FORGET_PORTION_MAX && !signal.aborted) {
      forgotten = await store.domainFacts.forget(env.clock.now(), FORGET_PORTION_MAX);
    }
  };
  return [
    { name: "verify_bodies", everyMs: VERIFY_INTERVAL_MS, firstAfterMs: 0, run: verify },
    { name: "check_database", everyMs: VERIFY_INTERVAL_MS, firstAfterMs: CHECK_AFTER_MS, run: check },
    { name: "tidy_spool", everyMs: TIDY_INTERVAL_MS, run: tidy },
    { name: "forget_domain_facts", everyMs: TIDY_INTERVAL_MS, run: forget },
  ];
}
