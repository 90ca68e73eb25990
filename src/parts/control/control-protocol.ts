/**
 * The words of the control API: methods, requests, results and errors, shared by service and command line.
 * Promises: a request is checked field by field before a handler sees it. Nothing here carries content of mail.
 */
import type {
  AuditReadRequest,
  AuditReadResult,
  HoldList,
  HoldRequest,
  HoldResult,
  LiftRequest,
  RevealRequest,
} from "./audit-requests.ts";
import type { MessageRequest, MessageResult, TraceRequest, TraceResult } from "./reading-requests.ts";
import type { Actor } from "../../core/actor.ts";
import type { AlertNotice } from "../../core/alert.ts";
import type { Floor } from "../../core/plan.ts";
import type { QueueSelection } from "../../core/queue-selection.ts";
import type { Pressure } from "../../core/pressure.ts";
import type { QueueCounts } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import type { Role } from "../../core/roles.ts";
import type { StsPage, StsRefreshed } from "../../core/sts-rows.ts";
import type { SuspendedMail } from "../../core/suspension.ts";
import type { TlsReport } from "../../core/tls-report.ts";
import type { DomainDay } from "../../core/tls-results.ts";
import type { ValidationState } from "../../core/validation.ts";

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
  /** How many suspensions are in force. */
  readonly suspensions: number;
  /** Whether the resolver validates, as last seen. */
  readonly validation: ValidationState;
  /** Why no mail should be sent here now; empty: ready. */
  readonly reasons: readonly ReasonCode[];
  /** Alerts that stand now. */
  readonly alerts: readonly AlertNotice[];
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

export type ActedResult = {
  /** Recipient ids acted on. */
  readonly done: readonly string[];
  readonly skipped: readonly SkippedId[];
};

/** `requested`: what waits for a second person, with the id of the request. */
export type ReviewResult = ActedResult & {
  readonly requested: readonly { readonly id: string; readonly request: string }[];
};

export type VerdictRequest = { readonly request: string; readonly reason: string };
/** `why` as in SkipReason: null where it was done. */
export type VerdictResult = { readonly id: string; readonly act: "release" | "refuse"; readonly why: string | null };

export type QuarantineRequest = { readonly addresses: boolean; readonly cursor: QueueCursor | null };
export type ShowRequest = { readonly id: string; readonly addresses: boolean };
export type BodyRequest = { readonly id: string; readonly reason: string };
/** Answered with the bytes themselves. */
export type BodyResult = { readonly sizeBytes: number; readonly bytes: AsyncIterable<Uint8Array> };

/** A recipient under review: what was found as ids and counts, never the text. Addresses masked unless asked for. */
export type QuarantineRow = {
  readonly id: string;
  readonly messageId: string;
  readonly received: string;
  readonly deadlineAt: string | null;
  readonly sender: string;
  readonly recipient: string;
  readonly sizeBytes: number;
  readonly verdict: string | null;
  readonly tier: string | null;
  /** `pack/rule`. */
  readonly rules: readonly string[];
  readonly findings: number;
  readonly uninspectable: number;
  readonly floor: string | null;
  readonly request: {
    readonly id: string;
    readonly act: "release" | "refuse";
    readonly user: string;
    readonly uid: number;
    readonly reason: string;
    readonly requestedAt: string;
    readonly expiresAt: string;
  } | null;
};

export type QuarantineList = { readonly rows: readonly QuarantineRow[]; readonly next: QueueCursor | null };

export type QuarantineDetail = {
  readonly rows: readonly QuarantineRow[];
  readonly detectors: readonly {
    readonly detector: string;
    readonly part: string;
    readonly count: number;
    /** Of how many different values. */
    readonly distinct: number;
  }[];
  readonly triggers: readonly string[];
  /** The sender asked to do without protection. */
  readonly waiverAsked: boolean;
  /** Parts that could not be read, and why. */
  readonly unread: readonly string[];
  readonly parts: readonly {
    readonly path: string;
    readonly contentType: string;
    readonly sizeBytes: number;
    readonly disposition: string | null;
  }[];
  readonly partsLeftOut: number;
};

/** Times as in ISO 8601. */
export type SuspensionRow = {
  readonly side: SuspendedMail["side"];
  readonly pattern: string;
  readonly since: string;
  readonly until: string;
  readonly actor: string;
  readonly reason: string;
};
export type SuspensionRows = { readonly rows: readonly SuspensionRow[] };
export type ResumeRequest = SuspendedMail & { readonly reason: string };
export type SuspendRequest = ResumeRequest & { readonly forMs: number };

/** Of one portion; `next` null: there is nothing left. */
export type QueueResult = ActedResult & { readonly examined: number; readonly next: QueueCursor | null };

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

/** `domain` null: of all, page by page; `after` null begins. */
export type TlsResultsRequest = { readonly domain: string | null; readonly after: string | null };
export type TlsResults = {
  readonly domains: readonly { readonly domain: string; readonly days: readonly DomainDay[] }[];
  readonly next: string | null;
};

/** Milliseconds since the epoch. */
/** One domain, or all page by page. */
export type StsShowRequest = { readonly domain: string | null; readonly after: string | null };
export type StsRefreshRequest = { readonly domain: string };

export type TlsReportRequest = { readonly since: number };

/** The signed note. */
export type CheckpointResult = { readonly note: string };

/** `restartNeeded`: what else changed, by its name in the file. */
export type ReloadResult = { readonly configSha256: string; readonly restartNeeded: readonly string[] };

/** What the service's file would change; `ok` false: the service cannot use it as it is now. */
export type ChangesResult = {
  /** Absolute. */
  readonly path: string;
  readonly file:
    | { readonly ok: true; readonly reload: readonly string[]; readonly restart: readonly string[] }
    | { readonly ok: false; readonly errors: readonly string[] };
};

/** Given by main.ts; `actor` is proved and may do this. A handler refuses by throwing ControlError; anything else it throws becomes PST-CTL-006. */
export type ControlHandlers = {
  readonly status: (request: Empty, actor: Actor) => Promise<ControlStatus>;
  readonly "queue.retry": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.hold": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.release": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.drop": (request: QueueRequest, actor: Actor) => Promise<QueueResult>;
  readonly "queue.list": (request: ListRequest, actor: Actor) => Promise<ListResult>;
  readonly "queue.message": (request: MessageRequest, actor: Actor) => Promise<MessageResult>;
  readonly "queue.trace": (request: TraceRequest, actor: Actor) => Promise<TraceResult>;
  readonly "queue.suspend": (request: SuspendRequest, actor: Actor) => Promise<SuspensionRow>;
  readonly "queue.resume": (request: ResumeRequest, actor: Actor) => Promise<SuspensionRow>;
  readonly "queue.suspensions": (request: Empty, actor: Actor) => Promise<SuspensionRows>;
  readonly "quarantine.list": (
    request: QuarantineRequest,
    actor: Actor,
    roles: readonly Role[],
  ) => Promise<QuarantineList>;
  readonly "quarantine.show": (request: ShowRequest, actor: Actor, roles: readonly Role[]) => Promise<QuarantineDetail>;
  readonly "quarantine.body": (request: BodyRequest, actor: Actor) => Promise<BodyResult>;
  readonly "quarantine.approve": (request: VerdictRequest, actor: Actor) => Promise<VerdictResult>;
  readonly "quarantine.reject": (request: VerdictRequest, actor: Actor) => Promise<VerdictResult>;
  readonly "quarantine.release": (request: ReviewRequest, actor: Actor) => Promise<ReviewResult>;
  readonly "quarantine.refuse": (request: ReviewRequest, actor: Actor) => Promise<ReviewResult>;
  readonly "sts.show": (request: StsShowRequest, actor: Actor) => Promise<StsPage>;
  readonly "sts.refresh": (request: StsRefreshRequest, actor: Actor) => Promise<StsRefreshed>;
  readonly "tls.report": (request: TlsReportRequest, actor: Actor) => Promise<TlsReport>;
  readonly "tls.results": (request: TlsResultsRequest, actor: Actor) => Promise<TlsResults>;
  readonly "audit.hold.add": (request: HoldRequest, actor: Actor) => Promise<HoldResult>;
  readonly "audit.hold.lift": (request: LiftRequest, actor: Actor) => Promise<HoldResult>;
  readonly "audit.hold.list": (request: Empty, actor: Actor) => Promise<HoldList>;
  readonly "audit.read": (request: AuditReadRequest, actor: Actor) => Promise<AuditReadResult>;
  readonly "audit.checkpoint": (request: Empty, actor: Actor) => Promise<CheckpointResult>;
  readonly "dlp.reveal": (request: RevealRequest, actor: Actor) => Promise<Empty>;
  readonly reload: (request: Empty, actor: Actor) => Promise<ReloadResult>;
  readonly "config.changes": (request: Empty, actor: Actor) => Promise<ChangesResult>;
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
  "queue.message",
  "queue.trace",
  "queue.suspend",
  "queue.resume",
  "queue.suspensions",
  "quarantine.list",
  "quarantine.show",
  "quarantine.body",
  "quarantine.approve",
  "quarantine.reject",
  "quarantine.release",
  "quarantine.refuse",
  "sts.show",
  "sts.refresh",
  "tls.report",
  "tls.results",
  "audit.hold.add",
  "audit.hold.lift",
  "audit.hold.list",
  "audit.read",
  "audit.checkpoint",
  "dlp.reveal",
  "reload",
  "config.changes",
];

/** Of an answer that is the bytes of a message, not JSON. */
export const BYTES_TYPE = "application/octet-stream";

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
