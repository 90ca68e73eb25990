/**
 * The service while it runs: stages built from their options, the pipeline over them, the listener, the duties beside the mail.
 * Order at the end: the listener first, then work in flight, then the stores.
 */
import { randomBytes } from "node:crypto";
import { errorName, reasonOf } from "./core/error-facts.ts";
import type { PressureLevel } from "./core/pressure.ts";
import type { StoredRecipient } from "./core/queue-store.ts";
import type { Deliver, Discover, Protect } from "./core/stages.ts";
import {
  acceptOptions,
  deliverOptions,
  discoverOptions,
  lifetimeMs,
  mimeLimits,
  protectOptions,
  reportOptions,
  resolverOptions,
  retentionMs,
  retryOptions,
  schedulerOptions,
  tlsMaterial,
} from "./options.ts";
import { ringMaterial } from "./parts/config/config-files.ts";
import type { Config } from "./parts/config/config.ts";
import { createResolver } from "./parts/dns/dns.ts";
import type { DnsResolver } from "./parts/dns/dns.ts";
import { FieldSealer } from "./parts/keys/field-sealer.ts";
import { messageIdMaker } from "./parts/keys/message-id.ts";
import { MimeScanner } from "./parts/mime/mime-scanner.ts";
import type { PressureGauge } from "./parts/pressure/pressure-gauge.ts";
import { assertSameSpool, spoolIdentityPath } from "./parts/store/spool-identity.ts";
import { wordOfLife } from "./parts/systemd/word-of-life.ts";
import { changesOf, reloaded } from "./config-changes.ts";
import { DeliveryHold } from "./delivery-hold.ts";
import { newGauge } from "./new-gauge.ts";
import { createPipeline } from "./pipeline.ts";
import { startListener } from "./stages/accept/accept.ts";
import type { Listener } from "./stages/accept/accept.ts";
import { decide } from "./stages/decide/decide.ts";
import { createDeliver } from "./stages/deliver/deliver.ts";
import type { Delivery } from "./stages/deliver/deliver.ts";
import { DELIVER_DEFAULTS } from "./stages/deliver/options.ts";
import { createDiscover } from "./stages/discover/discover.ts";
import { refreshPolicy } from "./stages/discover/sts-view.ts";
import type { StsPolicies } from "./stages/discover/sts.ts";
import { createProtect } from "./stages/protect/protect.ts";
import { createWriteReport } from "./stages/protect/write-report.ts";
import { openIntake } from "./stages/spool/body-intake.ts";
import { ByteGate } from "./stages/spool/byte-gate.ts";
import { act } from "./stages/spool/operator.ts";
import type { OperatorDeps } from "./stages/spool/operator.ts";
import { reapEnded } from "./stages/spool/reap.ts";
import { Scheduler } from "./stages/spool/scheduler.ts";
import { createSettle, createWrite } from "./stages/spool/settle.ts";
import { createSpool } from "./stages/spool/spool.ts";
import { keepAudit } from "./audit-keeping.ts";
import type { AuditKeeping } from "./audit-keeping.ts";
import type { Duty } from "./core/duty.ts";
import { bodyReader } from "./body-reader.ts";
import { Duties } from "./duties.ts";
import { keepPolicies, renewalDuty } from "./sts-keeping.ts";
import type { OwnPost } from "./own-post.ts";
import { rekeyDuty } from "./rekeying.ts";
import { reportTls } from "./tls-reporting.ts";
import type { TlsReporting } from "./tls-reporting.ts";
import { watchValidation } from "./validation-watch.ts";
import type { ValidationWatch } from "./validation-watch.ts";
import type { Postern } from "./postern.ts";
import { createProving } from "./proving.ts";
import type { Proving } from "./proving.ts";
import { upkeepDuties } from "./upkeep.ts";
import { expiryDuty, reviewing } from "./reviewing.ts";
import { suspendingIn } from "./suspending.ts";
import type { Suspending } from "./suspending.ts";
import { accompanying } from "./accompanying.ts";
import { buildInspect } from "./rule-packs.ts";
import type { Inspection } from "./stages/inspect/threaded-inspect.ts";
import { allowedOf, leaseOf, record, recordOf, tellService } from "./surroundings.ts";
import type { Parts, ServiceEvent } from "./surroundings.ts";
import type { Subject } from "./watching.ts";

/** Bytes of messages worked on at once. */
const WORK_BYTES_MAX = 64 * 1024 * 1024;
/** How long work in flight may go on after a stop before it is broken off. */
const DRAIN_MS = 30_000;
/** How long the quick recipients of a message wait for the slow ones before they take their next step. */
const STEP_PATIENCE_MS = 10_000;
const DIALOG_PATIENCE_MS = 1_000;
const REAP_INTERVAL_MS = 10 * 60_000;
/** Messages forgotten in one transaction. */
const REAP_PORTION_MAX = 100;

/** The service while it runs. */
export class Running {
  readonly #parts: Parts;
  #config: Config;
  #inspection: Inspection;
  #protect: Protect;
  readonly #breakOff = new AbortController();
  readonly #gate = new ByteGate(WORK_BYTES_MAX);
  readonly #gauge: PressureGauge;
  readonly #hold: DeliveryHold;
  readonly #scheduler: Scheduler;
  readonly #delivery: Delivery;
  readonly #tls: TlsReporting;
  readonly #settle: ReturnType<typeof createSettle>;
  readonly #submit: ReturnType<typeof createPipeline>["submit"];
  readonly #newMessageId: ReturnType<typeof messageIdMaker>;
  readonly #resolver: DnsResolver;
  readonly #validation: ValidationWatch;
  readonly #proving: Proving;
  readonly #policies: StsPolicies;
  readonly #suspending: Suspending;
  #listener: Listener | null = null;
  readonly #duties: Duties;
  readonly #audit: AuditKeeping;
  #stopping: Promise<void> | null = null;

  constructor(parts: Parts, inspection: Inspection) {
    this.#parts = parts;
    const { config, env, store, blobs, raise } = parts;
    this.#config = config;
    this.#resolver = createResolver(resolverOptions(config), { randomBytes, log: env.log });
    this.#validation = watchValidation(this.#resolver, parts);
    this.#policies = keepPolicies(parts, this.#resolver);
    this.#duties = new Duties(env.log);
    this.#gauge = newGauge(parts, (now, before) => this.#onPressure(now, before));
    this.#hold = new DeliveryHold({
      read: () => this.#gauge.read(),
      untilWritable: (signal) => this.#gauge.untilWritable(signal),
    });
    this.#inspection = inspection;
    this.#audit = keepAudit(parts, () => this.#config);
    this.#protect = createProtect(protectOptions(config), { blobs });
    this.#newMessageId = messageIdMaker(env.clock);
    this.#proving = createProving(parts, this.#validation, () => this.#config.policy.keepProvenMs);
    this.#delivery = createDeliver(deliverOptions(config), { blobs, raise, ...env });
    this.#tls = reportTls(parts, { resolver: this.#resolver, ownPost: this.#ownPost() });
    const wake = (): void => this.#scheduler.wake();
    this.#suspending = suspendingIn(parts, () => this.#scheduler);
    const settled = (ended: readonly StoredRecipient[]): void => this.#scheduler.settled(ended);
    this.#settle = createSettle({ store, blobs, wake, settled, ...env, writeReport: this.#reportWriter() });
    const pipeline = createPipeline(
      {
        retry: retryOptions(config),
        recipientsPerTransactionMax: DELIVER_DEFAULTS.recipientsPerTransactionMax,
        stepPatienceMs: STEP_PATIENCE_MS,
        dialogPatienceMs: DIALOG_PATIENCE_MS,
      },
      {
        ...env,
        store,
        stages: {
          spool: createSpool({ lifetimeMs: lifetimeMs(config) }, { store, blobs, clock: env.clock }),
          inspect: (message) => this.#inspection.inspect(message),
          discover: this.#discover(),
          decide,
          protect: (input) => this.#protect(input),
          deliver: this.#deliver(),
          accompany: accompanying(parts, { config: () => this.#config, post: this.#ownPost(), wake }),
          settle: this.#hold.settle(this.#settle, this.#breakOff.signal),
          write: createWrite({ store, blobs }),
        },
        scheduler: () => this.#scheduler,
        readBody: bodyReader(blobs),
        withinBytes: (bytes, work) => this.#gate.run(bytes, work),
        policy: () => this.#config.policy,
        signal: this.#breakOff.signal,
      },
    );
    this.#submit = pipeline.submit;
    this.#scheduler = new Scheduler(schedulerOptions(env.owner, config), {
      store,
      ...env,
      workOn: pipeline.workOn,
      isHeld: () => config.delivery.paused || this.#hold.isHeld,
    });
  }

  async start(): Promise<void> {
    const { config, env, blobs, watching, spareTime } = this.#parts;
    watching.attach(this.#subject());
    await this.#suspending.load();
    await this.#gauge.start();
    const options = { ...acceptOptions(config), descriptors: env.descriptors ?? [] };
    this.#listener = await startListener(options, {
      openIntake: () => this.#intake(),
      onSubmission: async (submission) => {
        await spareTime.during(this.#submit(submission));
        setImmediate(() => watching.submitted(submission));
      },
      blobs,
      resolver: this.#resolver,
      newMessageId: this.#newMessageId,
      pressure: () => this.#gauge.read(),
      later: (task) => spareTime.add(task),
      ...env,
    });
    await this.#tellService("started");
    await this.#audit.checkpoints.start();
    this.#scheduler.start();
    this.#duties.start(this.#dutiesOf());
    watching.started();
    for (const name of allowedOf(this.#parts)) env.log.warn("allowed", { option: name });
    env.log.info("started", { ...this.#listener.address(), config: config.sha256 });
  }

  /** For a start that failed half way. */
  async abandon(): Promise<void> {
    this.#gauge.stop();
    await this.#listener?.close();
    await this.#delivery.close();
    await this.#inspection.close();
  }

  door(): Postern {
    return {
      config: () => this.#config,
      address: () => {
        if (this.#listener === null) throw new Error("not started");
        return this.#listener.address();
      },
      watching: this.#parts.watching,
      store: this.#parts.store,
      now: () => this.#parts.env.clock.now(),
      wake: () => this.#scheduler.wake(),
      act: (request) => act(request, this.#operatorDeps()),
      suspending: this.#suspending,
      audit: this.#audit,
      review: reviewing({
        config: () => this.#config,
        operator: () => this.#operatorDeps(),
        newRequestId: () => this.#newMessageId(),
      }),
      readBody: ({ submission }) => this.#parts.blobs.read(submission.body),
      recordOf: (recipients, body) => recordOf(recipients, body, this.#parts),
      reload: (next) => this.#reload(next),
      tellReloadRefused: () => this.#tellService("reload_refused"),
      record: (body) => record(body, this.#parts),
      pressure: () => this.#gauge.read(),
      validation: () => this.#validation.state,
      refreshPolicy: (domain) => refreshPolicy(this.#policies, domain, this.#parts.env.clock.now()),
      reportTls: (signal) => this.#tls.run(signal),
      isDraining: () => this.#stopping !== null,
      stop: () => (this.#stopping ??= this.#stop()),
    };
  }

  #discover(): Discover {
    const { config, env } = this.#parts;
    const policy = (): Config["policy"] => this.#config.policy;
    const deps = { resolver: this.#resolver, sts: this.#policies, policy, ...env };
    return this.#proving.discover(this.#tls.sessions.discover(createDiscover(discoverOptions(config), deps)));
  }

  /** Outermost first; docs/flow.md tells what each does. */
  #deliver(): Deliver {
    const counted = this.#tls.sessions.deliver(this.#delivery.deliver);
    return this.#suspending.deliver(this.#hold.deliver(this.#proving.deliver(counted)));
  }

  #onPressure(now: PressureLevel, before: PressureLevel): void {
    if (now === "closed") this.#hold.breakOff();
    // After those who wait to write down what they know: they come first.
    if (before === "closed") setImmediate(() => this.#scheduler.wake());
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

  #operatorDeps(): OperatorDeps {
    const { store, env } = this.#parts;
    const retry = retryOptions(this.#parts.config);
    const wake = (): void => this.#scheduler.wake();
    return { store, settle: this.#settle, retry, clock: env.clock, lease: () => leaseOf(env), wake };
  }

  async #reload(next: Config): Promise<readonly string[]> {
    const inspection = await buildInspect(next, this.#parts);
    await this.#takeKeys(next);
    this.#listener?.reloadTls(tlsMaterial(next));
    const { log } = this.#parts.env;
    const { restart: left } = changesOf(this.#config, next);
    for (const option of left) log.warn("restart_needed", { option });
    const before = this.#inspection;
    this.#inspection = inspection;
    this.#config = reloaded(this.#config, next);
    this.#parts.watching.use(this.#config);
    // What asks for protection and what is taken out of the Subject are the same texts.
    this.#protect = createProtect(protectOptions(this.#config), this.#parts);
    await before.close();
    await this.#tellService("reloaded");
    log.info("reloaded", { config: next.sha256 });
    return left;
  }

  /** Refused, before anything else changes, where what is sealed now could not be opened any more. */
  async #takeKeys(next: Config): Promise<void> {
    const { keyRing, store, config } = this.#parts;
    keyRing.replace(ringMaterial(next.keys));
    await assertSameSpool(spoolIdentityPath(config.dataDir), { audit: store, keyRing });
  }

  async #stop(): Promise<void> {
    const { store, blobs, env } = this.#parts;
    env.log.info("stopping");
    const dutiesOver = this.#duties.stop();
    await this.#listener?.close();
    const timer = setTimeout(() => this.#breakOff.abort(), DRAIN_MS);
    await this.#scheduler.stop();
    clearTimeout(timer);
    await this.#delivery.close();
    await this.#inspection.close();
    this.#breakOff.abort();
    await dutiesOver;
    await this.#proving.close();
    await this.#policies.close();
    this.#gauge.stop();
    // A disk that takes nothing any more must not keep the stores from being closed.
    const unrecorded = (error: unknown): void =>
      env.log.error("stop_unrecorded", { code: reasonOf(error), error: errorName(error) });
    await this.#tls.sessions.write().catch(unrecorded);
    await this.#parts.watching.keepUntold();
    await this.#tellService("stopped").catch(unrecorded);
    await this.#parts.watching.close();
    await this.#audit.checkpoints.sign("stop").catch(unrecorded);
    await blobs.close();
    await store.close();
    env.log.info("stopped");
  }

  #tellService(what: ServiceEvent["what"]): Promise<void> {
    const { env, store } = this.#parts;
    return tellService(what, { config: this.#config, env, store });
  }

  /** What others may see of it. */
  #subject(): Subject {
    const { store, blobs, keyRing } = this.#parts;
    return {
      store,
      blobs,
      sealer: new FieldSealer(keyRing),
      inFlight: () => this.#scheduler.inFlight,
      lanes: () => this.#delivery.lanes(),
      connections: () => this.#listener?.connectionCount() ?? 0,
      isDraining: () => this.#stopping !== null,
      pressure: () => this.#gauge.read(),
      validation: () => this.#validation.state,
      tlsSessions: () => this.#tls.sessions.totals,
      ...this.#ownPost(),
    };
  }

  /** The way of our own mail into the queue. */
  #ownPost(): OwnPost {
    return {
      openIntake: () => this.#intake(),
      newMessageId: () => this.#newMessageId(),
      submit: (submission) => this.#submit(submission),
    };
  }

  /** What the service does beside the mail. */
  #dutiesOf(): readonly Duty[] {
    const { store, blobs, env, watching } = this.#parts;
    const endedBefore = (): number => env.clock.now() - retentionMs(this.#config);
    return [
      ...this.#audit.duties,
      {
        name: "reap",
        everyMs: REAP_INTERVAL_MS,
        run: (signal) =>
          reapEnded({ endedBefore: endedBefore(), portionMax: REAP_PORTION_MAX }, { store, blobs, signal }),
      },
      ...upkeepDuties(this.#parts),
      this.#validation.duty(),
      ...this.#tls.duties,
      this.#proving.duty(),
      renewalDuty(this.#policies),
      rekeyDuty(this.#parts),
      expiryDuty({ store, clock: env.clock }),
      this.#suspending.duty(),
      ...watching.duties(),
      ...(env.supervisor === undefined ? [] : [wordOfLife(env.supervisor, () => store.counts())]),
    ];
  }
}
