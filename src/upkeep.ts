/**
 * What keeps the storage in order beside the mail: tells bodies that rows refer to and that are gone, after each start and daily,
 * and reclaims the space of what ended. Promises: neither holds up a start, a commit or a stop.
 */
import type { Duty } from "./core/duty.ts";
import type { Parts } from "./surroundings.ts";

const VERIFY_INTERVAL_MS = 24 * 3_600_000;
const TIDY_INTERVAL_MS = 10 * 60_000;
/** Bytes copied in one run: about 100 KB a second, so that the disk stays the mail's. */
const TIDY_COPY_BYTES_MAX = 64 * 1024 * 1024;

export function upkeepDuties({
  store,
  blobs,
  env,
  raise,
}: Pick<Parts, "store" | "blobs" | "env" | "raise">): readonly Duty[] {
  const verify = async (signal: AbortSignal): Promise<void> => {
    const { missing } = await blobs.verify(store, signal);
    if (missing.length === 0) return;
    env.log.error("bodies_missing", { code: "PST-SPL-004", count: missing.length });
    raise({ code: "PST-SPL-004", facts: { count: missing.length } });
  };
  const tidy = async (signal: AbortSignal): Promise<void> => {
    const now = env.clock.monotonic();
    const { dropped, moved, copiedBytes } = await blobs.tidy(store, { now, copyBytesMax: TIDY_COPY_BYTES_MAX, signal });
    if (dropped + moved > 0) env.log.info("spool_tidied", { dropped, moved, copiedBytes });
  };
  return [
    { name: "verify_bodies", everyMs: VERIFY_INTERVAL_MS, firstAfterMs: 0, run: verify },
    { name: "tidy_spool", everyMs: TIDY_INTERVAL_MS, run: tidy },
  ];
}
