/**
 * The composition root: opens the stores, recovers, builds the stages and hands them to the pipeline, starts, drains.
 * Order at the start: keys, database, bodies, recovery, rule packs, listener last, so that nothing is accepted before
 * what was accepted earlier is known. Order at the end: the listener first, then work in flight, then the stores.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import type { Chance, Clock } from "./core/clock.ts";
import type { EventBody } from "./core/event.ts";
import type { Log } from "./core/log.ts";
import type { StoredMessage } from "./core/queue-store.ts";
import { errorName } from "./core/error-facts.ts";
import { faultOf } from "./core/pass-facts.ts";
import type { Inspect, Protect, ReadBody } from "./core/stages.ts";
import {
  acceptOptions,
  deliverOptions,
  discoverOptions,
  inspectOptions,
  lifetimeMs,
  mimeLimits,
  needRestart,
  protectOptions,
  reportOptions,
  resolverOptions,
  retentionMs,
  retryOptions,
  schedulerOptions,
  tlsMaterial,
} from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import { createResolver } from "./parts/dns/dns.ts";
import { FieldSealer } from "./parts/keys/field-sealer.ts";
import { KeyRing } from "./parts/keys/key-ring.ts";
import { messageIdMaker } from "./parts/keys/message-id.ts";
import { MimeScanner } from "./parts/mime/mime-scanner.ts";
import { openBlobStore } from "./parts/store/blob-store.ts";
import type { DiskBlobStore } from "./parts/store/blob-store.ts";
import { assertSameSpool } from "./parts/store/spool-identity.ts";
import { openQueueStore } from "./parts/store/sqlite-queue-store.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import { createPipeline } from "./pipeline.ts";
import { startListener } from "./stages/accept/accept.ts";
import type { Listener } from "./stages/accept/accept.ts";
import { decide } from "./stages/decide/decide.ts";
import { createDeliver } from "./stages/deliver/deliver.ts";
import type { Delivery } from "./stages/deliver/deliver.ts";
import { DELIVER_DEFAULTS } from "./stages/deliver/options.ts";
import { createDiscover } from "./stages/discover/discover.ts";
import type { CompiledPack } from "./stages/inspect/compiled-pack.ts";
import { createInspect } from "./stages/inspect/inspect.ts";
import { formatPackError, loadPack } from "./stages/inspect/pack-file.ts";
import { createProtect } from "./stages/protect/protect.ts";
import { createWriteReport } from "./stages/protect/write-report.ts";
import { openIntake } from "./stages/spool/body-intake.ts";
import { ByteGate } from "./stages/spool/byte-gate.ts";
import { act } from "./stages/spool/operator.ts";
import type { Act, ActResult } from "./stages/spool/operator.ts";
import { reapEnded } from "./stages/spool/reap.ts";
import { Scheduler } from "./stages/spool/scheduler.ts";
import { createSettle } from "./stages/spool/settle.ts";
import { createSpool } from "./stages/spool/spool.ts";

/** Bytes of messages worked on at once. */
const WORK_BYTES_MAX = 64 * 1024 * 1024;
/** How long work in flight may go on after a stop before it is broken off. */
const DRAIN_MS = 30_000;
/** How long the quick recipients of a message wait for the slow ones before they take their next step. */
const STEP_PATIENCE_MS = 10_000;
const REAP_INTERVAL_MS = 10 * 60_000;
/** Messages forgotten in one transaction. */
const REAP_PORTION_MAX = 100;

export type Surroundings = {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** Names this process in leases and locks. */
  readonly owner: string;
  /** The storage cannot be trusted any more: end the process, recovery decides. */
  readonly onFatal: (code: string) => void;
};

export type Postern = {
  readonly config: () => Config;
  readonly address: () => { readonly host: string; readonly port: number };
  readonly store: SqliteQueueStore;
  /** Something may be due: look now. */
  readonly wake: () => void;
  readonly act: (request: Act) => Promise<ActResult>;
  /** Puts policy, rule packs and the listener's certificate of a new configuration in force; throws and keeps the old one where it cannot. */
  readonly reload: (next: Config) => Promise<void>;
  readonly tellReloadRefused: () => Promise<void>;
  readonly isDraining: () => boolean;
  /** Takes no more mail, lets what is in flight finish, closes the stores. Idempotent. */
  readonly stop: () => Promise<void>;
};

/** Rejects before anything listens where a file, key, pack or port cannot be used. */
export async function startPostern(config: Config, env: Surroundings): Promise<Postern> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const keyRing = keyRingOf(config);
  const store = await openStore(config, keyRing, env);
  let blobs: DiskBlobStore | null = null;
  let running: Running | null = null;
  try {
    // Another key for addresses could read no row and would write new ones beside them: refused before anything is written.
    await store.recipients({ limit: 1 });
    blobs = await openBodies({ config, env, keyRing, store });
    running = new Running({ config, env, keyRing, store, blobs });
    await running.start();
    return running.door();
  } catch (error) {
    await running?.abandon();
    await blobs?.close();
    await store.close();
    throw error;
  }
}

async function openBodies({ config, env, keyRing, store }: Omit<Parts, "blobs">): Promise<DiskBlobStore> {
  const directory = join(config.dataDir, "spool");
  if ((await store.auditHead()).seq === 0) await tellService("created", { config, env, store });
  await assertSameSpool(`${directory}.database`, { audit: store, keyRing });
  const blobs = await openBlobStore({
    directory,
    keyRing,
    onUnhealthy: ({ code }) => {
      env.log.error("spool_unhealthy", { code });
      env.onFatal(code);
    },
  });
  await recover(store, blobs, { config, env });
  return blobs;
}

function keyRingOf({ keys }: Config): KeyRing {
  return new KeyRing({
    spool: { name: "keys.spool", bytes: keys.spool.bytes() },
    addresses: { name: "keys.addresses", bytes: keys.addresses.bytes() },
  });
}

async function openStore(config: Config, keyRing: KeyRing, env: Surroundings): Promise<SqliteQueueStore> {
  return openQueueStore({
    path: join(config.dataDir, "gateway.db"),
    owner: env.owner,
    sealer: new FieldSealer(keyRing),
    clock: env.clock,
    log: env.log,
    onUnhealthy: (error) => env.onFatal(error.code),
  });
}

async function recover(
  store: SqliteQueueStore,
  blobs: DiskBlobStore,
  { config, env }: { readonly config: Config; readonly env: Surroundings },
): Promise<void> {
  const { reclaimed, missing } = await blobs.recover(store.liveBlobs());
  if (missing.length > 0) env.log.error("bodies_missing", { code: "PST-SPL-004", count: missing.length });
  const now = env.clock.now();
  const { resumed, ambiguous } = await store.recover({
    now,
    ambiguousDueAt: now + retryOptions(config).ambiguousRetryMs,
  });
  env.log.info("recovered", { resumed, ambiguous, reclaimed });
}

type Parts = {
  readonly config: Config;
  readonly env: Surroundings;
  readonly keyRing: KeyRing;
  readonly store: SqliteQueueStore;
  readonly blobs: DiskBlobStore;
};

/** The service while it runs. */
class Running {
  readonly #parts: Parts;
  #config: Config;
  #inspect: Inspect;
  #protect: Protect;
  readonly #breakOff = new AbortController();
  readonly #scheduler: Scheduler;
  readonly #delivery: Delivery;
  readonly #settle: ReturnType<typeof createSettle>;
  readonly #submit: ReturnType<typeof createPipeline>["submit"];
  readonly #newMessageId: ReturnType<typeof messageIdMaker>;
  #listener: Listener | null = null;
  #reapTimer: NodeJS.Timeout | null = null;
  #reaping: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { config, env, store, blobs } = parts;
    this.#config = config;
    this.#inspect = buildInspect(config, parts);
    this.#protect = createProtect(protectOptions(config), { blobs });
    this.#newMessageId = messageIdMaker(env.clock);
    this.#delivery = createDeliver(deliverOptions(config), { blobs, ...env });
    const wake = (): void => this.#scheduler.wake();
    this.#settle = createSettle({ store, wake, ...env, writeReport: this.#reportWriter() });
    const gate = new ByteGate(WORK_BYTES_MAX);
    const pipeline = createPipeline(
      {
        retry: retryOptions(config),
        recipientsPerTransactionMax: DELIVER_DEFAULTS.recipientsPerTransactionMax,
        stepPatienceMs: STEP_PATIENCE_MS,
      },
      {
        ...env,
        store,
        stages: {
          spool: createSpool({ lifetimeMs: lifetimeMs(config) }, { store, clock: env.clock }),
          inspect: (message) => this.#inspect(message),
          discover: createDiscover(discoverOptions(config), { resolver: this.#resolver(), ...env }),
          decide,
          protect: (input) => this.#protect(input),
          deliver: this.#delivery.deliver,
          settle: this.#settle,
        },
        scheduler: () => this.#scheduler,
        readBody: bodyReader(blobs),
        withinBytes: (bytes, work) => gate.run(bytes, work),
        policy: () => this.#config.policy,
        signal: this.#breakOff.signal,
      },
    );
    this.#submit = pipeline.submit;
    this.#scheduler = new Scheduler(schedulerOptions(env.owner), { store, ...env, workOn: pipeline.workOn });
  }

  async start(): Promise<void> {
    const { config, env, blobs } = this.#parts;
    this.#listener = await startListener(acceptOptions(config), {
      openIntake: () => this.#intake(),
      onSubmission: this.#submit,
      blobs,
      resolver: this.#resolver(),
      newMessageId: this.#newMessageId,
      clock: env.clock,
      log: env.log,
    });
    await this.#tellService("started");
    this.#scheduler.start();
    this.#reapTimer = setInterval(() => void (this.#reaping ??= this.#reap()), REAP_INTERVAL_MS);
    this.#reapTimer.unref();
    for (const name of config.allowed) env.log.warn("allowed", { option: name });
    env.log.info("started", { ...this.#listener.address(), config: config.sha256 });
  }

  /** For a start that failed half way. */
  async abandon(): Promise<void> {
    await this.#listener?.close();
    await this.#delivery.close();
  }

  door(): Postern {
    return {
      config: () => this.#config,
      address: () => {
        if (this.#listener === null) throw new Error("not started");
        return this.#listener.address();
      },
      store: this.#parts.store,
      wake: () => this.#scheduler.wake(),
      act: (request) => this.#act(request),
      reload: (next) => this.#reload(next),
      tellReloadRefused: () => this.#tellService("reload_refused"),
      isDraining: () => this.#stopping !== null,
      stop: () => (this.#stopping ??= this.#stop()),
    };
  }

  #resolver(): ReturnType<typeof createResolver> {
    return createResolver(resolverOptions(this.#config), { randomBytes, log: this.#parts.env.log });
  }

  #intake(): ReturnType<typeof openIntake> {
    const limits = mimeLimits(this.#config);
    return openIntake({ blobs: this.#parts.blobs, createScanner: () => new MimeScanner(limits) });
  }

  #reportWriter(): ReturnType<typeof createWriteReport> {
    const { config, blobs } = this.#parts;
    return createWriteReport(reportOptions(config), {
      blobs,
      openIntake: () => this.#intake(),
      newMessageId: () => this.#newMessageId(),
    });
  }

  #act(request: Act): Promise<ActResult> {
    const { store, env } = this.#parts;
    const lease = () => ({ owner: env.owner, until: env.clock.now() + 60_000 });
    return act(request, { store, settle: this.#settle, clock: env.clock, lease, wake: () => this.#scheduler.wake() });
  }

  async #reload(next: Config): Promise<void> {
    const inspect = buildInspect(next, this.#parts);
    this.#listener?.reloadTls(tlsMaterial(next));
    const { log } = this.#parts.env;
    for (const option of needRestart(this.#parts.config, next)) log.warn("restart_needed", { option });
    this.#inspect = inspect;
    this.#config = { ...this.#config, policy: next.policy, dlp: next.dlp, sha256: next.sha256, allowed: next.allowed };
    // What asks for protection and what is taken out of the Subject are the same texts.
    this.#protect = createProtect(protectOptions(this.#config), this.#parts);
    await this.#tellService("reloaded");
    log.info("reloaded", { config: next.sha256 });
  }

  async #stop(): Promise<void> {
    const { store, blobs, env } = this.#parts;
    env.log.info("stopping");
    if (this.#reapTimer !== null) clearInterval(this.#reapTimer);
    await this.#listener?.close();
    const timer = setTimeout(() => this.#breakOff.abort(), DRAIN_MS);
    await this.#scheduler.stop();
    clearTimeout(timer);
    await this.#delivery.close();
    this.#breakOff.abort();
    await this.#reaping;
    await this.#tellService("stopped");
    await blobs.close();
    await store.close();
    env.log.info("stopped");
  }

  #tellService(what: ServiceEvent["what"]): Promise<void> {
    const { env, store } = this.#parts;
    return tellService(what, { config: this.#config, env, store });
  }

  async #reap(): Promise<void> {
    const { store, blobs, env } = this.#parts;
    const options = { endedBefore: env.clock.now() - retentionMs(this.#config), portionMax: REAP_PORTION_MAX };
    try {
      await reapEnded(options, { store, blobs, signal: this.#breakOff.signal });
    } catch (error) {
      env.log.error("reap_failed", { code: faultOf(error).code, error: errorName(error) });
    }
    this.#reaping = null;
  }
}

type ServiceEvent = Extract<EventBody, { kind: "service" }>;

async function tellService(
  what: ServiceEvent["what"],
  { config, env, store }: Pick<Parts, "config" | "env" | "store">,
): Promise<void> {
  const body: EventBody = { kind: "service", what, configSha256: config.sha256, allowed: config.allowed };
  const event = { at: env.clock.now(), messageId: null, recipientId: null, body };
  await store.commit({ recipients: [], variants: [], inspected: null, events: [event] }, "durable");
}

function bodyReader(blobs: DiskBlobStore): (message: StoredMessage) => ReadBody {
  return ({ submission }) =>
    async (start, end) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of blobs.read(submission.body, { start, end })) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
}

function buildInspect(config: Config, { env, keyRing }: Parts): Inspect {
  const hashKey = keyRing.derive("addresses", "postern finding value v1");
  return createInspect(inspectOptions(config), { packs: config.dlp.packs.map(readPack), hashKey, clock: env.clock });
}

function readPack(path: string): CompiledPack {
  const loading = loadPack(readFileSync(path, "utf8"), path);
  if (loading.ok) return loading.pack;
  throw new PackError(loading.errors.map(formatPackError));
}

/** A rule pack that does not load: every error with its place. */
export class PackError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "PackError";
    this.lines = lines;
  }
}
