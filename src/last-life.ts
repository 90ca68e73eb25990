/**
 * What the life before left untold. One that was stopped wrote down what its web hook had not taken. One that was killed takes along the
 * alerts it was about to tell: so after such an end operators are told that it was one, and again what was written down about their mail
 * shortly before. Conditions (a full disk, a certificate) are seen anew and need none of this. A start waits for one page of the audit.
 */
import type { AlertNotice, RaiseAlert } from "./core/alert.ts";
import type { AuditRow, EventBody } from "./core/event.ts";
import { REASON_CODES } from "./core/reason-codes.ts";
import type { AuditSource } from "./parts/store/audit-chain.ts";

/** Looked at, from the newest on. */
const ROWS_MAX = 1_000;
/** As long as a web hook is tried, and some. */
const UNTOLD_MS = 15 * 60_000;
/** What was told longer ago and never taken is given up: nobody decides about held mail that late. */
const KEPT_MS = 7 * 86_400_000;
/** A life begins or goes on with these, and ends with another. */
const ALIVE: ReadonlySet<string> = new Set(["started", "reloaded", "reload_refused"]);

/** Recipients that recovery set right. */
export type Recovered = { readonly resumed: number; readonly ambiguous: number };

export type Telling = {
  /** Everywhere. */
  readonly raise: RaiseAlert;
  /** To the web hook alone, which has not had them. */
  readonly tellOnceStarted: (untold: readonly AlertNotice[]) => void;
};

export async function tellLastLife(
  audit: Pick<AuditSource, "auditHead" | "auditPage">,
  { resumed, ambiguous, now }: Recovered & { readonly now: number },
  { raise, tellOnceStarted }: Telling,
): Promise<void> {
  const { seq } = await audit.auditHead();
  const rows = await audit.auditPage(Math.max(1, seq - ROWS_MAX + 1), ROWS_MAX);
  const events = rows.flatMap(readable);
  if (events.length === 0) return;
  const shortly = events.filter(({ row }) => row.at >= (rows.at(-1)?.at ?? 0) - UNTOLD_MS);
  if (!wasKilled(events)) {
    tellOnceStarted(untoldOf(lastLifeOf(events), now));
    return;
  }
  raise({ code: "PST-MON-033", facts: { resumed, possible_duplicates: ambiguous } });
  // Of a life that was killed in the middle of its stop, or before it had told what the one before left.
  tellOnceStarted(untoldOf(shortly, now));
  for (const { row, body } of shortly) {
    // Alerts without a message are of conditions.
    if (body.kind === "alert" && row.messageId !== null) {
      raise({ code: body.code, facts: { ...body.facts, message: row.messageId } });
    }
  }
}

type Read = { readonly row: AuditRow; readonly body: EventBody };

function readable(row: AuditRow): readonly Read[] {
  try {
    const body = JSON.parse(row.body) as EventBody;
    // A code this version does not know has no words; neither has what somebody wrote into the row.
    const isTellable =
      (body.kind !== "alert" && body.kind !== "untold_alert") || Object.hasOwn(REASON_CODES, body.code);
    return isTellable ? [{ row, body }] : [];
  } catch {
    // An altered row; the patrol names it.
    return [];
  }
}

/** Each once: several stops may have kept the same. */
function untoldOf(events: readonly Read[], now: number): readonly AlertNotice[] {
  const found = new Map<string, AlertNotice>();
  for (const { row, body } of events) {
    if (body.kind !== "untold_alert" || now - body.at > KEPT_MS) continue;
    const { kind: _, ...notice } = body;
    found.set(row.body, notice);
  }
  return [...found.values()];
}

function lastLifeOf(events: readonly Read[]): readonly Read[] {
  return events.slice(events.findLastIndex(isAlive) + 1);
}

function isAlive({ body }: Read): boolean {
  return body.kind === "service" && ALIVE.has(body.what);
}

/** No end stands behind the last word of a life, or no such word at all among so many rows. */
function wasKilled(events: readonly Read[]): boolean {
  const last = events.findLast(({ body }) => body.kind === "service" || body.kind === "restored");
  return last === undefined || isAlive(last);
}
