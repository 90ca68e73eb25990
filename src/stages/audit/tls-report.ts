/**
 * How the mail of a time left: destinations and deliveries by rung, domains below what they proved before, servers that failed. Read from
 * the audit and from what is remembered of domains; neither is changed. Promises: no address of a person; bounded however much there
 * is, and what was left out is counted.
 */
import type { DomainFacts } from "../../core/domain-facts.ts";
import type { AuditRow, EventBody } from "../../core/event.ts";
import { RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import type { BelowLine, DowngradeLine, FailureLine, TlsReport } from "../../core/tls-report.ts";
import { readRecord } from "../../parts/proven/record-value.ts";
import type { AuditSource } from "../../parts/store/audit-chain.ts";

export type TlsReportSource = {
  readonly audit: Pick<AuditSource, "auditPage" | "auditHead">;
  readonly facts: Pick<DomainFacts, "list">;
  /** Rows of the audit read at most, the newest; the report then begins later than asked. */
  readonly rowsMax?: number;
};

const PAGE = 500;
const LINES_MAX = 500;
const PAIRS_MAX = 20_000;
/** Rows stand in the order they were written; the time of one may be a little before that of the row before. */
const DISORDER_ROWS = 1_000;

export async function tlsReport(wanted: number, { audit, facts, rowsMax }: TlsReportSource): Promise<TlsReport> {
  const remembered = await readFacts(facts);
  const { seen, since } = await readAudit(audit, wanted, rowsMax ?? Infinity);
  const below = remembered.below.toSorted((a, b) => b.since - a.since);
  const failures = [...seen.failures.values()].toSorted((a, b) => b.times - a.times || b.last - a.last);
  return {
    since,
    rungs: RUNGS.map((rung) => ({
      rung,
      destinations: remembered.destinations.get(rung) ?? 0,
      delivered: seen.delivered.get(rung) ?? 0,
    })),
    below: below.slice(0, LINES_MAX),
    downgrades: seen.downgrades.toReversed(),
    failures: failures.slice(0, LINES_MAX),
    leftOut: {
      below: Math.max(0, below.length - LINES_MAX),
      downgrades: seen.downgradesLeftOut,
      failures: Math.max(0, failures.length - LINES_MAX) + seen.failuresLeftOut,
      unreadable: remembered.unreadable,
    },
  };
}

async function readFacts(facts: Pick<DomainFacts, "list">) {
  const destinations = new Map<Rung, number>();
  const below: BelowLine[] = [];
  let unreadable = 0;
  for (let after: string | null = null, isFirst = true; isFirst || after !== null; isFirst = false) {
    const page: Awaited<ReturnType<DomainFacts["list"]>> = await facts.list("proven", { after, limit: PAGE });
    for (const { domain, value, lookAt } of page.facts) {
      const record = recordOf(value);
      if (record === null) {
        unreadable += 1;
        continue;
      }
      const { rung, fall } = record;
      destinations.set(rung, (destinations.get(rung) ?? 0) + 1);
      if (fall === null) continue;
      below.push({ domain, was: rung, now: fall.to, since: fall.at, server: fall.host, keptUntil: lookAt });
    }
    after = page.next;
  }
  return { destinations, below, unreadable };
}

function recordOf(value: unknown): ReturnType<typeof readRecord> | null {
  try {
    return readRecord(value);
  } catch {
    // Of another version: counted.
    return null;
  }
}

type Seen = {
  readonly delivered: Map<Rung, number>;
  readonly failures: Map<string, FailureLine>;
  /** The newest, oldest first. */
  readonly downgrades: DowngradeLine[];
  downgradesLeftOut: number;
  failuresLeftOut: number;
};

async function readAudit(audit: TlsReportSource["audit"], wanted: number, rowsMax: number) {
  const seen: Seen = {
    delivered: new Map(),
    failures: new Map(),
    downgrades: [],
    downgradesLeftOut: 0,
    failuresLeftOut: 0,
  };
  const { seq: head } = await audit.auditHead();
  const first = await firstSince(audit, wanted, head);
  let next = Math.max(first, head - rowsMax + 1);
  const [oldest] = next > first ? await audit.auditPage(next, 1) : [];
  const since = Math.max(wanted, oldest?.at ?? 0);
  while (next <= head) {
    const rows = await audit.auditPage(next, PAGE);
    const last = rows.at(-1);
    if (last === undefined) break;
    for (const row of rows) if (row.at >= since && row.seq <= head) count(seen, row);
    next = last.seq + 1;
  }
  return { seen, since };
}

/** Found by halving: a year of rows need not be read for a week. */
async function firstSince(audit: TlsReportSource["audit"], since: number, head: number): Promise<number> {
  const [first] = await audit.auditPage(1, 1);
  let low = first?.seq ?? 1;
  let high = head + 1;
  const start = low;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await audit.auditPage(middle, 1);
    if (row !== undefined && row.at < since) low = middle + 1;
    else high = middle;
  }
  return Math.max(start, low - DISORDER_ROWS);
}

function count(seen: Seen, row: AuditRow): void {
  if (row.kind !== "delivered" && row.kind !== "attempt" && row.kind !== "downgrade") return;
  const body = bodyOf(row);
  if (body?.kind === "delivered") seen.delivered.set(body.rung, (seen.delivered.get(body.rung) ?? 0) + 1);
  if (body?.kind === "attempt" && body.attempt.code !== null) countFailure(seen, body.attempt, row.at);
  if (body?.kind !== "downgrade") return;
  const { step, from, to, host } = body;
  seen.downgrades.push({ at: row.at, step, from, to, host });
  if (seen.downgrades.length <= LINES_MAX) return;
  seen.downgrades.shift();
  seen.downgradesLeftOut += 1;
}

function countFailure(
  seen: Seen,
  { host: server, code }: { readonly host: string; readonly code: string | null },
  at: number,
): void {
  const key = `${server} ${code}`;
  const known = seen.failures.get(key);
  if (known === undefined && seen.failures.size >= PAIRS_MAX) {
    seen.failuresLeftOut += 1;
    return;
  }
  const last = Math.max(at, known?.last ?? 0);
  seen.failures.set(key, { server, code: code ?? "", times: (known?.times ?? 0) + 1, last });
}

function bodyOf({ body }: AuditRow): EventBody | null {
  try {
    return JSON.parse(body) as EventBody;
  } catch {
    // An altered row; `audit verify` names it.
    return null;
  }
}
