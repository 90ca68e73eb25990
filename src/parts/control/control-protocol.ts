/**
 * The words of the control API: methods, requests, results and errors, shared by service and command line.
 * Promises: a request is checked field by field before a handler sees it. Nothing here carries content of mail.
 */
import type { QueueCounts } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

/** Largest request body; room for IDS_MAX ids. */
export const REQUEST_BYTES_MAX = 262_144;
/** Largest answer the command line reads. */
export const RESPONSE_BYTES_MAX = 1_048_576;
const IDS_MAX = 4096;
const REASON_CHARACTERS_MAX = 500;
const ACTOR_CHARACTERS_MAX = 64;

export type ControlStatus = {
  readonly version: string;
  readonly instanceId: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly configSha256: string;
  /** SIGTERM was received: no new mail is taken. */
  readonly draining: boolean;
  readonly queue: QueueCounts;
};

/** `actor` is the OS user name the command line ran under; recorded, not a proof. */
export type QueueRequest = {
  readonly actor: string;
  readonly reason: string;
  /** Message ids (all its recipients) and recipient ids. */
  readonly ids: readonly string[];
};

export type QueueResult = {
  /** Recipient ids acted on. */
  readonly done: readonly string[];
  /** Unknown, ended already, or in a dialog this moment. */
  readonly skipped: readonly string[];
};

export type ReloadResult = { readonly configSha256: string; readonly warnings: readonly string[] };

/** Given by main.ts. A handler refuses by throwing ControlError; anything else it throws becomes PST-CTL-006. */
export type ControlHandlers = {
  readonly status: () => Promise<ControlStatus>;
  readonly "queue.retry": (request: QueueRequest) => Promise<QueueResult>;
  readonly "queue.release": (request: QueueRequest) => Promise<QueueResult>;
  readonly "queue.drop": (request: QueueRequest) => Promise<QueueResult>;
  readonly reload: (request: { readonly actor: string }) => Promise<ReloadResult>;
};

export type ControlMethod = keyof ControlHandlers;
export type ControlRequest<M extends ControlMethod> =
  Parameters<ControlHandlers[M]> extends [infer R] ? R : Readonly<Record<string, never>>;
export type ControlResult<M extends ControlMethod> = Awaited<ReturnType<ControlHandlers[M]>>;

const CONTROL_METHODS: readonly ControlMethod[] = ["status", "queue.retry", "queue.release", "queue.drop", "reload"];

/** A refusal with its code; `detail` names ids, places or paths, never content. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: ReasonCode;
  readonly detail: string;
  readonly next: string;

  constructor(code: ReasonCode, detail = "", options?: ErrorOptions) {
    super(`${code}: ${REASON_CODES[code].what}${detail === "" ? "" : ` (${detail.replace(/\.$/, "")})`}`, options);
    this.code = code;
    this.detail = detail;
    this.next = REASON_CODES[code].next;
  }
}

export function toControlMethod(text: string): ControlMethod {
  const method = CONTROL_METHODS.find((known) => known === text);
  if (method === undefined) throw new ControlError("PST-CTL-002");
  return method;
}

export function toQueueRequest(body: unknown): QueueRequest {
  const { reason, ids } = fieldsOf(body);
  const { actor } = toActorRequest(body);
  if (typeof reason !== "string" || reason.length > REASON_CHARACTERS_MAX || hasControls(reason)) {
    throw new ControlError("PST-CTL-003", `reason: a line of at most ${REASON_CHARACTERS_MAX} characters.`);
  }
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > IDS_MAX || !ids.every(isQueueId)) {
    throw new ControlError("PST-CTL-003", `ids: 1 to ${IDS_MAX} message or recipient ids.`);
  }
  return { actor, reason, ids };
}

export function toActorRequest(body: unknown): { readonly actor: string } {
  const { actor } = fieldsOf(body);
  if (typeof actor !== "string" || actor === "" || actor.length > ACTOR_CHARACTERS_MAX || hasControls(actor)) {
    throw new ControlError("PST-CTL-003", `actor: a user name of at most ${ACTOR_CHARACTERS_MAX} characters.`);
  }
  return { actor };
}

/** `01ARZ3NDEKTSV4RRFFQ69G5FAV` or `01ARZ3NDEKTSV4RRFFQ69G5FAV.2`. */
export function isQueueId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9A-HJKMNP-TV-Z]{26}(?:\.[1-9]\d{0,4})?$/.test(text);
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new ControlError("PST-CTL-003");
  return body as Readonly<Record<string, unknown>>;
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
