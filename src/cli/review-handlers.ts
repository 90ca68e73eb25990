/**
 * Mail under review over the control socket: what it is without its content, decisions, and, for a reviewer who says why, the message
 * itself. Promises: no matched text; addresses are masked but for a reviewer who asks for them; the message is shown after the row that
 * says who saw it is on disk.
 */
import { actorFacts } from "../core/actor.ts";
import type { Actor } from "../core/actor.ts";
import type { Mailbox } from "../core/envelope.ts";
import type { Findings } from "../core/findings.ts";
import { createdAtOf } from "../core/ids.ts";
import type { MimePart } from "../core/mime-structure.ts";
import type { StoredMessage, StoredRecipient } from "../core/queue-store.ts";
import type { QueueSelection } from "../core/queue-selection.ts";
import { isUnderReview, REVIEW_CODES } from "../core/review.ts";
import type { ApprovalRequest, ReviewAct } from "../core/review.ts";
import type { Role } from "../core/roles.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type {
  BodyRequest,
  BodyResult,
  ControlHandlers,
  QuarantineDetail,
  QuarantineList,
  QuarantineRequest,
  QuarantineRow,
  ReviewRequest,
  ReviewResult,
  ShowRequest,
  VerdictRequest,
  VerdictResult,
} from "../parts/control/control-protocol.ts";
import type { Postern } from "../postern.ts";
import { selectPortion } from "../stages/spool/select.ts";
import type { SelectCursor } from "../stages/spool/select.ts";
import { recipientsOf } from "./queue-handlers.ts";

const PORTION = { matchesMax: 100, examinedMax: 2_000 };
/** Parts of a message told of; more are only counted. */
const PARTS_MAX = 100;
const HELD_FOR_REVIEW: QueueSelection = {
  states: ["held"],
  messageId: null,
  to: null,
  from: null,
  codes: REVIEW_CODES,
  receivedFrom: null,
  receivedBefore: null,
};

type ReviewMethod = Extract<keyof ControlHandlers, `quarantine.${string}`>;

export function reviewHandlers(postern: Postern): Pick<ControlHandlers, ReviewMethod> {
  return {
    "quarantine.list": async (request, actor, roles) => {
      await admitAddresses(postern, "quarantine.list", { request, actor, roles });
      return list(postern, request);
    },
    "quarantine.show": async (request, actor, roles) => {
      await admitAddresses(postern, "quarantine.show", { request, actor, roles });
      return show(postern, request);
    },
    "quarantine.body": (request, actor) => body(postern, request, actor),
    "quarantine.release": (request, actor) => decide(postern, { act: "release", actor }, request),
    "quarantine.refuse": (request, actor) => decide(postern, { act: "refuse", actor }, request),
    "quarantine.approve": (request, actor) => judge(postern, { verdict: "approve", actor }, request),
    "quarantine.reject": (request, actor) => judge(postern, { verdict: "reject", actor }, request),
  };
}

type Asked = {
  readonly request: { readonly addresses: boolean };
  readonly actor: Actor;
  readonly roles: readonly Role[];
};

/** Whole addresses are for reviewers; an approver sees enough without. */
async function admitAddresses(postern: Postern, method: string, { request, actor, roles }: Asked): Promise<void> {
  if (!request.addresses || roles.includes("reviewer") || roles.includes("owner")) return;
  await postern.record({ kind: "refused_act", code: "PST-CTL-011", ...actorFacts(actor), method, roles });
  throw new ControlError("PST-CTL-011", `${actor.user}: whole addresses need reviewer`);
}

async function list(postern: Postern, { addresses, cursor }: QuarantineRequest): Promise<QuarantineList> {
  const at = cursor as SelectCursor | null;
  const { matches, next } = await selectPortion(HELD_FOR_REVIEW, at, { source: postern.store, limits: PORTION });
  return { rows: await rowsOf(postern, matches.filter(isUnderReview), addresses), next };
}

async function rowsOf(
  postern: Postern,
  recipients: readonly StoredRecipient[],
  addresses: boolean,
): Promise<readonly QuarantineRow[]> {
  const requests = await requestsOf(postern, recipients);
  const rows: QuarantineRow[] = [];
  let message: StoredMessage | null = null;
  for (const recipient of recipients) {
    if (message?.submission.id !== recipient.messageId) message = await postern.store.message(recipient.messageId);
    if (message === null) continue;
    rows.push(rowOf({ recipient, message, request: requests.get(recipient.id) ?? null }, addresses));
  }
  return rows;
}

async function requestsOf(
  { store }: Postern,
  recipients: readonly StoredRecipient[],
): Promise<ReadonlyMap<string, ApprovalRequest>> {
  if (recipients.length === 0) return new Map();
  const open = await store.approvals({ recipientIds: recipients.map(({ id }) => id), limit: recipients.length });
  return new Map(open.map((request) => [request.recipientId, request]));
}

type Held = {
  readonly recipient: StoredRecipient;
  readonly message: StoredMessage;
  readonly request: ApprovalRequest | null;
};

function rowOf({ recipient, message, request }: Held, addresses: boolean): QuarantineRow {
  const { findings, submission } = message;
  const shown = addresses ? (mailbox: Mailbox) => mailbox.address : masked;
  const { sender } = submission.envelope;
  return {
    id: recipient.id,
    messageId: recipient.messageId,
    received: new Date(createdAtOf(recipient.messageId)).toISOString(),
    deadlineAt: recipient.deadlineAt === null ? null : new Date(recipient.deadlineAt).toISOString(),
    sender: sender === null ? "<>" : shown(sender),
    recipient: shown(recipient.recipient.mailbox),
    sizeBytes: submission.body.sizeBytes,
    verdict: findings?.verdict ?? null,
    tier: findings?.tier ?? null,
    rules: rulesFor(recipient),
    findings: findings?.findings.length ?? 0,
    uninspectable: findings?.uninspectable.length ?? 0,
    floor: recipient.plan?.floor.profile ?? null,
    request: request === null ? null : requestOf(request),
  };
}

function requestOf({
  id,
  act,
  requestedBy,
  reason,
  requestedAt,
  expiresAt,
}: ApprovalRequest): QuarantineRow["request"] {
  const times = { requestedAt: new Date(requestedAt).toISOString(), expiresAt: new Date(expiresAt).toISOString() };
  return { id, act, user: requestedBy.user, uid: requestedBy.uid, reason, ...times };
}

/** The rules that concern this recipient, as its plan names them. */
function rulesFor({ plan }: StoredRecipient): readonly string[] {
  const rules = (plan?.reasons ?? []).flatMap((reason) =>
    reason.kind === "rule" ? [`${reason.pack}/${reason.rule}`] : [],
  );
  return [...new Set(rules)];
}

/** Enough to tell who is who, too little to tell who it is. */
export function masked({ localPart, domain }: Pick<Mailbox, "localPart" | "domain">): string {
  const [first = ""] = new Intl.Segmenter("en").segment(localPart);
  return `${typeof first === "string" ? first : first.segment}***@${domain}`;
}

async function show(postern: Postern, { id, addresses }: ShowRequest): Promise<QuarantineDetail> {
  const { recipients, message } = await underReview(postern, id);
  const parts = flat(message.submission.mime.root);
  return {
    rows: await rowsOf(postern, recipients, addresses),
    detectors: countDetectors(message.findings),
    triggers: message.findings?.triggers ?? [],
    waiverAsked: message.findings?.waiverAsked === true,
    unread: (message.findings?.uninspectable ?? []).map(({ part, reason }) => `${part}: ${reason}`),
    parts: parts.slice(0, PARTS_MAX),
    partsLeftOut: Math.max(0, parts.length - PARTS_MAX),
  };
}

/** Where, and how often: never what. */
function countDetectors(findings: Findings | null): QuarantineDetail["detectors"] {
  const groups = Map.groupBy(findings?.findings ?? [], ({ detector, part }) => JSON.stringify([detector, part]));
  return [...groups.values()].flatMap((found) => {
    const [first] = found;
    if (first === undefined) return [];
    const { detector, part } = first;
    return [{ detector, part, count: found.length, distinct: new Set(found.map(({ valueHash }) => valueHash)).size }];
  });
}

/** File names are content. */
function flat(part: MimePart): QuarantineDetail["parts"] {
  const { path, contentType, bodyStart, bodyEnd, disposition, children } = part;
  return [{ path, contentType, sizeBytes: bodyEnd - bodyStart, disposition }, ...children.flatMap(flat)];
}

type UnderReview = { readonly recipients: readonly StoredRecipient[]; readonly message: StoredMessage };

/** Throws PST-CTL-014 where nothing of it waits for a review. */
async function underReview(postern: Postern, id: string): Promise<UnderReview> {
  const recipients = (await recipientsOf(postern, id)).filter((each) => each.state === "held" && isUnderReview(each));
  const message = recipients[0] === undefined ? null : await postern.store.message(recipients[0].messageId);
  if (message === null) throw new ControlError("PST-CTL-014", id);
  return { recipients, message };
}

async function body(postern: Postern, { id, reason }: BodyRequest, actor: Actor): Promise<BodyResult> {
  const { recipients, message } = await underReview(postern, id);
  const event = { kind: "review", action: "viewed", act: null, ...actorFacts(actor), reason } as const;
  await postern.recordOf(recipients, event);
  return { sizeBytes: message.submission.body.sizeBytes, bytes: postern.readBody(message) };
}

async function decide(
  postern: Postern,
  how: { readonly act: ReviewAct; readonly actor: Actor },
  { ids, reason }: ReviewRequest,
): Promise<ReviewResult> {
  const found = await Promise.all(ids.map(async (id) => ({ id, rows: await recipientsOf(postern, id) })));
  const known = new Set(found.flatMap(({ rows }) => rows.map((row) => row.id)));
  const unknown = found.filter(({ rows }) => rows.length === 0).map(({ id }) => ({ id, why: "unknown" }));
  const { done, requested, skipped } = await postern.review.decide({ ...how, ids: [...known], reason });
  return {
    done,
    requested: requested.map(({ recipientId, id }) => ({ id: recipientId, request: id })),
    skipped: [...skipped, ...unknown],
  };
}

async function judge(
  postern: Postern,
  how: { readonly verdict: "approve" | "reject"; readonly actor: Actor },
  { request, reason }: VerdictRequest,
): Promise<VerdictResult> {
  const { request: asked, why } = await postern.review.judge({ ...how, requestId: request, reason });
  if (why === "same_person") {
    const { actor, verdict } = how;
    const refusal = { kind: "refused_act", code: "PST-CTL-013", method: `quarantine.${verdict}`, roles: [] } as const;
    await postern.record({ ...refusal, ...actorFacts(actor) });
    throw new ControlError("PST-CTL-013", `${actor.user} made request ${request}`);
  }
  if (asked === null || why === "no_request") throw new ControlError("PST-CTL-015", request);
  return { id: asked.recipientId, act: asked.act, why };
}
