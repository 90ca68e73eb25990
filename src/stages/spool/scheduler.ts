/**
 * Hands due recipients to the pipeline, message by message, and keeps their leases alive while they are worked on.
 * Promises: at most `inFlightRecipientsMax` recipients are worked on at once, shared fairly (shares.ts); what is not in flight
 * stays in the store, so memory does not follow the backlog; nobody in flight is claimed again, however the clock jumps. Does
 * not know what the work is.
 */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { RetryOptions } from "../../core/aftermath.ts";
import type { Chance, Clock } from "../../core/clock.ts";
import { reached } from "../../core/failpoint.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { errorName } from "../../core/error-facts.ts";
import { faultOf } from "../../core/pass-facts.ts";
import type { Lease, MessageShares, QueueStore, StoredMessage, StoredRecipient } from "../../core/queue-store.ts";
import type { Destination } from "../../core/stages.ts";
import { Rests } from "./rests.ts";
import type { RestsOptions } from "./rests.ts";
import { Shares } from "./shares.ts";
import type { ShareOptions, Way } from "./shares.ts";

export type SchedulerOptions = ShareOptions &
  Omit<RestsOptions, "retry"> & {
    /** Names this process in leases. */
    readonly owner: string;
    readonly leaseMs: number;
    readonly claimLimit: number;
    /** Longest sleep between two looks at the queue. */
    readonly pollMsMax: number;
    /** Sleep where something is due and nothing of it may begin. */
    readonly blockedMs: number;
    /** So long after the last mail that came in the queue's own chores may take more of the disk. */
    readonly quietMs: number;
    /** Between two claims: what becomes due or free meanwhile is claimed together. */
    readonly gatherMs: number;
    /** Share of the time that claims may take: where much is due that may not go, each looks at all of it. */
    readonly claimDuty: number;
    readonly retry: RetryOptions;
  };

export type SchedulerDeps = {
  readonly store: QueueStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly workOn: WorkOn;
  /** While it is true nothing is begun: what came of it could not be written down. Wake it when that is over. */
  readonly isHeld?: () => boolean;
};

/** Works on all claimed recipients of one message; must not reject. */
export type WorkOn = (
  messageId: MessageId,
  claims: readonly StoredRecipient[],
  known: StoredMessage | null,
) => Promise<void>;

type InFlight = { readonly claim: StoredRecipient; readonly way: Way };

export class Scheduler {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: SchedulerOptions;
  readonly #workOn: WorkOn;
  readonly #isHeld: () => boolean;
  readonly #claims = new Map<RecipientId, InFlight>();
  readonly #shares: Shares;
  readonly #rests: Rests;
  readonly #running = new Set<Promise<void>>();
  /** No lease in flight runs out before. */
  #leasedUntil = Infinity;
  /** Monotonic. */
  #lastArrival = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #loop: Promise<void> | null = null;
  #renewTimer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #woken = false;
  /** Something is due, and the last claim handed out nothing of it. */
  #isBlocked = false;

  constructor(options: SchedulerOptions, deps: SchedulerDeps) {
    this.#options = options;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#workOn = deps.workOn;
    this.#isHeld = deps.isHeld ?? ((): boolean => false);
    this.#shares = new Shares(options, deps.clock);
    this.#rests = new Rests(options, {
      ...deps,
      isQuiet: () => deps.clock.monotonic() - this.#lastArrival > options.quietMs,
      workOn: (ids) => this.#claimThese(ids),
    });
  }

  start(): void {
    this.#loop = this.#run();
    this.#renewTimer = setInterval(() => void this.#renew(), this.#options.leaseMs / 3);
    this.#renewTimer.unref();
  }

  /** Something may be due: look now. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /**
   * Places and a lease for a message about to be accepted, or null where too much is in flight: the queue then hands it out
   * later. To be given back once the message was dispatched, or was not stored.
   */
  reserve(shares: MessageShares): { readonly lease: Lease; readonly giveBack: () => void } | null {
    this.#lastArrival = this.#clock.monotonic();
    if (this.#stopped || this.#isHeld() || !this.#shares.fits(shares)) return null;
    const places = shares.lanes.map((lane) => ({ lane, sender: shares.sender }));
    for (const place of places) this.#shares.add(place, "arrived");
    return { lease: this.#lease(), giveBack: () => places.forEach((place) => this.#shares.remove(place, "arrived")) };
  }

  /** Works on claims the caller holds; `known` is a message that just arrived. */
  dispatch(messageId: MessageId, claims: readonly StoredRecipient[], known: StoredMessage | null = null): void {
    for (const claim of claims) this.#enter({ claim, way: known === null ? "claimed" : "arrived" });
    const task = this.#work(messageId, claims, known).finally(() => {
      this.#running.delete(task);
      this.settled(claims);
      // Mail that only passes through makes no room for what is blocked: a claim for each of it would find the same.
      if (known === null || !this.#isBlocked) this.wake();
    });
    this.#running.add(task);
  }

  /** These need their places and leases no more, though others of their message are still worked on. */
  settled(recipients: readonly Pick<StoredRecipient, "id" | "fence">[]): void {
    const wasFull = this.#shares.claimable <= 0;
    for (const { id, fence } of recipients) {
      const inFlight = this.#claims.get(id);
      // A recipient put off early may have been claimed again meanwhile.
      if (inFlight === undefined || inFlight.claim.fence !== fence) continue;
      this.#claims.delete(id);
      this.#shares.remove(inFlight.claim, inFlight.way);
    }
    if (wasFull && this.#shares.claimable > 0) this.wake();
  }

  /** What a delivery found out about the destination of a lane. */
  async learn(lane: string, destination: Destination): Promise<void> {
    if (destination.kind === "answers") this.#shares.learn(lane, destination.window);
    else if (destination.kind === "rests") this.#shares.unlearn(lane);
    try {
      await this.#rests.learn(lane, destination);
    } catch (error) {
      // What was learned only saves attempts; the result itself is written already.
      this.#log.warn("rest_untold", { code: faultOf(error).code, error: errorName(error) });
    }
  }

  /** Ends claiming and waits for what is in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#loop;
    await this.#rests.stop();
    await Promise.all(this.#running);
    if (this.#renewTimer !== null) clearInterval(this.#renewTimer);
  }

  isWorkedOn(id: RecipientId): boolean {
    return this.#claims.has(id);
  }

  get inFlight(): number {
    return this.#claims.size;
  }

  #enter({ claim, way }: InFlight): void {
    const before = this.#claims.get(claim.id);
    if (before !== undefined) this.#shares.remove(before.claim, before.way);
    this.#claims.set(claim.id, { claim, way });
    this.#shares.add(claim, way);
    if (claim.lease !== null) this.#leasedUntil = Math.min(this.#leasedUntil, claim.lease.until);
  }

  async #work(messageId: MessageId, claims: readonly StoredRecipient[], known: StoredMessage | null): Promise<void> {
    try {
      await reached("queue.claimed");
      // Answers that are on their way go first: a client waits for its 250.
      await setImmediate();
      await this.#workOn(messageId, claims, known);
    } catch (error) {
      // A bug in a stage fails the message, not the process; its lease runs out and it is tried again.
      this.#log.error("work_failed", { message: messageId, code: faultOf(error).code, error: errorName(error) });
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false;
      const begun = this.#clock.monotonic();
      const claimed = await this.#claimSome();
      const tookMs = this.#clock.monotonic() - begun;
      if (claimed.count > 0) this.#isBlocked = false;
      else if (claimed.isWhole) await this.#sleep(await this.#untilDue());
      if (claimed.count !== this.#options.claimLimit) await this.#gather(tookMs);
    }
  }

  async #claimSome(): Promise<{ readonly count: number; readonly isWhole: boolean }> {
    if (this.#shares.claimable <= 0 || this.#isHeld()) return { count: 0, isWhole: true };
    try {
      const now = this.#clock.now();
      // After a clock jump or a long sleep: who is worked on keeps the lease.
      if (now >= this.#leasedUntil) await this.#renewAll();
      const limit = Math.min(this.#shares.claimable, this.#options.claimLimit);
      const shares = this.#shares.forClaim();
      const { recipients, isWhole } = await this.#store.claim({ now, limit, lease: this.#lease(), shares });
      this.#dispatchAll(recipients);
      return { count: recipients.length, isWhole };
    } catch (error) {
      this.#log.error("claim_failed", { code: faultOf(error).code, error: errorName(error) });
      await this.#sleep(this.#options.pollMsMax);
      return { count: 0, isWhole: false };
    }
  }

  /** Due recipients that no walk hands out, because their lane rests. */
  async #claimThese(ids: readonly RecipientId[]): Promise<void> {
    const some = ids.slice(0, Math.min(this.#shares.claimable, this.#options.claimLimit));
    if (this.#stopped || this.#isHeld() || some.length === 0) return;
    this.#dispatchAll(await this.#store.claimThese(some, this.#lease(), this.#clock.now()));
  }

  #dispatchAll(claims: readonly StoredRecipient[]): void {
    for (const [messageId, group] of byMessage(claims)) this.dispatch(messageId, group);
  }

  /** A claim for every mail that ends would cost as much as the mail. */
  async #gather(tookMs: number): Promise<void> {
    const { gatherMs, claimDuty, blockedMs } = this.#options;
    if (!this.#stopped) await sleep(Math.max(gatherMs, Math.min(blockedMs, tookMs / claimDuty - tookMs)));
  }

  async #sleep(waitMs: number): Promise<void> {
    if (this.#woken || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  async #untilDue(): Promise<number> {
    const { pollMsMax, blockedMs } = this.#options;
    if (this.#woken || this.#shares.claimable <= 0 || this.#isHeld()) {
      this.#isBlocked = false;
      return pollMsMax;
    }
    try {
      const dueAt = await this.#store.nextDueAt();
      if (dueAt === null) return pollMsMax;
      const waitMs = dueAt - this.#clock.now();
      this.#isBlocked = waitMs <= 0;
      return Math.min(this.#isBlocked ? blockedMs : waitMs, pollMsMax);
    } catch {
      // An unhealthy store is reported by whoever writes to it; here it only means: look again later.
      return pollMsMax;
    }
  }

  async #renew(): Promise<void> {
    try {
      await this.#renewAll();
    } catch (error) {
      this.#log.error("renew_failed", { code: faultOf(error).code, error: errorName(error) });
    }
  }

  async #renewAll(): Promise<void> {
    const claims = [...this.#claims.values()].map(({ claim: { id, fence } }) => ({ recipientId: id, fence }));
    const { until } = this.#lease();
    const before = this.#leasedUntil;
    // Set first: who enters meanwhile may lower it.
    this.#leasedUntil = claims.length > 0 ? until : Infinity;
    try {
      if (claims.length > 0) await this.#store.renew(claims, until);
    } catch (error) {
      this.#leasedUntil = Math.min(this.#leasedUntil, before);
      throw error;
    }
  }

  #lease(): Lease {
    return { owner: this.#options.owner, until: this.#clock.now() + this.#options.leaseMs };
  }
}

function byMessage(claims: readonly StoredRecipient[]): Map<MessageId, StoredRecipient[]> {
  const groups = new Map<MessageId, StoredRecipient[]>();
  for (const claim of claims) {
    const group = groups.get(claim.messageId);
    if (group === undefined) groups.set(claim.messageId, [claim]);
    else group.push(claim);
  }
  return groups;
}
