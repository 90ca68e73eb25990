/** Requests of the control API, checked field by field: what arrives is a stranger's until it has passed here. Throws PST-CTL-003. */
import { toMessageId } from "../../core/ids.ts";
import type { QueueSelection } from "../../core/queue-selection.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { RECIPIENT_STATES } from "../../core/recipient-state.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { SUSPENDED_SIDES, SUSPENSION_LIMITS } from "../../core/suspension.ts";
import { ControlError, isQueueId } from "./control-protocol.ts";
import type {
  BodyRequest,
  ListRequest,
  QuarantineRequest,
  QueueCursor,
  QueueRequest,
  QueueTarget,
  ResumeRequest,
  ReviewRequest,
  ShowRequest,
  StsRefreshRequest,
  StsShowRequest,
  SuspendRequest,
  TlsReportRequest,
  TlsResultsRequest,
  VerdictRequest,
} from "./control-protocol.ts";

const IDS_MAX = 4096;
const CODES_MAX = 100;
const REASON_CHARACTERS_MAX = 500;
/** The longest address there is (RFC 5321 section 4.5.3.1), and some. */
const ADDRESS_CHARACTERS_MAX = 400;
const ACTIONS = ["retry", "hold", "release", "drop"] as const;

type Fields = Readonly<Record<string, unknown>>;

export function toQueueRequest(body: unknown): QueueRequest {
  const { reason, target } = fieldsOf(body);
  return { reason: toReason(reason), target: toTarget(target) };
}

export function toReviewRequest(body: unknown): ReviewRequest {
  const { reason, ids } = fieldsOf(body);
  return { reason: toReason(reason), ids: toIds(ids) };
}

export function toListRequest(body: unknown): ListRequest {
  const { target, action } = fieldsOf(body);
  return { target: toTarget(target), action: orNull(action, (value) => oneOf(ACTIONS, value, "action")) };
}

export function toSuspendRequest(body: unknown): SuspendRequest {
  const { forMs } = fieldsOf(body);
  const { longestMs } = SUSPENSION_LIMITS;
  if (typeof forMs !== "number" || !Number.isSafeInteger(forMs) || forMs <= 0 || forMs > longestMs) {
    throw malformed(`forMs: milliseconds, at most ${longestMs}.`);
  }
  return { ...toResumeRequest(body), forMs };
}

export function toResumeRequest(body: unknown): ResumeRequest {
  const { side, pattern, reason } = fieldsOf(body);
  return { side: oneOf(SUSPENDED_SIDES, side, "side"), pattern: toPlace(pattern), reason: toReason(reason) };
}

export function toReason(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "" && isLine(value, REASON_CHARACTERS_MAX)) return value;
  throw malformed(`reason: a line of at most ${REASON_CHARACTERS_MAX} characters.`);
}

export function toIds(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= IDS_MAX && value.every(isQueueId)) return value;
  throw malformed(`ids: 1 to ${IDS_MAX} message or recipient ids.`);
}

export function fieldsOf(body: unknown): Fields {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw malformed("not an object.");
  return body as Fields;
}

export function toVerdictRequest(body: unknown): VerdictRequest {
  const { request, reason } = fieldsOf(body);
  return { request: toId(request), reason: toReason(reason) };
}

export function toQuarantineRequest(body: unknown): QuarantineRequest {
  const { addresses, cursor } = fieldsOf(body);
  return { addresses: addresses === true, cursor: orNull(cursor, toCursor) };
}

export function toShowRequest(body: unknown): ShowRequest {
  const { id, addresses } = fieldsOf(body);
  return { id: toId(id), addresses: addresses === true };
}

export function toStsShowRequest(body: unknown): StsShowRequest {
  const { domain, after } = fieldsOf(body);
  return { domain: orNull(domain, toDomain), after: orNull(after, toPlaceInList) };
}

export function toStsRefreshRequest(body: unknown): StsRefreshRequest {
  return { domain: toDomain(fieldsOf(body)["domain"]) };
}

function toDomain(value: unknown): string {
  if (typeof value === "string" && value.length <= 253 && /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(value)) return value;
  throw malformed("domain: a domain name in lower case, as A-labels.");
}

function toPlaceInList(value: unknown): string {
  if (typeof value === "string" && /^[\w+/=-]{1,200}$/.test(value)) return value;
  throw malformed("after: as the answer before gave it.");
}

export function toTlsReportRequest(body: unknown): TlsReportRequest {
  const { since } = fieldsOf(body);
  if (typeof since === "number" && Number.isSafeInteger(since) && since >= 0) return { since };
  throw malformed("since: milliseconds since the epoch.");
}

export function toTlsResultsRequest(body: unknown): TlsResultsRequest {
  const { domain, after } = fieldsOf(body);
  return { domain: orNull(domain, toName), after: orNull(after, toName) };
}

/** A domain, or the place where a page ended. */
function toName(value: unknown): string {
  if (typeof value === "string" && /^[!-~]{1,253}$/.test(value)) return value;
  throw malformed("domain and after: a domain, and what the answer before gave.");
}

export function toBodyRequest(body: unknown): BodyRequest {
  const { id, reason } = fieldsOf(body);
  return { id: toId(id), reason: toReason(reason) };
}

function toId(value: unknown): string {
  if (isQueueId(value)) return value;
  throw malformed("id: as the lists print it.");
}

function toTarget(value: unknown): QueueTarget {
  const fields = fieldsOf(value);
  if ("ids" in fields) return { ids: toIds(fields["ids"]) };
  return { selection: toSelection(fields["selection"]), cursor: orNull(fields["cursor"], toCursor) };
}

export function toCursor(value: unknown): QueueCursor {
  const { state, after } = fieldsOf(value);
  const isPlace = after === null || (isQueueId(after) && after.includes("."));
  if (!isPlace) throw malformed("cursor: as the answer before gave it.");
  return { state: oneOf(RECIPIENT_STATES, state, "cursor"), after };
}

function toSelection(value: unknown): QueueSelection {
  const { states, messageId, to, from, codes, receivedFrom, receivedBefore } = fieldsOf(value);
  return {
    states: toStates(states),
    messageId: orNull(messageId, (id) => {
      if (isQueueId(id) && !id.includes(".")) return toMessageId(id);
      throw malformed("messageId: an id of 26 characters.");
    }),
    to: orNull(to, toPlace),
    from: orNull(from, toPlace),
    codes: orNull(codes, toCodes),
    receivedFrom: orNull(receivedFrom, toTime),
    receivedBefore: orNull(receivedBefore, toTime),
  };
}

function toStates(value: unknown): readonly RecipientState[] {
  if (!Array.isArray(value)) throw malformed("states: a list.");
  // In one order and each once: a portion goes on where the one before ended.
  return RECIPIENT_STATES.filter((state) => value.includes(state));
}

function toCodes(value: unknown): readonly ReasonCode[] {
  if (Array.isArray(value) && value.length <= CODES_MAX && value.every(isReasonCode)) return value;
  throw malformed("codes: codes of the catalogue.");
}

function isReasonCode(value: unknown): value is ReasonCode {
  return typeof value === "string" && Object.hasOwn(REASON_CODES, value);
}

function toPlace(value: unknown): string {
  if (typeof value === "string" && value !== "" && isLine(value, ADDRESS_CHARACTERS_MAX)) return value;
  throw malformed("to, from: an address or a domain.");
}

function toTime(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw malformed("receivedFrom, receivedBefore: milliseconds since the epoch.");
}

function oneOf<T extends string>(known: readonly T[], value: unknown, name: string): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw malformed(`${name}: one of ${known.join(", ")}.`);
  return found;
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value);
}

function isLine(text: string, charactersMax: number): boolean {
  return text.length <= charactersMax && !/\p{Cc}/u.test(text);
}

function malformed(detail: string): ControlError {
  return new ControlError("PST-CTL-003", detail);
}
