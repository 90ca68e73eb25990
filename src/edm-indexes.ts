/** Opens the indexes of exact data match that the configuration names. Promises: all of them, proved, or an EdmError. */
import { reasonOf } from "./core/error-facts.ts";
import type { Log } from "./core/log.ts";
import type { EdmConfig } from "./parts/config/config-edm.ts";
import { readIndex } from "./parts/edm/edm-file.ts";
import type { SharedIndex } from "./parts/edm/edm-file.ts";
import { EdmKey } from "./parts/edm/edm-hash.ts";

/** Throws EdmError. */
export async function openIndexes(
  indexes: readonly EdmConfig[],
  log: Pick<Log, "info" | "error">,
): Promise<ReadonlyMap<string, SharedIndex>> {
  const opened = new Map<string, SharedIndex>();
  for (const { name, file, key } of indexes) {
    const shared = await readIndex(file, new EdmKey(key.bytes())).catch((error: unknown) => {
      log.error("edm_index_refused", { index: name, code: reasonOf(error) });
      throw error;
    });
    const { rows, created, keyId } = shared.header;
    log.info("edm_index_opened", { index: name, rows, made: new Date(created).toISOString(), key: keyId });
    opened.set(name, shared);
  }
  return opened;
}
