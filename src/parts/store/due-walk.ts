/**
 * Walks what is due, senders in turn, and picks what may be handed out. Promises: reads only heads that are due, and of each
 * pair of sender and lane only what it picks; in each round every due sender has one turn, however its head moves meanwhile, and
 * a round takes no more walks than there are due senders; a head is never later than what it stands for.
 */
import type { Database, Statement } from "better-sqlite3";
import type { ClaimShares } from "../../core/queue-store.ts";
import { LaneRests } from "./lane-rests.ts";
import type { WaitingRow } from "./sqlite-rows.ts";

/** Senders one walk looks at. */
const SENDERS_MAX = 128;
/** Lanes of one sender that one walk looks at, the earliest due; of known ones it looks at all. */
const LANES_MAX = 4_096;
/** Pairs of sender and lane after which a walk ends, at the end of a sender: what waits for the writer would wait for the rest too. */
const FLOWS_MAX = 1_000;
/** Resting lanes one look at the waiting visits. */
const RESTING_LANES_MAX = 256;

/**
 * Exported for the tests that ask SQLite which index each takes. The `+` keeps SQLite from compiling a statement anew for each value:
 * it does so where a value bound to an equality decides about the order.
 */
export const DUE_SQL = {
  senders: `SELECT id, next_at AS at FROM sender
    WHERE next_at <= @now AND (next_at, id) > (@at, @id) ORDER BY next_at, id LIMIT ${SENDERS_MAX}`,
  lanes: `SELECT lane FROM flow WHERE sender = +@sender AND next_at <= @now ORDER BY next_at, lane LIMIT ${LANES_MAX}`,
  knownLanes: `SELECT lane FROM flow WHERE sender = +@sender AND lane IN (SELECT value FROM json_each(@lanes))
    AND +next_at <= @now`,
  recipients: `SELECT id, message_id FROM recipient INDEXED BY recipient_free
    WHERE sender = +@sender AND lane = +@lane AND queue_at <= @now AND lease_until IS NULL ORDER BY queue_at, rowid LIMIT @limit`,
  earliest: `SELECT queue_at FROM recipient INDEXED BY recipient_free
    WHERE sender = +@sender AND lane = +@lane AND queue_at IS NOT NULL AND lease_until IS NULL ORDER BY queue_at LIMIT 1`,
  sendersOfLane: "SELECT sender FROM flow WHERE lane = +@lane AND next_at <= @now ORDER BY next_at LIMIT @limit",
  waiting: `SELECT r.id, r.message_id, r.fence, r.state, r.attempts, r.unmet_since, r.deadline_at, r.notices_sent, r.last_host,
      m.received_at, m.expires_at
    FROM recipient AS r INDEXED BY recipient_free JOIN message AS m ON m.id = r.message_id
    WHERE r.sender = +@sender AND r.lane = +@lane AND r.queue_at <= @now AND r.lease_until IS NULL
    ORDER BY r.queue_at, r.rowid LIMIT @limit`,
} as const;

type Flow = { readonly sender: string; readonly lane: string };
type Found = { readonly id: string; readonly message_id: string };
type Head = { readonly id: string; readonly at: number };
type Query = { readonly now: number; readonly limit: number; readonly shares: ClaimShares | null };
/** Picked recipients of one sender and lane; called before the next ones are looked for. */
type Take = (ids: readonly string[]) => void;

const BEGINNING: Head = { id: "", at: Number.MIN_SAFE_INTEGER };

/** What one walk may still pick. */
class Allowance {
  readonly #fullLanes: ReadonlySet<string>;
  readonly #fullSenders: ReadonlySet<string>;
  readonly #perLaneMax: number;
  readonly #perSenderMax: number;
  readonly #knownLanes: ReadonlySet<string>;
  readonly #perUnknownLaneMax: number;
  readonly #lanes = new Map<string, number>();
  #left: number;
  #unknownLeft: number;
  #flowsLeft = FLOWS_MAX;

  constructor({ limit, shares }: Query) {
    this.#left = limit;
    this.#fullLanes = new Set(shares?.fullLanes);
    this.#fullSenders = new Set(shares?.fullSenders);
    this.#perLaneMax = shares?.perLaneMax ?? Infinity;
    this.#perSenderMax = shares?.perSenderMax ?? Infinity;
    this.#knownLanes = new Set(shares?.knownLanes);
    this.#perUnknownLaneMax = shares?.perUnknownLaneMax ?? Infinity;
    this.#unknownLeft = shares?.unknownMax ?? Infinity;
  }

  get knownLanes(): readonly string[] {
    return [...this.#knownLanes];
  }

  get isSpent(): boolean {
    return this.#left <= 0 || this.#flowsLeft <= 0;
  }

  look(flows: number): void {
    this.#flowsLeft -= flows;
  }

  ofSender(sender: string): number {
    return this.#fullSenders.has(sender) ? 0 : Math.min(this.#left, this.#perSenderMax);
  }

  ofLane(lane: string): number {
    if (this.#fullLanes.has(lane)) return 0;
    const used = this.#lanes.get(lane) ?? 0;
    const max = Math.min(this.#left, this.#perLaneMax - used);
    return this.#knownLanes.has(lane) ? max : Math.min(max, this.#perUnknownLaneMax - used, this.#unknownLeft);
  }

  use(lane: string, count: number): void {
    this.#left -= count;
    if (!this.#knownLanes.has(lane)) this.#unknownLeft -= count;
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + count);
  }
}

/** `seen`: senders this walk came by. */
type Walk = {
  readonly allowance: Allowance;
  readonly now: number;
  readonly take: Take;
  readonly seen: Set<string>;
};

export class DueWalk {
  readonly rests = new LaneRests();
  readonly #senders: Statement<[{ now: number } & Head], Head>;
  readonly #lanes: Statement<[{ sender: string; now: number }], { readonly lane: string }>;
  readonly #recipients: Statement<[Flow & { now: number; limit: number }], Found>;
  readonly #earliest: Statement<[Flow], number>;
  readonly #sendersOfLane: Statement<[{ lane: string; now: number; limit: number }], string>;
  readonly #waiting: Statement<[Flow & { now: number; limit: number }], WaitingRow>;
  readonly #setFlow: Statement<[Flow & { at: number }]>;
  readonly #endFlow: Statement<[Flow]>;
  readonly #setSender: Statement<[{ sender: string }]>;
  readonly #endSender: Statement<[{ sender: string }]>;
  readonly #knownLanes: Statement<[{ sender: string; now: number; lanes: string }], { readonly lane: string }>;
  /** The sender that was looked at last. */
  #cursor = BEGINNING;
  /** Who had a turn in this round: a head moves on with each turn, and would come again before those it passed. */
  readonly #served = new Set<string>();

  constructor(db: Database) {
    this.#senders = db.prepare(DUE_SQL.senders);
    this.#lanes = db.prepare(DUE_SQL.lanes);
    this.#knownLanes = db.prepare(DUE_SQL.knownLanes);
    this.#recipients = db.prepare(DUE_SQL.recipients);
    this.#earliest = db.prepare<[Flow], number>(DUE_SQL.earliest).pluck();
    this.#sendersOfLane = db
      .prepare<[{ lane: string; now: number; limit: number }], string>(DUE_SQL.sendersOfLane)
      .pluck();
    this.#waiting = db.prepare(DUE_SQL.waiting);
    this.#setFlow = db.prepare("UPDATE flow SET next_at = @at WHERE sender = @sender AND lane = @lane");
    this.#endFlow = db.prepare("DELETE FROM flow WHERE sender = @sender AND lane = @lane");
    this.#setSender = db.prepare(
      `UPDATE sender SET next_at = (SELECT next_at FROM flow WHERE sender = +@sender ORDER BY next_at LIMIT 1)
       WHERE id = @sender AND EXISTS (SELECT 1 FROM flow WHERE sender = @sender)`,
    );
    this.#endSender = db.prepare("DELETE FROM sender WHERE id = @sender");
  }

  /** True where every due sender was looked at; false where the walk ended before. */
  visit(query: Query, take: Take): boolean {
    const walk: Walk = { allowance: new Allowance(query), now: query.now, take, seen: new Set() };
    if (!this.#visitRest(walk)) return false;
    this.#cursor = BEGINNING;
    this.#served.clear();
    return this.#visitRest(walk);
  }

  /** Due recipients of resting lanes; of one whose probe is out, those whose time is over whatever the probe finds. */
  waiting({ now, limit }: { readonly now: number; readonly limit: number }): readonly WaitingRow[] {
    const rows: WaitingRow[] = [];
    for (const { lane, isProbing } of this.rests.nextResting(now, RESTING_LANES_MAX)) {
      for (const sender of this.#sendersOfLane.all({ lane, now, limit: limit - rows.length })) {
        const found = this.#waiting.all({ sender, lane, now, limit: limit - rows.length });
        if (found.length === 0) this.#refresh({ sender, lane });
        rows.push(...(isProbing ? found.filter((row) => isOver(row, now)) : found));
        if (rows.length >= limit) return rows;
      }
    }
    return rows;
  }

  /** Goes on after the sender looked at last, to the end of the round; false where the walk has to end before. */
  #visitRest(walk: Walk): boolean {
    const heads = this.#senders.all({ now: walk.now, ...this.#cursor });
    for (const head of heads) {
      if (walk.allowance.isSpent) return false;
      this.#cursor = head;
      if (walk.seen.has(head.id) || this.#served.has(head.id)) continue;
      walk.seen.add(head.id);
      this.#served.add(head.id);
      const room = walk.allowance.ofSender(head.id);
      if (room > 0) this.#visitSender(head.id, room, walk);
    }
    return heads.length < SENDERS_MAX;
  }

  #visitSender(sender: string, room: number, { allowance, now, take }: Walk): void {
    let left = room;
    let isChanged = false;
    const lanes = this.#dueLanes(sender, now, allowance);
    allowance.look(lanes.length);
    for (const { lane } of lanes) {
      const standing = this.rests.standing(lane, now);
      if (standing === "resting" || standing === "probing") continue;
      const max = Math.min(left, allowance.ofLane(lane), standing === "probe" ? 1 : Infinity);
      if (max <= 0) continue;
      const found = this.#recipients.all({ sender, lane, now, limit: max + 1 });
      const picked = wholeMessages(found, max);
      if (picked.length > 0) {
        take(picked.map(({ id }) => id));
        if (standing === "probe") this.rests.probe(lane, now);
      }
      this.#refreshFlow({ sender, lane });
      isChanged = true;
      allowance.use(lane, picked.length);
      left -= picked.length;
      if (left <= 0) break;
    }
    if (isChanged || lanes.length === 0) this.#refreshSender(sender);
  }

  /** Many that nobody has heard of must not hide one that is known to answer. */
  #dueLanes(sender: string, now: number, { knownLanes }: Allowance): readonly { readonly lane: string }[] {
    const lanes = this.#lanes.all({ sender, now });
    if (lanes.length < LANES_MAX) return lanes;
    const seen = new Set(lanes.map(({ lane }) => lane));
    const known = this.#knownLanes.all({ sender, now, lanes: JSON.stringify(knownLanes) });
    return [...lanes, ...known.filter(({ lane }) => !seen.has(lane))];
  }

  #refresh(flow: Flow): void {
    this.#refreshFlow(flow);
    this.#refreshSender(flow.sender);
  }

  #refreshFlow(flow: Flow): void {
    const { sender, lane } = flow;
    const at = this.#earliest.get({ sender, lane });
    if (at === undefined) this.#endFlow.run({ sender, lane });
    else this.#setFlow.run({ sender, lane, at });
  }

  #refreshSender(sender: string): void {
    if (this.#setSender.run({ sender }).changes === 0) this.#endSender.run({ sender });
  }
}

function isOver({ expires_at: expiresAt, deadline_at: deadlineAt }: WaitingRow, now: number): boolean {
  return now >= Math.max(expiresAt, deadlineAt ?? 0);
}

/**
 * A message whose recipients do not all fit waits for the next walk, where it comes first; one that is larger than what one
 * walk may pick goes in parts.
 */
function wholeMessages(found: readonly Found[], max: number): readonly Found[] {
  const next = found[max];
  const fitting = found.slice(0, max);
  if (next === undefined || fitting[0]?.message_id === next.message_id) return fitting;
  const whole = fitting.filter(({ message_id }) => message_id !== next.message_id);
  return whole.length > 0 ? whole : fitting;
}
