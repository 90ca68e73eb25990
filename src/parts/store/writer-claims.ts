/**
 * Leases: handing out due recipients, extending and ending what was handed out. Every hand-out raises the fence, so a result
 * of an earlier holder is recognised as stale. Which recipients are due is walk-due.ts; here each query reads an index of what
 * is free or of what is leased, whatever the backlog.
 */
import type { Database, Statement } from "better-sqlite3";
import type { EventBody } from "../../core/event.ts";
import { canonicalJson } from "./audit-chain.ts";
import type { EventRow } from "./audit-chain.ts";
import type { RecipientRow, WaitingRow } from "./sqlite-rows.ts";
import { RECIPIENT_COLUMNS } from "./sqlite-reads.ts";
import { DueWalk } from "./due-walk.ts";
import type { AuditAppender } from "./writer-audit.ts";
import type { WriterCalls } from "./writer-protocol.ts";

type Ids = { readonly id: string; readonly message_id: string };
type Abandoned = Ids & { readonly state: "in_dialog" | "dot_sent" };

export class WriterClaims {
  readonly #audit: AuditAppender;
  readonly #walk: DueWalk;
  readonly #lease: Statement<[{ id: string; owner: string; until: number; now: number }], RecipientRow>;
  readonly #renew: Statement<[{ recipientId: string; fence: number; until: number }]>;
  readonly #endRunOut: Statement<[number]>;
  readonly #abandoned: Statement<[], Abandoned>;
  readonly #resume: Statement<[{ id: string; now: number }]>;
  readonly #markAmbiguous: Statement<[{ id: string; dueAt: number; code: string }]>;
  readonly #endLeases: Statement<[]>;

  constructor(db: Database, audit: AuditAppender) {
    this.#audit = audit;
    this.#walk = new DueWalk(db);
    this.#lease = db.prepare(
      `UPDATE recipient SET lease_owner = @owner, lease_until = @until, fence = fence + 1
       WHERE id = @id AND ended_at IS NULL AND (lease_until IS NULL OR lease_until <= @now)
       RETURNING ${RECIPIENT_COLUMNS}`,
    );
    this.#renew = db.prepare(
      `UPDATE recipient SET lease_until = @until
       WHERE id = @recipientId AND fence = @fence AND lease_until IS NOT NULL AND ended_at IS NULL`,
    );
    this.#endRunOut = db.prepare("UPDATE recipient SET lease_owner = NULL, lease_until = NULL WHERE lease_until <= ?");
    this.#abandoned = db.prepare(
      "SELECT id, message_id, state FROM recipient WHERE state IN ('in_dialog', 'dot_sent') ORDER BY state, message_id, ordinal",
    );
    this.#resume = db.prepare("UPDATE recipient SET state = 'ready', due_at = @now WHERE id = @id");
    this.#markAmbiguous = db.prepare(
      `UPDATE recipient SET state = 'deferred', possible_duplicate = 1, due_at = @dueAt, last_code = @code WHERE id = @id`,
    );
    this.#endLeases = db.prepare(
      `UPDATE recipient SET lease_owner = NULL, lease_until = NULL, fence = fence + 1 WHERE lease_until IS NOT NULL`,
    );
  }

  claim({ now, limit, lease, shares }: WriterCalls["claim"]["args"]): WriterCalls["claim"]["result"] {
    this.#endRunOut.run(now);
    const rows: RecipientRow[] = [];
    const take = (ids: readonly string[]): number => rows.push(...this.#leaseAll(ids, { now, lease }));
    const isWhole = this.#walk.visit({ now, limit, shares }, take);
    return { rows, isWhole };
  }

  claimThese({ ids, now, lease }: WriterCalls["claimThese"]["args"]): readonly RecipientRow[] {
    return this.#leaseAll(ids, { now, lease });
  }

  rest({ lane, until }: WriterCalls["rest"]["args"]): null {
    this.#walk.rests.set(lane, until);
    return null;
  }

  waiting(query: WriterCalls["waiting"]["args"]): readonly WaitingRow[] {
    return this.#walk.waiting(query);
  }

  renew({ claims, until }: WriterCalls["renew"]["args"]): null {
    for (const { recipientId, fence } of claims) this.#renew.run({ recipientId, fence, until });
    return null;
  }

  recover({ now, ambiguousDueAt }: WriterCalls["recover"]["args"]): WriterCalls["recover"]["result"] {
    let resumed = 0;
    let ambiguous = 0;
    for (const found of this.#abandoned.all()) {
      if (found.state === "in_dialog") {
        this.#resume.run({ id: found.id, now });
        this.#audit.append([eventRow(now, found, { kind: "recovered", from: "in_dialog", count: 1 })]);
        resumed += 1;
      } else {
        const code = "PST-SPL-063";
        this.#markAmbiguous.run({ id: found.id, dueAt: ambiguousDueAt, code });
        this.#audit.append([eventRow(now, found, { kind: "possible_duplicate", code, dueAt: ambiguousDueAt })]);
        ambiguous += 1;
      }
    }
    this.#endLeases.run();
    return { resumed, ambiguous };
  }

  #leaseAll(
    ids: readonly string[],
    { now, lease }: Pick<WriterCalls["claim"]["args"], "now" | "lease">,
  ): readonly RecipientRow[] {
    const rows = ids.map((id) => this.#lease.get({ id, now, owner: lease.owner, until: lease.until }));
    return rows.filter((row) => row !== undefined);
  }
}

function eventRow(at: number, of: Ids, body: EventBody): EventRow {
  return { at, messageId: of.message_id, recipientId: of.id, kind: body.kind, body: canonicalJson(body) };
}
