/**
 * The words of the control API: methods, requests, results and errors, shared by service and command line.
 * Promises: a request is checked field by field before a handler sees it. Nothing here carries content of mail.
 */
import type { Actor } from "../../core/actor.ts";
import type { QueueCounts } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

/** Largest request body; room for IDS_MAX ids. */
export const REQUEST_BYTES_MAX = 262_144;
/** Largest answer the command line reads. */
export const RESPONSE_BYTES_MAX = 1_048_576;
const IDS_MAX = 4096;
const REASON_CHARACTERS_MAX = 500;

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

/** Asked for before each request, on the same connection: the challenge that proof.ts answers. */
export const HELLO = "hello";
/** The challenge a request answers has no header of its own: the connection tells. This one names whom sudo works for. */
export const SUDO_HEADER = "postern-sudo-user";

export type QueueRequest = {
  readonly reason: string;
  /** Message ids (all its recipients) and recipient ids. */
  readonly ids: readonly string[];
};

export type QueueResult = {
  /** Recipient ids acted on. */
  readonly done: readonly string[];
  /** `why` as in SkipReason (src/stages/spool/operator.ts). */
  readonly skipped: readonly { readonly id: string; readonly why: string }[];
};

export type ReloadResult = { readonly configSha256: string; readonly warnings: readonly string[] };

/** Given by main.ts; `actor` is proved and may do this. A handler refuses by throwing ControlError; anything else it throws becomes PST-CTL-006. */
export type ControlHandlers = {
  readonly status: (request: Empty, actor: Actor) => Promise<ControlStatus>;
  readonly "queue.retry": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.hold": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.release": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.drop": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "quarantine.release": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "quarantine.refuse": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly reload: (request: Empty, actor: Actor) => Promise<ReloadResult>;
};

export type Empty = Readonly<Record<string, never>>;

export type ControlMethod = keyof ControlHandlers;
export type ControlRequest<M extends ControlMethod> = Parameters<ControlHandlers[M]>[0];
export type ControlResult<M extends ControlMethod> = Awaited<ReturnType<ControlHandlers[M]>>;

const CONTROL_METHODS: readonly ControlMethod[] = [
  "status",
  "queue.retry",
  "queue.hold",
  "queue.release",
  "queue.drop",
  "quarantine.release",
  "quarantine.refuse",
  "reload",
];

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
  if (
    typeof reason !== "string" ||
    reason.trim() === "" ||
    reason.length > REASON_CHARACTERS_MAX ||
    hasControls(reason)
  ) {
    throw new ControlError("PST-CTL-003", `reason: a line of at most ${REASON_CHARACTERS_MAX} characters.`);
  }
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > IDS_MAX || !ids.every(isQueueId)) {
    throw new ControlError("PST-CTL-003", `ids: 1 to ${IDS_MAX} message or recipient ids.`);
  }
  return { reason, ids };
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
