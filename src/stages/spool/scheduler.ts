/**
 * Hands due recipients to the pipeline, message by message, and keeps their leases alive while they are worked on.
 * Promises: at most `inFlightRecipientsMax` recipients are worked on at once; what is not in flight stays in the store, so
 * memory does not follow the backlog. Does not know what the work is.
 */
import type { Clock } from "../../core/clock.ts";
import { reached } from "../../core/failpoint.ts";
import type { MessageId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { errorName } from "../../core/error-facts.ts";
import { faultOf } from "../../core/pass-facts.ts";
import type { Lease, QueueStore, StoredMessage, StoredRecipient } from "../../core/queue-store.ts";

export type SchedulerOptions = {
  /** Names this process in leases. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly claimLimit: number;
  readonly inFlightRecipientsMax: number;
  /** Longest sleep between two looks at the queue. */
  readonly pollMsMax: number;
};

/** Works on all claimed recipients of one message; must not reject. */
export type WorkOn = (
  messageId: MessageId,
  claims: readonly StoredRecipient[],
  known: StoredMessage | null,
) => Promise<void>;

export class Scheduler {
  readonly #store: QueueStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: SchedulerOptions;
  readonly #workOn: WorkOn;
  readonly #claims = new Map<string, StoredRecipient>();
  /** Places promised to messages that are being accepted. */
  #reserved = 0;
  readonly #running = new Set<Promise<void>>();
  #stopped = false;
  #loop: Promise<void> | null = null;
  #renewTimer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  #woken = false;

  constructor(options: SchedulerOptions, deps: { store: QueueStore; clock: Clock; log: Log; workOn: WorkOn }) {
    this.#options = options;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#workOn = deps.workOn;
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
  reserve(recipients: number): { readonly lease: Lease; readonly giveBack: () => void } | null {
    if (this.#stopped || recipients > this.#room) return null;
    this.#reserved += recipients;
    return { lease: this.#lease(), giveBack: () => void (this.#reserved -= recipients) };
  }

  /** Works on claims the caller holds; `known` saves reading the message again. */
  dispatch(messageId: MessageId, claims: readonly StoredRecipient[], known: StoredMessage | null = null): void {
    for (const claim of claims) this.#claims.set(claim.id, claim);
    const task = this.#work(messageId, claims, known).finally(() => {
      this.#running.delete(task);
      // A recipient put off early may have been claimed again while others of its message were still worked on.
      for (const claim of claims) if (this.#claims.get(claim.id) === claim) this.#claims.delete(claim.id);
      this.wake();
    });
    this.#running.add(task);
  }

  /** Ends claiming and waits for what is in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#loop;
    await Promise.all(this.#running);
    if (this.#renewTimer !== null) clearInterval(this.#renewTimer);
  }

  get inFlight(): number {
    return this.#claims.size;
  }

  get #room(): number {
    return this.#options.inFlightRecipientsMax - this.#claims.size - this.#reserved;
  }

  async #work(messageId: MessageId, claims: readonly StoredRecipient[], known: StoredMessage | null): Promise<void> {
    try {
      await reached("queue.claimed");
      await this.#workOn(messageId, claims, known);
    } catch (error) {
      // A bug in a stage fails the message, not the process; its lease runs out and it is tried again.
      this.#log.error("work_failed", { message: messageId, code: faultOf(error).code, error: errorName(error) });
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#woken = false;
      const claimed = await this.#claimSome();
      if (claimed === "failed") await this.#sleep(this.#options.pollMsMax);
      else if (claimed === 0) await this.#sleep(await this.#untilDue());
    }
  }

  async #claimSome(): Promise<number | "failed"> {
    if (this.#room <= 0) return 0;
    try {
      const limit = Math.min(this.#room, this.#options.claimLimit);
      const claims = await this.#store.claim({ now: this.#clock.now(), limit, lease: this.#lease() });
      for (const [messageId, group] of byMessage(claims)) this.dispatch(messageId, group);
      return claims.length;
    } catch (error) {
      this.#log.error("claim_failed", { code: faultOf(error).code, error: errorName(error) });
      return "failed";
    }
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
    const { pollMsMax } = this.#options;
    if (this.#woken || this.#room <= 0) return pollMsMax;
    try {
      const dueAt = await this.#store.nextDueAt();
      return dueAt === null ? pollMsMax : Math.min(Math.max(dueAt - this.#clock.now(), 5), pollMsMax);
    } catch {
      // An unhealthy store is reported by whoever writes to it; here it only means: look again later.
      return pollMsMax;
    }
  }

  async #renew(): Promise<void> {
    const claims = [...this.#claims.values()].map(({ id, fence }) => ({ recipientId: id, fence }));
    if (claims.length === 0) return;
    try {
      await this.#store.renew(claims, this.#lease().until);
    } catch (error) {
      this.#log.error("renew_failed", { code: faultOf(error).code, error: errorName(error) });
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
