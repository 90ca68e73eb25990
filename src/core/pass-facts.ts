/** Fixed facts of one walk through the pipeline: what is overdue, what a bug comes to, what needs no inspection. */
import { ambiguous, failed, held, putOff } from "./aftermath.ts";
import type { Circumstances, PutOff, Settled } from "./aftermath.ts";
import { assertNever } from "./assert-never.ts";
import { reasonOf } from "./error-facts.ts";
import type { Findings } from "./findings.ts";
import type { MissingExtension, Outcome } from "./outcome.ts";
import type { Plan, Stop } from "./plan.ts";
import type { StoredMessage, StoredRecipient } from "./queue-store.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { EnhancedStatus } from "./status.ts";

/** A stage threw before anything was announced: nothing left, try later. */
export const BROKEN: Outcome = {
  kind: "deferred",
  scope: "recipient",
  status: "4.3.0",
  code: "PST-PIP-003",
  reply: null,
  host: null,
  unmet: null,
};

/** Reports are our own text without content: nothing to find. */
export const OWN_TEXT: Findings = {
  verdict: "clean",
  tier: "none",
  hits: [],
  findings: [],
  uninspectable: [],
  triggers: [],
  packs: [],
  engine: "own-text",
};

/** Why a claimed recipient must not be tried any more, or null. */
export function overdueCode(
  recipient: StoredRecipient,
  message: StoredMessage,
  now: number,
): "PST-PIP-001" | "PST-PIP-002" | null {
  if (recipient.state === "held")
    return recipient.deadlineAt !== null && now >= recipient.deadlineAt ? "PST-PIP-002" : null;
  return now >= lifetimeEnd(recipient, message) ? "PST-PIP-001" : null;
}

/** A released or retried hold may go on until the deadline its sender was told of, which can be later than the message's. */
export function lifetimeEnd(
  { deadlineAt }: Pick<StoredRecipient, "deadlineAt">,
  { expiresAt }: Pick<StoredMessage, "expiresAt">,
): number {
  return Math.max(expiresAt, deadlineAt ?? 0);
}

/** Sender or recipient cannot be named without SMTPUTF8. */
export function hasUtf8Address({ recipient }: StoredRecipient, { submission }: StoredMessage): boolean {
  return recipient.mailbox.isUtf8 || submission.envelope.sender?.isUtf8 === true;
}

/** What a recipient is told when no lawful bytes can be built (RFC 6531 section 3.5, RFC 3463 section 3.7). */
export function unprotectableStatus(
  code: ReasonCode,
  { isUtf8Address }: { readonly isUtf8Address: boolean },
): EnhancedStatus<5> {
  if (code !== "PST-PRT-002") return "5.6.3";
  return isUtf8Address ? "5.6.7" : "5.6.9";
}

/** The status of a copy that a plan refuses (RFC 3463 sections 3.2 and 3.8, RFC 7505 section 4.2, RFC 8689 section 6). */
export function refusalStatus(code: ReasonCode): EnhancedStatus<5> {
  if (code === "PST-DEC-030") return "5.7.1";
  if (code === "PST-DEC-005") return "5.7.30";
  if (code === "PST-DEC-010") return "5.7.4";
  if (code === "PST-DEC-006") return "5.1.10";
  return code === "PST-DEC-004" ? "5.1.2" : "5.4.4";
}

/** What becomes of a copy whose plan has no step left. */
export function stopped(stop: Stop, at: Circumstances): Settled {
  const { kind, code } = stop;
  switch (kind) {
    case "hold":
      return held(code, at);
    case "refuse":
      return failed({ ...ownFinding(code, refusalStatus(code)), ...ruleOf(stop) }, at);
    case "wait":
      return putOff(ownFinding(code, "4.7.4"), at);
    default:
      return assertNever(kind);
  }
}

function ruleOf(stop: Stop): { readonly rule?: string } {
  return stop.kind === "refuse" && stop.rule !== undefined ? { rule: stop.rule } : {};
}

export type Overdue = { readonly recipient: StoredRecipient; readonly before: readonly []; readonly settled: Settled };

/** Those that must not be tried any more, with their end and what was last heard about them, and the others. */
export function splitOverdue(
  claims: readonly StoredRecipient[],
  message: StoredMessage,
  now: number,
): { readonly overdue: readonly Overdue[]; readonly live: readonly StoredRecipient[] } {
  const overdue: Overdue[] = [];
  const live: StoredRecipient[] = [];
  for (const recipient of claims) {
    const code = overdueCode(recipient, message, now);
    const { lastReply: reply, lastHost: host } = recipient;
    const failure = { status: "5.4.7", reply, replyCode: reply?.code ?? null, host } as const;
    if (code === null) live.push(recipient);
    else overdue.push({ recipient, before: [], settled: failed({ ...failure, code }, { recipient }) });
  }
  return { overdue, live };
}

/** The dot was announced, and whoever announced it never wrote down what came of it. */
export function lostDot(at: Circumstances): Overdue {
  const { recipient } = at;
  return { recipient, before: [], settled: ambiguous("PST-SPL-063", recipient.lastHost, at) };
}

/** A down-converted variant, once made for a recipient, is the one it keeps. */
export function missingOf({ variantId }: StoredRecipient, { variants }: StoredMessage): readonly MissingExtension[] {
  const variant = variants.find(({ id }) => id === variantId);
  return variant?.kind === "downconverted" ? ["8BITMIME"] : [];
}

type OwnFinding<S extends string> = {
  readonly code: ReasonCode;
  readonly status: S;
  readonly reply: null;
  readonly replyCode: null;
  readonly host: null;
  readonly detail: string | null;
};

/** What was found out here, without a word of any server. */
export function ownFinding<S extends string>(code: ReasonCode, status: S, detail: string | null = null): OwnFinding<S> {
  return { code, status, reply: null, replyCode: null, host: null, detail };
}

/** What an exception of a stage means for its recipient: later, by the code it carries; without one it is a bug. */
export function faultOf(error: unknown): PutOff {
  return ownFinding(reasonOf(error) ?? "PST-PIP-003", "4.3.0");
}

export function isSamePlan(plan: Plan, before: Plan | null): boolean {
  return before !== null && JSON.stringify(plan) === JSON.stringify(before);
}
