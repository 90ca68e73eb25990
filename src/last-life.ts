/**
 * What the life before left untold. A process that was killed takes along the alerts it was about to tell: so after such an end operators are
 * told that it was one, and again what was written down about their mail shortly before. Conditions (a full disk, a certificate) are seen
 * anew and need none of this. A start waits for one page of the audit.
 */
import type { RaiseAlert } from "./core/alert.ts";
import type { AuditRow, EventBody } from "./core/event.ts";
import type { AuditSource } from "./parts/store/audit-chain.ts";

/** Looked at, from the newest on. */
const ROWS_MAX = 1_000;
/** As long as a web hook is tried, and some. */
const UNTOLD_MS = 15 * 60_000;
/** A life begins or goes on with these, and ends with another. */
const ALIVE: ReadonlySet<string> = new Set(["started", "reloaded", "reload_refused"]);

/** Recipients that recovery set right. */
export type Recovered = { readonly resumed: number; readonly ambiguous: number };

export async function tellLastLife(
  audit: Pick<AuditSource, "auditHead" | "auditPage">,
  { resumed, ambiguous }: Recovered,
  raise: RaiseAlert,
): Promise<void> {
  const { seq } = await audit.auditHead();
  const rows = await audit.auditPage(Math.max(1, seq - ROWS_MAX + 1), ROWS_MAX);
  const events = rows.flatMap(readable);
  if (events.length === 0 || !wasKilled(events)) return;
  raise({ code: "PST-MON-033", facts: { resumed, possible_duplicates: ambiguous } });
  const since = (rows.at(-1)?.at ?? 0) - UNTOLD_MS;
  for (const { row, body } of events) {
    // Alerts without a message are of conditions.
    if (body.kind !== "alert" || row.messageId === null || row.at < since) continue;
    raise({ code: body.code, facts: { ...body.facts, message: row.messageId } });
  }
}

type Read = { readonly row: AuditRow; readonly body: EventBody };

function readable(row: AuditRow): readonly Read[] {
  try {
    return [{ row, body: JSON.parse(row.body) as EventBody }];
  } catch {
    // An altered row; the patrol names it.
    return [];
  }
}

/** No end stands behind the last word of a life, or no such word at all among so many rows. */
function wasKilled(events: readonly Read[]): boolean {
  const last = events.findLast(({ body }) => body.kind === "service" || body.kind === "restored");
  if (last === undefined) return true;
  return last.body.kind === "service" && ALIVE.has(last.body.what);
}
