/**
 * Counts TLS sessions by day and recipient domain, between one writing down and the next. Promises: never more than ROWS_MAX rows nor
 * CHARACTERS_MAX in them, whatever domains publish; then new kinds of rows are left out and counted as such, while known ones go on; a
 * success is kept without addresses, because no report names them. Keeps nothing across restarts: whoever takes the counts writes them.
 */
import type { TlsPolicy, TlsSession } from "../../core/tls-results.ts";

/** Sessions that ended alike. */
export type SessionRow = TlsSession & { readonly count: number };

/** What was counted for one domain on one day. */
export type DomainCounts = { readonly domain: string; readonly day: string; readonly rows: readonly SessionRow[] };

/** Some 60 MB at worst; a busy gateway speaks with a few thousand domains between two writings. */
const ROWS_MAX = 50_000;
const CHARACTERS_MAX = 20_000_000;
/** Of what a domain publishes a report tells so much. */
const TEXTS_MAX = 24;
const TEXT_CHARACTERS_MAX = 300;
const NAMES_MAX = 24;
export const DAY_MS = 86_400_000;

type Row = { readonly domain: string; readonly day: string; readonly session: TlsSession; count: number };

/** `2026-11-22`, in UTC. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

export function dayStart(day: string): number {
  return Date.parse(`${day}T00:00:00.000Z`);
}

export function dayEnd(day: string): number {
  return dayStart(day) + DAY_MS;
}

export class SessionBook {
  readonly #rowsMax: number;
  #rows = new Map<string, Row>();
  #characters = 0;
  #leftOut = 0;

  constructor(rowsMax = ROWS_MAX) {
    this.#rowsMax = rowsMax;
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  add(domain: string, at: number, session: TlsSession): void {
    const day = dayOf(at);
    const kept = session.failure === null ? { ...session, sendingIp: null, receivingIp: null } : session;
    this.#count({ domain, day, session: kept, count: 1 });
  }

  /** All so far, of the earliest day first; the book is empty afterwards. `leftOut`: sessions there was no room for. */
  take(): { readonly counts: readonly DomainCounts[]; readonly leftOut: number } {
    const taken = [...this.#rows.values()];
    const leftOut = this.#leftOut;
    [this.#rows, this.#characters, this.#leftOut] = [new Map(), 0, 0];
    const groups = Map.groupBy(taken, ({ domain, day }) => `${day} ${domain}`);
    const counts = [...groups.values()].flatMap((rows) => {
      const [first] = rows;
      if (first === undefined) return [];
      const { domain, day } = first;
      return [{ domain, day, rows: rows.map(({ session, count }) => ({ ...session, count })) }];
    });
    return { counts: counts.toSorted((a, b) => (a.day < b.day ? -1 : Number(a.day > b.day))), leftOut };
  }

  /** What could not be written comes back. */
  giveBack({ domain, day, rows }: DomainCounts): void {
    for (const { count, ...session } of rows) this.#count({ domain, day, session, count });
  }

  #count(row: Row): void {
    const { domain, day, session, count } = row;
    const key = [domain, day, keyOf(session)].join(" ");
    const known = this.#rows.get(key);
    if (known !== undefined) known.count += count;
    else if (this.#rows.size >= this.#rowsMax || this.#characters + key.length > CHARACTERS_MAX) this.#leftOut += count;
    else {
      this.#rows.set(key, row);
      this.#characters += key.length;
    }
  }
}

/** The same for sessions that ended alike. */
function keyOf(session: TlsSession): string {
  const { policy, failure, reason, mxHost, sendingIp, receivingIp } = session;
  return JSON.stringify([policyKey(policy), mxHost, failure, reason, sendingIp, receivingIp]);
}

/** The same for policies that say the same. */
export function policyKey({ type, text, mxHosts }: TlsPolicy): string {
  return JSON.stringify([type, text, mxHosts]);
}

/** A stranger wrote these texts, and may have written very many. */
export function cutPolicy({ type, text, mxHosts }: TlsPolicy): TlsPolicy {
  const short = (line: string): string =>
    line.length > TEXT_CHARACTERS_MAX ? `${line.slice(0, TEXT_CHARACTERS_MAX - 1)}…` : line;
  return { type, text: text.slice(0, TEXTS_MAX).map(short), mxHosts: mxHosts.slice(0, NAMES_MAX).map(short) };
}
