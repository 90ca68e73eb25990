/**
 * What may leave the audit, and what must stay: the anchor before a removal, the removal itself, legal holds. Promises that rows go
 * from the beginning only, never before their anchor, and never what belongs to stored mail or stands under a hold at that moment.
 */
import type { Database, Statement } from "better-sqlite3";
import type { ActorFacts } from "../../core/actor.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { EventBody } from "../../core/event.ts";
import { canonicalJson } from "./audit-chain.ts";
import { storeError } from "./sqlite-store-error.ts";
import type { LegalHoldRow } from "./sqlite-rows.ts";
import type { AuditAppender } from "./writer-audit.ts";
import type { WriterCall, WriterCalls } from "./writer-protocol.ts";

export type RetentionCall = Extract<WriterCall, { kind: "removable" | "anchor" | "trim" | "addHold" | "liftHold" }>;

/** `at` of a row, or the life of a message, against the times of a hold. */
const OPEN_END = "9223372036854775807";
const ROW_MUST_STAY = `(message_id IN (SELECT id FROM message) OR EXISTS (SELECT 1 FROM legal_hold WHERE
  legal_hold.message_id = audit.message_id
  OR (since IS NOT NULL AND audit.at >= since AND audit.at < coalesce(until, ${OPEN_END}))))`;

/** A message that stays: named by a hold, or under way at some time of one. */
export const MESSAGE_UNDER_HOLD = `EXISTS (SELECT 1 FROM legal_hold WHERE legal_hold.message_id = message.id
  OR (since IS NOT NULL AND received_at < coalesce(until, ${OPEN_END}) AND coalesce(ended_at, since) >= since))`;

export class WriterRetention {
  readonly #audit: AuditAppender;
  readonly #first: Statement<[], number | null>;
  readonly #stays: Statement<[{ first: number; last: number; before: number }], number | null>;
  readonly #mark: Statement<[{ through: number }]>;
  readonly #trim: Statement<[number]>;
  readonly #isKnown: Statement<[{ id: string }], number>;
  readonly #add: Statement<[Omit<LegalHoldRow, "id">]>;
  readonly #hold: Statement<[number], LegalHoldRow>;
  readonly #lift: Statement<[number]>;

  constructor(db: Database, audit: AuditAppender) {
    this.#audit = audit;
    this.#first = db.prepare<[], number | null>("SELECT min(seq) FROM audit").pluck();
    this.#stays = db
      .prepare<[{ first: number; last: number; before: number }], number | null>(
        `SELECT min(seq) FROM audit WHERE seq BETWEEN @first AND @last AND (at >= @before OR ${ROW_MUST_STAY})`,
      )
      .pluck();
    this.#mark = db.prepare(
      `INSERT INTO audit_removal (only, chain_id, through_seq) VALUES (1, (SELECT hash FROM audit WHERE seq = 1), @through)
       ON CONFLICT (only) DO UPDATE SET through_seq = excluded.through_seq WHERE excluded.through_seq > through_seq`,
    );
    this.#trim = db.prepare(
      `DELETE FROM audit WHERE seq IN (SELECT seq FROM audit
         WHERE seq <= coalesce((SELECT through_seq FROM audit_removal), 0) ORDER BY seq LIMIT ?)`,
    );
    this.#isKnown = db
      .prepare<[{ id: string }], number>(
        "SELECT EXISTS (SELECT 1 FROM message WHERE id = @id) OR EXISTS (SELECT 1 FROM audit WHERE message_id = @id)",
      )
      .pluck();
    this.#add = db.prepare(
      `INSERT INTO legal_hold (message_id, since, until, placed_at, actor, reason)
       VALUES (@message_id, @since, @until, @placed_at, @actor, @reason)`,
    );
    this.#hold = db.prepare("SELECT * FROM legal_hold WHERE id = ?");
    this.#lift = db.prepare("DELETE FROM legal_hold WHERE id = ?");
  }

  execute(call: RetentionCall): WriterCalls[RetentionCall["kind"]]["result"] {
    switch (call.kind) {
      case "removable":
        return this.#removable(call.args);
      case "anchor":
        return this.#anchor(call.args);
      case "trim":
        return this.#trim.run(call.args.rowsMax).changes;
      case "addHold":
        return this.#addHold(call.args);
      case "liftHold":
        return this.#liftHold(call.args);
      default:
        return assertNever(call);
    }
  }

  /** The first row there is, and the last of at most `rowsMax` from it on that may go; `through` below `first`: none. */
  #removable({ before, rowsMax }: WriterCalls["removable"]["args"]): WriterCalls["removable"]["result"] {
    const first = this.#first.get() ?? 1;
    // The last row stays whatever its age: the chain goes on from it.
    const last = Math.min(first + rowsMax - 1, this.#audit.head.seq - 1);
    const stays = this.#stays.get({ first, last, before }) ?? null;
    return { first, through: stays === null ? last : stays - 1 };
  }

  /** Throws PST-SPL-062 where a row must stay after all: a hold may have come since `removable`. */
  #anchor({ event, throughSeq }: WriterCalls["anchor"]["args"]): null {
    const first = this.#first.get() ?? 1;
    const stays = this.#stays.get({ first, last: throughSeq, before: Number.MAX_SAFE_INTEGER }) ?? null;
    if (throughSeq >= this.#audit.head.seq || stays !== null) {
      throw storeError("PST-SPL-062", `row ${stays ?? throughSeq} of the audit must stay`);
    }
    this.#mark.run({ through: throughSeq });
    this.#audit.append([event]);
    return null;
  }

  /** null: nothing is known of the message. */
  #addHold(hold: WriterCalls["addHold"]["args"]): WriterCalls["addHold"]["result"] {
    if (hold.message_id !== null && this.#isKnown.get({ id: hold.message_id }) !== 1) return null;
    const { by, ...facts } = hold;
    const placed = { ...facts, actor: by.actor };
    const row = { ...placed, id: Number(this.#add.run(placed).lastInsertRowid) };
    this.#tell("add", row, { at: hold.placed_at, by, reason: hold.reason });
    return row;
  }

  /** null: there is no such hold. */
  #liftHold({ id, ...act }: WriterCalls["liftHold"]["args"]): WriterCalls["liftHold"]["result"] {
    const row = this.#hold.get(id);
    if (row === undefined) return null;
    this.#lift.run(id);
    this.#tell("lift", row, act);
    return row;
  }

  #tell(
    action: "add" | "lift",
    { id, message_id: messageId, since, until }: LegalHoldRow,
    { at, by, reason }: { readonly at: number; readonly by: ActorFacts; readonly reason: string },
  ): void {
    const body: EventBody = { kind: "legal_hold", action, hold: id, since, until, ...by, reason };
    this.#audit.append([{ at, messageId, recipientId: null, kind: body.kind, body: canonicalJson(body) }]);
  }
}
