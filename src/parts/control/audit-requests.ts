/** What is asked of the audit over the control socket, checked field by field. */
import type { AuditRow } from "../../core/event.ts";
import { ControlError } from "./control-protocol.ts";

export type HoldRequest = {
  readonly messageId: string | null;
  /** Milliseconds since the epoch; `until` null: from now on. */
  readonly since: number | null;
  readonly until: number | null;
  readonly reason: string;
};

export type LiftRequest = { readonly hold: number; readonly reason: string };

/** Values found in a file are about to be shown to a person; `sha256` of the file, in hex. */
export type RevealRequest = { readonly sha256: string; readonly reason: string };

export type LegalHold = {
  readonly id: number;
  readonly messageId: string | null;
  readonly since: number | null;
  readonly until: number | null;
  readonly placedAt: number;
  readonly actor: string;
  readonly reason: string;
};

export type HoldResult = { readonly hold: LegalHold };
export type HoldList = { readonly holds: readonly LegalHold[] };

/** `page`: rows from a seq on, ascending. `marks`: checkpoints or anchors below a seq, newest first. */
export type AuditReadRequest =
  | { readonly what: "head" }
  | { readonly what: "page"; readonly fromSeq: number; readonly rowsMax: number }
  | {
      readonly what: "marks";
      readonly kind: (typeof MARKS)[number];
      readonly beforeSeq: number;
      readonly rowsMax: number;
    };

/** As many rows as fit into an answer; none where there are no more. `chainId` and `head` as they are now. */
export type AuditReadResult = {
  readonly rows: readonly AuditRow[];
  readonly head: { readonly seq: number; readonly hash: string };
  readonly chainId: string | null;
};

const MARKS = ["checkpoint", "anchor"] as const;

const REASON_CHARACTERS_MAX = 500;

export function toHoldRequest(body: unknown): HoldRequest {
  const { messageId = null, since = null, until = null, reason } = fieldsOf(body);
  if (messageId !== null && !(typeof messageId === "string" && /^[0-9A-HJKMNP-TV-Z]{26}$/.test(messageId))) {
    throw new ControlError("PST-CTL-003", "messageId: the id of a message.");
  }
  if (!isTimeOrNull(since) || !isTimeOrNull(until)) throw new ControlError("PST-CTL-003", "since, until: times.");
  if ((messageId === null) === (since === null) || (messageId !== null && until !== null)) {
    throw new ControlError("PST-CTL-003", "messageId, or since with or without until.");
  }
  if (since !== null && until !== null && until <= since) throw new ControlError("PST-CTL-003", "until: after since.");
  return { messageId, since, until, reason: reasonOf(reason) };
}

export function toLiftRequest(body: unknown): LiftRequest {
  const { hold, reason } = fieldsOf(body);
  if (typeof hold !== "number" || !Number.isSafeInteger(hold) || hold < 1) {
    throw new ControlError("PST-CTL-003", "hold: the number of a hold.");
  }
  return { hold, reason: reasonOf(reason) };
}

export function toAuditReadRequest(body: unknown): AuditReadRequest {
  const { what, fromSeq, kind, beforeSeq, rowsMax } = fieldsOf(body);
  if (what === "head") return { what };
  const mark = MARKS.find((known) => known === kind);
  if (isCount(rowsMax)) {
    if (what === "page" && isCount(fromSeq)) return { what, fromSeq, rowsMax };
    if (what === "marks" && isCount(beforeSeq) && mark !== undefined) return { what, kind: mark, beforeSeq, rowsMax };
  }
  throw new ControlError("PST-CTL-003", "what: head, page or marks, with its whole numbers.");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function toRevealRequest(body: unknown): RevealRequest {
  const { sha256, reason } = fieldsOf(body);
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new ControlError("PST-CTL-003", "sha256: 64 hex digits.");
  }
  return { sha256, reason: reasonOf(reason) };
}

function reasonOf(reason: unknown): string {
  if (
    typeof reason === "string" &&
    reason.trim() !== "" &&
    reason.length <= REASON_CHARACTERS_MAX &&
    !/\p{Cc}/u.test(reason)
  ) {
    return reason;
  }
  throw new ControlError("PST-CTL-003", `reason: a line of at most ${REASON_CHARACTERS_MAX} characters.`);
}

function isTimeOrNull(value: unknown): value is number | null {
  return value === null || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0);
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new ControlError("PST-CTL-003");
  return body as Readonly<Record<string, unknown>>;
}
