/**
 * Decides what operators are told, and when: an alert at once, the same one again only after the repeat interval and with how
 * often it came, a condition that ended as resolved. Promises: pure but for `tell`; bounded, whatever is raised; one code with
 * very many different facts shares one entry beyond KEYS_PER_CODE_MAX. Remembers nothing over a restart.
 */
import type { Alert, AlertFacts, AlertNotice, AlertState } from "../../core/alert.ts";
import type { Clock } from "../../core/clock.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

/** Where an alert comes from, beside its code. */
export type Source = {
  readonly messageId?: string | null;
  /** It stands in the audit already. */
  readonly isAudited?: boolean;
};

export type DeskDeps = {
  readonly clock: Clock;
  readonly tell: (notice: AlertNotice, isAudited: boolean) => void;
};

type Entry = {
  /** The condition it belongs to; null: raised by somebody, and over when nobody raises it any more. */
  readonly topic: string | null;
  readonly key: string;
  readonly code: ReasonCode;
  readonly since: number;
  facts: AlertFacts;
  count: number;
  /** Raised since operators were last told. */
  untold: number;
  toldAt: number;
  isAudited: boolean;
  readonly messages: Set<string>;
};

const KEYS_PER_CODE_MAX = 20;
const MESSAGES_MAX = 5;
/** Facts that are examples, and tell no alerts apart. */
const EXAMPLES: ReadonlySet<string> = new Set(["message", "recipient"]);

export class AlertDesk {
  #repeatMs: number;
  readonly #deps: DeskDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly repeatMs: number }, deps: DeskDeps) {
    this.#repeatMs = options.repeatMs;
    this.#deps = deps;
  }

  /** From now on. */
  repeatEvery(repeatMs: number): void {
    this.#repeatMs = repeatMs;
  }

  /** Something happened. */
  raise(alert: Alert, source: Source = {}): void {
    const entry = this.#entryOf(alert, null);
    const wasKnown = entry.count > 0;
    this.#take(entry, alert, source);
    const isDue = this.#deps.clock.now() - entry.toldAt >= this.#repeatMs;
    if (!wasKnown) this.#tell(entry, "raised");
    else if (isDue) this.#tell(entry, "again");
  }

  /** All that is so now under this topic; what was so before and is not any more is resolved. */
  observe(topic: string, present: readonly Alert[]): void {
    const entries = new Set<Entry>();
    for (const alert of present) {
      const entry = this.#entryOf(alert, topic);
      const wasKnown = entry.count > 0;
      entries.add(entry);
      if (wasKnown) entry.facts = factsOf(alert);
      else {
        this.#take(entry, alert, {});
        this.#tell(entry, "raised");
      }
    }
    for (const entry of Array.from(this.#entries.values())) {
      if (entry.topic !== topic || entries.has(entry)) continue;
      this.#entries.delete(entry.key);
      this.#tell(entry, "resolved");
    }
  }

  /** To be called now and then: repeats what still stands, forgets what does not come any more. */
  tick(): void {
    const now = this.#deps.clock.now();
    for (const entry of Array.from(this.#entries.values())) {
      if (now - entry.toldAt < this.#repeatMs) continue;
      if (entry.topic !== null || entry.untold > 0) this.#tell(entry, "again");
      else this.#entries.delete(entry.key);
    }
  }

  active(): readonly AlertNotice[] {
    return [...this.#entries.values()].map((entry) => noticeOf(entry, "raised", entry.toldAt));
  }

  get size(): number {
    return this.#entries.size;
  }

  #entryOf(alert: Alert, topic: string | null): Entry {
    const names = Object.entries(alert.facts ?? {})
      .filter(([name, value]) => typeof value === "string" && !EXAMPLES.has(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    const own = JSON.stringify([topic, alert.code, names]);
    const known = this.#entries.get(own);
    if (known !== undefined) return known;
    const ofCode = [...this.#entries.values()].filter(({ code }) => code === alert.code).length;
    const key = ofCode < KEYS_PER_CODE_MAX ? own : JSON.stringify([topic, alert.code, "more"]);
    const now = this.#deps.clock.now();
    const entry = this.#entries.get(key) ?? {
      topic,
      key,
      code: alert.code,
      since: now,
      facts: {},
      count: 0,
      untold: 0,
      toldAt: now,
      isAudited: false,
      messages: new Set(),
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #take(entry: Entry, alert: Alert, { messageId, isAudited }: Source): void {
    entry.count += 1;
    entry.untold += 1;
    entry.facts = factsOf(alert);
    entry.isAudited = isAudited ?? false;
    const examples = [messageId, alert.facts?.["message"], alert.facts?.["recipient"]];
    for (const id of examples) if (typeof id === "string" && entry.messages.size < MESSAGES_MAX) entry.messages.add(id);
  }

  #tell(entry: Entry, state: AlertState): void {
    const now = this.#deps.clock.now();
    entry.untold = 0;
    entry.toldAt = now;
    this.#deps.tell(noticeOf(entry, state, now), entry.isAudited && state === "raised");
    // The next messages are better examples than those told of already.
    entry.messages.clear();
  }
}

function factsOf({ facts = {} }: Alert): AlertFacts {
  return Object.fromEntries(Object.entries(facts).filter(([name]) => !EXAMPLES.has(name)));
}

function noticeOf(entry: Entry, state: AlertState, at: number): AlertNotice {
  const { code, facts, count, since, messages } = entry;
  return { state, code, facts, count, since, at, messages: [...messages] };
}
