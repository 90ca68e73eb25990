/**
 * The composition root: opens the stores, recovers, and starts the service over them.
 * Order at the start: keys, database, bodies, recovery, rule packs, listener last, so that nothing is accepted before
 * what was accepted earlier is known.
 */
import { join } from "node:path";
import { errorName } from "./core/error-facts.ts";
import { reached } from "./core/failpoint.ts";
import { faultOf } from "./core/pass-facts.ts";
import { SpareTime } from "./core/spare-time.ts";
import { retryOptions } from "./options.ts";
import { ringMaterial } from "./parts/config/config-files.ts";
import type { Config } from "./parts/config/config.ts";
import { assertSocketPlace } from "./parts/control/control-socket.ts";
import { armFailpoints } from "./parts/failpoint/arm-failpoints.ts";
import { FieldSealer } from "./parts/keys/field-sealer.ts";
import { KeyRing } from "./parts/keys/key-ring.ts";
import { makeDurableDirectory } from "./parts/store/durable-directory.ts";
import { openBlobStore } from "./parts/store/blob-store.ts";
import type { DiskBlobStore } from "./parts/store/blob-store.ts";
import { assertSameSpool, spoolIdentityPath } from "./parts/store/spool-identity.ts";
import { openQueueStore } from "./parts/store/sqlite-queue-store.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import { buildInspect } from "./rule-packs.ts";
import { tellLastLife } from "./last-life.ts";
import type { Recovered } from "./last-life.ts";
import { Running } from "./running.ts";
import type { Postern } from "./postern.ts";
import { tellService } from "./surroundings.ts";
import type { Parts, Surroundings } from "./surroundings.ts";
import { Watching } from "./watching.ts";

/** Small bodies kept in memory while their mails are worked on. */
const BODY_CACHE_BYTES_MAX = 16 * 1024 * 1024;

/** Rejects before anything listens where a file, key, pack or port cannot be used. */
export async function startPostern(config: Config, surroundings: Surroundings): Promise<Postern> {
  // Before anything is made: a start that cannot be spoken with leaves no files of the wrong user behind.
  assertSocketPlace(config.control.socket);
  makeDurableDirectory(config.dataDir);
  if (surroundings.failpoints !== undefined) armFailpoints(surroundings.failpoints);
  const keyRing = new KeyRing(ringMaterial(config.keys));
  const watching = await Watching.open(config, surroundings);
  const env = { ...surroundings, log: watching.log };
  try {
    return await startWatched({ config, env, keyRing, watching, spareTime: spareTimeOf(env) });
  } catch (error) {
    await watching.close();
    throw error;
  }
}

async function startWatched(opened: Omit<Parts, "store" | "blobs" | "raise">): Promise<Postern> {
  const { config, watching } = opened;
  const { raise } = watching;
  // The packs are read in a thread of their own, while what is stored is opened.
  const inspecting = buildInspect(config, opened);
  const abandonInspection = (): Promise<void> =>
    inspecting.then(
      ({ close }) => close(),
      () => undefined,
    );
  // Awaited below, after what may fail first.
  inspecting.catch(() => undefined);
  const store = await openStore(opened).catch(async (error: unknown) => {
    await abandonInspection();
    throw error;
  });
  let blobs: DiskBlobStore | null = null;
  let running: Running | null = null;
  try {
    // Another key for addresses could read no row and would write new ones beside them: refused before anything is written.
    await store.recipients({ limit: 1 });
    blobs = await openBodies({ ...opened, store, raise });
    running = new Running({ ...opened, store, blobs, raise }, await inspecting);
    await running.start();
    return running.door();
  } catch (error) {
    await (running?.abandon() ?? abandonInspection());
    await blobs?.close();
    await store.close();
    throw error;
  }
}

async function openBodies({
  config,
  env,
  keyRing,
  store,
  raise,
  watching,
  spareTime,
}: Omit<Parts, "blobs">): Promise<DiskBlobStore> {
  const directory = join(config.dataDir, "spool");
  if ((await store.auditHead()).seq === 0) await tellService("created", { config, env, store });
  await assertSameSpool(spoolIdentityPath(config.dataDir), { audit: store, keyRing });
  const blobs = await openBlobStore({
    directory,
    keyRing,
    cachedBytesMax: BODY_CACHE_BYTES_MAX,
    later: (task) => spareTime.add(task),
    ...(env.disk?.fs === undefined ? { rowsThread: store.rowsThread } : { fs: env.disk.fs }),
    onUnhealthy: ({ code }) => {
      env.log.error("spool_unhealthy", { code });
      raise({ code });
      env.onFatal(code);
    },
  });
  const recovered = await recover(store, blobs, { config, env });
  await tellLastLife(store, { ...recovered, now: env.clock.now() }, watching);
  return blobs;
}

async function openStore({
  config,
  env,
  keyRing,
  watching,
}: Pick<Parts, "config" | "env" | "keyRing" | "watching">): Promise<SqliteQueueStore> {
  return openQueueStore({
    path: join(config.dataDir, "gateway.db"),
    owner: env.owner,
    sealer: new FieldSealer(keyRing),
    clock: env.clock,
    log: env.log,
    onUnhealthy: ({ code }) => {
      watching.raise({ code });
      env.onFatal(code);
    },
    onUnreadable: ({ recipient, code }) => watching.raise({ code, facts: { recipient } }),
    onCommitted: watching.onCommitted,
    failpoints: env.failpoints ?? [],
  });
}

async function recover(
  store: SqliteQueueStore,
  blobs: DiskBlobStore,
  { config, env }: { readonly config: Config; readonly env: Surroundings },
): Promise<Recovered> {
  await reached("recovery.before-bodies");
  const { reclaimed } = await blobs.recover(store);
  await reached("recovery.before-rows");
  const now = env.clock.now();
  const { resumed, ambiguous } = await store.recover({
    now,
    ambiguousDueAt: now + retryOptions(config).ambiguousRetryMs,
  });
  await reached("recovery.done");
  env.log.info("recovered", { resumed, ambiguous, reclaimed });
  return { resumed, ambiguous };
}

function spareTimeOf({ log }: Surroundings): SpareTime {
  return new SpareTime((error) => log.error("later_failed", { code: faultOf(error).code, error: errorName(error) }));
}
