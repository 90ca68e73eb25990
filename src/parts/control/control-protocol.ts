/**
 * The words of the control API: methods, requests, results and errors, shared by service and command line.
 * Promises: a request is checked field by field before a handler sees it. Nothing here carries content of mail.
 */
import type { Actor } from "../../core/actor.ts";
import type { Floor } from "../../core/plan.ts";
import type { QueueSelection } from "../../core/queue-selection.ts";
import type { Pressure } from "../../core/pressure.ts";
import type { QueueCounts } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { RecipientState } from "../../core/recipient-state.ts";

/** Largest request body; room for IDS_MAX ids. */
export const REQUEST_BYTES_MAX = 262_144;
/** Largest answer the command line reads. */
export const RESPONSE_BYTES_MAX = 1_048_576;

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
  readonly pressure: ControlPressure;
};

/** How hard the machine is pressed; `roomBytes` and `space` are null while they cannot be learned. */
export type ControlPressure = Pick<Pressure, "level" | "causes" | "figures" | "roomBytes">;

/** Asked for before each request, on the same connection: the challenge that proof.ts answers. */
export const HELLO = "hello";
/** The challenge a request answers has no header of its own: the connection tells. This one names whom sudo works for. */
export const SUDO_HEADER = "postern-sudo-user";

/** Message ids (all their recipients) and recipient ids, or whoever a selection finds, portion by portion. */
export type QueueTarget =
  { readonly ids: readonly string[] } | { readonly selection: QueueSelection; readonly cursor: QueueCursor | null };

/** Where the next portion begins. */
export type QueueCursor = { readonly state: RecipientState; readonly after: string | null };

export type QueueRequest = { readonly reason: string; readonly target: QueueTarget };
export type ReviewRequest = { readonly reason: string; readonly ids: readonly string[] };

/** `why` as in SkipReason (src/stages/spool/operator.ts). */
export type SkippedId = { readonly id: string; readonly why: string };

export type ReviewResult = {
  /** Recipient ids acted on. */
  readonly done: readonly string[];
  readonly skipped: readonly SkippedId[];
};

/** Of one portion; `next` null: there is nothing left. */
export type QueueResult = ReviewResult & { readonly examined: number; readonly next: QueueCursor | null };

export type ListRequest = {
  readonly target: QueueTarget;
  /** What is to be done with them, to learn whom it would leave out; null: nothing. */
  readonly action: "retry" | "hold" | "release" | "drop" | null;
};

/** Of one portion: those that would be acted on, or all where nothing is asked; and whom it would leave out. */
export type ListResult = {
  readonly rows: readonly QueueRow[];
  readonly skipped: readonly SkippedId[];
  readonly examined: number;
  readonly next: QueueCursor | null;
};

/** What a list tells of a recipient; plans, replies and keys stay in `trace`. Times as in ISO 8601. */
export type QueueRow = {
  readonly id: string;
  readonly messageId: string;
  readonly recipient: string;
  readonly state: RecipientState;
  readonly attempts: number;
  readonly received: string;
  readonly dueAt: string;
  readonly deadlineAt: string | null;
  readonly floor: Floor | null;
  readonly step: string | null;
  readonly code: ReasonCode | null;
  readonly host: string | null;
  readonly possibleDuplicate: boolean;
};

export type ReloadResult = { readonly configSha256: string; readonly warnings: readonly string[] };

/** Given by main.ts; `actor` is proved and may do this. A handler refuses by throwing ControlError; anything else it throws becomes PST-CTL-006. */
export type ControlHandlers = {
  readonly status: (request: Empty, actor: Actor) => Promise<ControlStatus>;
  readonly "queue.retry": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.hold": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.release": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.drop": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.list": (request: ListRequest, actor: Actor) => Promise<ListResult>;
  readonly "quarantine.release": (request: ReviewRequest, actor: Actor) => Promise<ReviewResult>;
  readonly "quarantine.refuse": (request: ReviewRequest, actor: Actor) => Promise<ReviewResult>;
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
  "queue.list",
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

/** `01ARZ3NDEKTSV4RRFFQ69G5FAV` or `01ARZ3NDEKTSV4RRFFQ69G5FAV.2`. */
export function isQueueId(text: unknown): text is string {
  return typeof text === "string" && /^[0-9A-HJKMNP-TV-Z]{26}(?:\.[1-9]\d{0,4})?$/.test(text);
}
