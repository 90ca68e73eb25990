/**
 * Mail that an operator lets wait, around deliver: it goes the whole way up to its delivery and is then deferred (PST-PIP-010) until the
 * end of the suspension, with the notices and the end every deferred mail has; between those it costs nothing. Promises: outlives a
 * restart; what stands is read before the first mail goes, or the service does not start; an act is in the audit before it is done; at its
 * end, or when it is lifted, whoever waits for it alone is due at once. A dialog under way is left to end.
 */
import { actorFacts } from "./core/actor.ts";
import type { Actor } from "./core/actor.ts";
import type { Clock } from "./core/clock.ts";
import type { DomainFact, DomainFacts } from "./core/domain-facts.ts";
import type { Duty } from "./core/duty.ts";
import type { EventBody } from "./core/event.ts";
import type { RecipientId } from "./core/ids.ts";
import type { Log } from "./core/log.ts";
import { Turns } from "./core/patience.ts";
import type { Outcome } from "./core/outcome.ts";
import type { Lease, QueueStore, RecipientTransition, StoredRecipient } from "./core/queue-store.ts";
import type { Deliver, DeliveryReport } from "./core/stages.ts";
import { suspendedFacts, suspensionsOf, SUSPENDED_SIDES, SUSPENSION_LIMITS } from "./core/suspension.ts";
import type { SuspendedMail, Suspension } from "./core/suspension.ts";
import { leaseOf, record } from "./surroundings.ts";
import type { Parts } from "./surroundings.ts";
import { selectPortion } from "./stages/spool/select.ts";
import type { SelectCursor } from "./stages/spool/select.ts";

const LOOK_MS = 5_000;
const PAGE_MAX = 500;
/** Made due in one transaction. */
const PORTION = { matchesMax: 200, examinedMax: 2_000 };
/** What is over is removed by hand; this is for what nobody came to remove. */
const KEPT_MS = 30 * 86_400_000;

const SUSPENDED = {
  kind: "deferred",
  scope: "recipient",
  status: "4.3.2",
  code: "PST-PIP-010",
  reply: null,
  host: null,
  unmet: null,
} as const;
const NOT_TRIED: DeliveryReport = { attempts: [], outcomes: new Map(), destination: { kind: "unknown" } };

type SuspendingDeps = {
  readonly store: Pick<QueueStore, "scan" | "message" | "claimThese" | "commit"> & {
    readonly domainFacts: DomainFacts;
  };
  readonly record: (body: EventBody) => Promise<void>;
  readonly lease: () => Lease;
  readonly wake: () => void;
  /** Somebody has it in hand now. */
  readonly isWorkedOn: (id: RecipientId) => boolean;
  readonly clock: Clock;
  readonly log: Log;
};

export function suspendingIn(
  { store, env }: Parts,
  scheduler: () => { wake(): void; isWorkedOn(id: RecipientId): boolean },
): Suspending {
  return new Suspending({
    store,
    record: (body) => record(body, { store, env }),
    lease: () => leaseOf(env),
    wake: () => scheduler().wake(),
    isWorkedOn: (id) => scheduler().isWorkedOn(id),
    ...env,
  });
}

export type SuspendAct = SuspendedMail & { readonly actor: Actor; readonly reason: string };

export class Suspending {
  readonly #deps: SuspendingDeps;
  readonly #standing = new Map<string, Suspension>();
  /** Told to wait, perhaps not written yet: their suspensions. */
  readonly #waiting = new Map<RecipientId, readonly string[]>();
  /** What is kept and what is in force change together. */
  readonly #turns = new Turns();

  constructor(deps: SuspendingDeps) {
    this.#deps = deps;
  }

  async load(): Promise<void> {
    for (let after: string | null = null, isMore = true; isMore; isMore = after !== null) {
      const page = await this.#deps.store.domainFacts.list("suspended", { after, limit: PAGE_MAX });
      for (const { value } of page.facts) if (isSuspension(value)) this.#standing.set(keyOf(value), value);
      after = page.next;
    }
  }

  /** Those in force, the oldest first. */
  list(): readonly Suspension[] {
    const now = this.#deps.clock.now();
    return [...this.#standing.values()].filter(({ until }) => until > now).toSorted((a, b) => a.since - b.since);
  }

  /** In the place of one of the same mail; null: too many stand already. */
  async suspend(act: SuspendAct & { readonly until: number }): Promise<Suspension | null> {
    const { side, pattern, until, actor, reason } = act;
    const suspension = { side, pattern, since: this.#deps.clock.now(), until, by: actorFacts(actor), reason };
    const isNew = !this.#standing.has(keyOf(suspension));
    if (isNew && this.#standing.size >= SUSPENSION_LIMITS.standingMax) return null;
    await this.#record("suspend", act, until);
    await this.#keep(suspension);
    return suspension;
  }

  /** Ends it; null: there is none of this mail. */
  async resume(act: SuspendAct): Promise<Suspension | null> {
    const standing = this.#standing.get(keyOf(act));
    const now = this.#deps.clock.now();
    if (standing === undefined || standing.until <= now) return null;
    await this.#record("resume", act, null);
    const ended = { ...standing, until: now };
    await this.#keep(ended);
    return ended;
  }

  deliver(deliver: Deliver): Deliver {
    return async (request) => {
      if (this.#standing.size === 0) return deliver(request);
      const at = { standing: this.#standing.values().toArray(), now: this.#deps.clock.now() };
      const { sender } = request.envelope;
      const put = new Map<RecipientId, Outcome>();
      for (const { id, recipient } of request.recipients) {
        const found = suspensionsOf({ sender, recipient: recipient.mailbox }, at);
        if (found.length === 0) continue;
        this.#waiting.set(id, found.map(keyOf));
        put.set(id, { ...SUSPENDED, waitsUntil: Math.max(...found.map(({ until }) => until)) });
      }
      if (put.size === 0) return deliver(request);
      const [head, ...rest] = request.recipients.filter(({ id }) => !put.has(id));
      const report = head === undefined ? NOT_TRIED : await deliver({ ...request, recipients: [head, ...rest] });
      return { ...report, outcomes: new Map([...report.outcomes, ...put]) };
    };
  }

  duty(): Duty {
    return { name: "suspensions", everyMs: LOOK_MS, run: (signal) => this.letGo(signal) };
  }

  /**
   * Makes due who waits for what is over. A stop in between loses nothing: the next start goes on. Who was told to wait and is not
   * written yet is found at a later look: until then it is not forgotten.
   */
  async letGo(signal: AbortSignal): Promise<void> {
    for (const id of this.#waiting.keys()) if (!this.#deps.isWorkedOn(id)) this.#waiting.delete(id);
    for (const [key, suspension] of this.#standing) {
      if (suspension.until > this.#deps.clock.now()) continue;
      const isAwaited = this.#waiting.values().some((keys) => keys.includes(key));
      const recipients = await this.#makeDue(suspension, signal);
      if (signal.aborted) return;
      if (isAwaited) continue;
      await this.#forget(key, suspension);
      this.#deps.log.info("suspension_ended", { side: suspension.side, recipients });
    }
  }

  async #makeDue({ side, pattern }: SuspendedMail, signal: AbortSignal): Promise<number> {
    const { store, clock, lease, wake } = this.#deps;
    const selection = {
      states: ["deferred"],
      codes: ["PST-PIP-010"],
      to: side === "to" ? pattern : null,
      from: side === "from" ? pattern : null,
      messageId: null,
      receivedFrom: null,
      receivedBefore: null,
    } as const;
    let cursor: SelectCursor | null = null;
    let count = 0;
    do {
      const portion = await selectPortion(selection, cursor, { source: store, limits: PORTION });
      const ids = portion.matches.map(({ id }) => id);
      const claimed = ids.length === 0 ? [] : await store.claimThese(ids, lease(), clock.now());
      const recipients = claimed.map((recipient) => dueNow(recipient, clock.now()));
      if (recipients.length > 0) {
        await store.commit({ recipients, variants: [], inspected: null, events: [] }, "ordered");
        wake();
      }
      count += recipients.length;
      cursor = portion.next;
    } while (cursor !== null && !signal.aborted);
    return count;
  }

  #record(action: "suspend" | "resume", act: SuspendAct, until: number | null): Promise<void> {
    const { actor, reason } = act;
    return this.#deps.record({
      kind: "suspension",
      action,
      ...suspendedFacts(act),
      until,
      ...actorFacts(actor),
      reason,
    });
  }

  #keep(suspension: Suspension): Promise<void> {
    const domain = keyOf(suspension);
    const fact: DomainFact = { domain, value: suspension, lookAt: null, forgetAt: suspension.until + KEPT_MS };
    return this.#turns.take(async () => {
      await this.#deps.store.domainFacts.put("suspended", [fact], "durable");
      this.#standing.set(domain, suspension);
    });
  }

  #forget(key: string, ended: Suspension): Promise<void> {
    return this.#turns.take(async () => {
      // Suspended anew meanwhile: that one stands.
      if (this.#standing.get(key) !== ended) return;
      await this.#deps.store.domainFacts.remove("suspended", [key], "ordered");
      this.#standing.delete(key);
    });
  }
}

function keyOf({ side, pattern }: SuspendedMail): string {
  return `${side} ${pattern}`;
}

function dueNow({ id: recipientId, fence }: StoredRecipient, now: number): RecipientTransition {
  return { recipientId, fence, patch: { dueAt: now, lease: null }, events: [], children: [] };
}

function isSuspension(value: unknown): value is Suspension {
  if (typeof value !== "object" || value === null) return false;
  const { side, pattern, until } = value as Partial<Suspension>;
  return SUSPENDED_SIDES.some((known) => known === side) && typeof pattern === "string" && typeof until === "number";
}
