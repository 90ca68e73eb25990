/** The queue over the control socket: lists and acts, on ids or on what a selection finds, one portion a request. */
import type { Actor } from "../core/actor.ts";
import { createdAtOf, toMessageId } from "../core/ids.ts";
import type { RecipientId } from "../core/ids.ts";
import type { StoredRecipient } from "../core/queue-store.ts";
import type {
  ControlHandlers,
  ListRequest,
  ListResult,
  QueueCursor,
  QueueRequest,
  QueueResult,
  QueueRow,
  QueueTarget,
} from "../parts/control/control-protocol.ts";
import type { Postern } from "../postern.ts";
import { refusalOf } from "../stages/spool/operator.ts";
import type { Action, SkipReason } from "../stages/spool/operator.ts";
import { selectPortion } from "../stages/spool/select.ts";
import type { SelectCursor } from "../stages/spool/select.ts";

/** Acted on, and read, in one request: a few seconds of work, and room for others between two. */
const PORTION = { matchesMax: 200, examinedMax: 2_000 };
/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;

type QueueMethod = `queue.${Action | "list"}`;

export function queueHandlers(postern: Postern): Pick<ControlHandlers, QueueMethod> {
  const acting = (action: Action) => (request: QueueRequest, actor: Actor) =>
    actOn(postern, { action, actor }, request);
  return {
    "queue.retry": acting("retry"),
    "queue.hold": acting("hold"),
    "queue.release": acting("release"),
    "queue.drop": acting("drop"),
    "queue.list": (request) => list(postern, request),
  };
}

async function actOn(
  postern: Postern,
  how: { readonly action: Action; readonly actor: Actor },
  { target, reason }: QueueRequest,
): Promise<QueueResult> {
  const { ids, unknown, examined, next } = await find(postern, target);
  const { done, skipped } = await postern.act({ ...how, ids, reason });
  return { done, skipped: [...skipped, ...unknown.map((id) => ({ id, why: "unknown" }))], examined, next };
}

async function list(postern: Postern, { target, action }: ListRequest): Promise<ListResult> {
  const { recipients, unknown, examined, next } = await find(postern, target);
  const now = postern.now();
  const judged = recipients.map((recipient) => ({ recipient, why: action && leftOut(action, recipient, now) }));
  const skipped = judged.flatMap(({ recipient: { id }, why }) => (why === null ? [] : [{ id, why }]));
  return {
    rows: judged.filter(({ why }) => why === null).map(({ recipient }) => queueRow(recipient)),
    skipped: [...skipped, ...unknown.map((id) => ({ id, why: "unknown" }))],
    examined,
    next,
  };
}

function leftOut(action: Action, recipient: StoredRecipient, now: number): SkipReason | null {
  const isBusy = recipient.lease !== null && recipient.lease.until > now;
  return refusalOf(action, recipient) ?? (isBusy ? "busy" : null);
}

type Found = {
  readonly recipients: readonly StoredRecipient[];
  readonly ids: readonly RecipientId[];
  readonly unknown: readonly string[];
  readonly examined: number;
  readonly next: QueueCursor | null;
};

async function find(postern: Postern, target: QueueTarget): Promise<Found> {
  if ("ids" in target) return named(postern, target.ids);
  const { selection } = target;
  const cursor = target.cursor as SelectCursor | null;
  const { matches, examined, next } = await selectPortion(selection, cursor, {
    source: postern.store,
    limits: PORTION,
  });
  return { recipients: matches, ids: matches.map(({ id }) => id), unknown: [], examined, next };
}

async function named(postern: Postern, ids: readonly string[]): Promise<Found> {
  const found = new Map<RecipientId, StoredRecipient>();
  const unknown: string[] = [];
  for (const id of new Set(ids)) {
    const rows = await recipientsOf(postern, id);
    if (rows.length === 0) unknown.push(id);
    for (const row of rows) found.set(row.id, row);
  }
  return { recipients: [...found.values()], ids: [...found.keys()], unknown, examined: found.size, next: null };
}

/** A message id stands for all its recipients. */
export async function recipientsOf(postern: Postern, id: string): Promise<readonly StoredRecipient[]> {
  const rows = await postern.store.recipients({ messageId: toMessageId(id.slice(0, 26)), limit: RECIPIENTS_MAX });
  return id.includes(".") ? rows.filter((row) => row.id === id) : rows;
}

export function queueRow(row: StoredRecipient): QueueRow {
  return {
    id: row.id,
    messageId: row.messageId,
    recipient: row.recipient.mailbox.address,
    state: row.state,
    attempts: row.attempts,
    received: new Date(createdAtOf(row.messageId)).toISOString(),
    dueAt: new Date(row.dueAt).toISOString(),
    deadlineAt: row.deadlineAt === null ? null : new Date(row.deadlineAt).toISOString(),
    floor: row.plan?.floor ?? null,
    step: row.plan?.steps[row.stepIndex]?.kind ?? null,
    code: row.lastCode,
    host: row.lastHost,
    possibleDuplicate: row.possibleDuplicate,
  };
}
