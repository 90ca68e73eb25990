/**
 * What follows from one outcome of one recipient: pure, so that retry, hold and report rules can be read and tested as a
 * table. Promises: every outcome ends in exactly one of settled, advance or rebuild; nothing waits without a time to wake.
 * Composing reports and writing rows is left to pipeline.ts.
 */
import { assertNever } from "./assert-never.ts";
import type { Chance } from "./clock.ts";
import type { EventBody } from "./event.ts";
import type { ReportKind } from "./origin.ts";
import type { MissingExtension, Outcome, PeerFacts } from "./outcome.ts";
import type { RecipientPatch, StoredRecipient } from "./queue-store.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { EnhancedStatus, PeerReply } from "./status.ts";

export type RetryOptions = {
  /** Pause before the n-th retry; the last repeats. */
  readonly scheduleMs: readonly [number, ...number[]];
  /** 0.2 spreads each pause by up to 20 % either way. */
  readonly jitterShare: number;
  /** Age of the message at which its sender is told of the delay; ascending. */
  readonly delayNoticesMs: readonly number[];
  /** How long a step that is only partly unmet is kept before the next step may follow. */
  readonly secureHoldMs: number;
  /** Pause after an ambiguous end. */
  readonly ambiguousRetryMs: number;
  /** How long a held recipient waits for a person. */
  readonly holdDeadlineMs: number;
};

/** A report to the sender that goes with a transition. */
export type Tell = {
  readonly kind: ReportKind;
  readonly step: number;
  readonly status: EnhancedStatus;
  /** null where nothing went wrong. */
  readonly code: ReasonCode | null;
  readonly replyCode: number | null;
  readonly host: string | null;
  /** As `pack/rule`, where a rule refused it. */
  readonly rule?: string;
};

export type Settled = {
  readonly kind: "settled";
  readonly patch: RecipientPatch;
  readonly events: readonly EventBody[];
  readonly tell: Tell | null;
};

export type Aftermath =
  | Settled
  /** Go on with the next step of the plan. */
  | { readonly kind: "advance"; readonly events: readonly EventBody[]; readonly patch: RecipientPatch }
  /** The same step with bytes that do without these extensions. */
  | { readonly kind: "rebuild"; readonly missing: readonly MissingExtension[]; readonly events: readonly EventBody[] };

export type Circumstances = {
  readonly recipient: StoredRecipient;
  readonly receivedAt: number;
  /** See lifetimeEnd in pass-facts.ts. */
  readonly expiresAt: number;
  readonly options: RetryOptions;
  readonly now: number;
  readonly chance: Chance;
  /** Extensions these bytes already do without. */
  readonly missing: readonly MissingExtension[];
};

/** Turned away before a server was spoken to: no attempt, so that a burst, a restart or a suspension does not lengthen the pauses. */
const UNCOUNTED: readonly ReasonCode[] = ["PST-DLV-029", "PST-DLV-033", "PST-PIP-010"];
/** The destination rests, since nobody could be spoken to several times in a row. */
const RESTS: ReasonCode = "PST-DLV-028";
/** Nothing was learned of the destination: what was known of the step stands. */
const UNLEARNED: readonly ReasonCode[] = [...UNCOUNTED, RESTS];
const NOBODY_ASKED: PeerFacts = { bestRung: null, missing: [] };

/** The bytes can be rebuilt without these; the others cannot be done without. */
const REBUILDABLE: readonly MissingExtension[] = ["8BITMIME", "SMTPUTF8"];

export function aftermathOf(outcome: Outcome, at: Circumstances): Aftermath {
  switch (outcome.kind) {
    case "delivered":
      return delivered(outcome, at);
    case "failed":
      return failed({ ...outcome, replyCode: outcome.reply?.code ?? null }, at);
    case "deferred":
      return deferred(outcome, at);
    case "unmet":
      return unmet(outcome, at);
    case "ambiguous":
      return ambiguous(outcome.code, outcome.host, at);
    default:
      return assertNever(outcome);
  }
}

function delivered(outcome: Extract<Outcome, { kind: "delivered" }>, at: Circumstances): Settled {
  return {
    kind: "settled",
    patch: { state: "delivered", lease: null, lastReply: outcome.reply, lastHost: outcome.host, lastCode: null },
    events: [
      {
        kind: "delivered",
        rung: outcome.observed,
        host: outcome.host,
        replyCode: outcome.reply.code,
        status: outcome.status,
        possibleDuplicate: at.recipient.possibleDuplicate,
      },
    ],
    tell: outcome.dsnPassedOn ? null : relayedReport(outcome),
  };
}

/** For who asked with NOTIFY=SUCCESS: the next hop will not report, so we say that we handed over (RFC 3461 section 5.2.2). */
function relayedReport({ status, reply, host }: Extract<Outcome, { kind: "delivered" }>): Tell {
  return { kind: "success_dsn", step: 0, status, code: null, replyCode: reply.code, host };
}

export type Failure = {
  readonly code: ReasonCode;
  readonly status: EnhancedStatus<5>;
  readonly reply: PeerReply | null;
  readonly replyCode: number | null;
  readonly host: string | null;
  readonly rule?: string;
};

/** Ends a recipient for good, with a report to the sender. */
export function failed(
  failure: Failure,
  at: { readonly recipient: { readonly lastReply?: PeerReply | null } },
): Settled {
  const { code, status, replyCode, host, rule } = failure;
  return {
    kind: "settled",
    patch: {
      state: "failed",
      lease: null,
      lastCode: code,
      lastHost: host,
      lastReply: failure.reply ?? at.recipient.lastReply ?? null,
    },
    events: [{ kind: "failed", code, status, replyCode }],
    tell: { kind: "failure_dsn", step: 0, status, code, replyCode, host, ...(rule !== undefined && { rule }) },
  };
}

/**
 * Waits for a person, with a deadline; sender and operator are told. Held again after a release or retry, the deadline the
 * sender was told of stands: nobody can extend it for ever, and nobody is told twice.
 */
export function held(code: ReasonCode, at: Pick<Circumstances, "recipient" | "now" | "options">): Settled {
  const isFirst = at.recipient.deadlineAt === null;
  const deadlineAt = at.recipient.deadlineAt ?? at.now + at.options.holdDeadlineMs;
  return {
    kind: "settled",
    patch: { state: "held", deadlineAt, dueAt: deadlineAt, lease: null, lastCode: code },
    events: [
      { kind: "held", code, deadlineAt },
      { kind: "alert", code },
    ],
    tell: isFirst ? { kind: "held_notice", step: 0, status: "4.7.0", code, replyCode: null, host: null } : null,
  };
}

function deferred(outcome: Extract<Outcome, { kind: "deferred" }>, at: Circumstances): Aftermath {
  const known = outcome.unmet !== null || UNLEARNED.includes(outcome.code) ? at.recipient.unmetSince : null;
  const unmetSince = outcome.unmet === null ? known : (known ?? at.now);
  // A server below the floor may rest for longer than the mail should wait; nobody says anything else meanwhile.
  const facts = outcome.unmet ?? (outcome.code === RESTS ? NOBODY_ASKED : null);
  if (facts !== null && holdIsOver(unmetSince, at) && !at.recipient.possibleDuplicate) {
    return { kind: "advance", events: [unmetEvent(outcome.code, facts)], patch: { unmetSince: null } };
  }
  return putOff({ ...outcome, replyCode: outcome.reply?.code ?? null }, at, { unmetSince });
}

/** The next step may follow one that has been partly unmet since then. */
export function holdIsOver(
  unmetSince: number | null,
  { now, options }: { readonly now: number; readonly options: Pick<RetryOptions, "secureHoldMs"> },
): boolean {
  return unmetSince !== null && now - unmetSince >= options.secureHoldMs;
}

export type PutOff = {
  readonly code: ReasonCode;
  readonly status: EnhancedStatus<4>;
  readonly reply: PeerReply | null;
  readonly replyCode: number | null;
  readonly host: string | null;
  /** What the code leaves open, such as what came of a question in DNS: our own words, no address, no content. */
  readonly detail?: string | null;
  /** When it may be tried again, where that is known; in the place of the retry schedule. */
  readonly waitsUntil?: number;
};

/** What a pause depends on. */
export type PutOffCircumstances = Omit<Circumstances, "recipient" | "missing"> & {
  readonly recipient: Pick<StoredRecipient, "attempts" | "noticesSent" | "unmetSince"> & {
    readonly lastReply?: PeerReply | null;
  };
};

/** Later, by the retry schedule; a failure where no later is left; the sender is told when the delay grows old. */
export function putOff(why: PutOff, at: PutOffCircumstances, extra: RecipientPatch = {}): Settled {
  const isAttempt = !UNCOUNTED.includes(why.code);
  const attempts = at.recipient.attempts + (isAttempt ? 1 : 0);
  const unmetSince = extra.unmetSince === undefined ? at.recipient.unmetSince : extra.unmetSince;
  const nextAt = Math.min(at.now + pause(isAttempt ? attempts : 1, at), holdEnd(unmetSince, at));
  const retryAt = why.waitsUntil ?? nextAt;
  if (at.now >= at.expiresAt) return expired(why, at);
  const notice = dueNotice(at);
  const noticesSent = notice ?? at.recipient.noticesSent;
  const nextNoticeMs = at.options.delayNoticesMs[noticesSent];
  const dueAt = Math.min(
    retryAt,
    at.expiresAt,
    nextNoticeMs === undefined ? Infinity : Math.max(at.receivedAt + nextNoticeMs, at.now + 1000),
  );
  return {
    kind: "settled",
    patch: {
      ...extra,
      state: "deferred",
      attempts,
      dueAt,
      noticesSent,
      lease: null,
      lastCode: why.code,
      lastReply: why.reply,
      lastHost: why.host,
    },
    events: [deferredEvent(why, { attempts, dueAt })],
    tell: delayTell(notice, why),
  };
}

/** When the next step may follow; Infinity where that is over, or nothing is unmet. */
function holdEnd(unmetSince: number | null, at: PutOffCircumstances): number {
  return unmetSince === null || holdIsOver(unmetSince, at) ? Infinity : unmetSince + at.options.secureHoldMs;
}

function deferredEvent(
  { code, status, replyCode, host, detail }: PutOff,
  next: { readonly attempts: number; readonly dueAt: number },
): EventBody {
  const why = detail === undefined || detail === null ? {} : { detail, ...(host === null ? {} : { host }) };
  return { kind: "deferred", code, status, replyCode, ...next, ...why };
}

function expired(why: PutOff, at: PutOffCircumstances): Settled {
  return failed(
    { code: "PST-PIP-001", status: "5.4.7", reply: why.reply, replyCode: why.replyCode, host: why.host },
    at,
  );
}

/** How many delay notices are due by now, where that is more than were sent; else null. */
function dueNotice(at: PutOffCircumstances): number | null {
  const age = at.now - at.receivedAt;
  const due = at.options.delayNoticesMs.filter((noticeMs) => age >= noticeMs).length;
  return due > at.recipient.noticesSent ? due : null;
}

function pause(attempts: number, at: PutOffCircumstances): number {
  const { scheduleMs, jitterShare } = at.options;
  const base = scheduleMs[Math.min(attempts, scheduleMs.length) - 1] ?? scheduleMs[0];
  return Math.round(base * (1 + jitterShare * (2 * at.chance() - 1)));
}

function unmet(outcome: Extract<Outcome, { kind: "unmet" }>, at: Circumstances): Aftermath {
  const events = [unmetEvent(outcome.code, outcome.observed)];
  if (at.recipient.possibleDuplicate) {
    // Frozen: no other method and no other bytes; wait for the side that may have the message already.
    return putOff({ code: outcome.code, status: "4.7.0", reply: null, replyCode: null, host: null }, at);
  }
  const fresh = outcome.observed.missing.filter((name) => !at.missing.includes(name));
  if (fresh.length > 0 && fresh.every((name) => REBUILDABLE.includes(name))) {
    return { kind: "rebuild", missing: [...at.missing, ...fresh], events };
  }
  return { kind: "advance", events, patch: { unmetSince: null } };
}

function unmetEvent(code: ReasonCode, observed: PeerFacts): EventBody {
  return { kind: "unmet", code, bestRung: observed.bestRung, missing: observed.missing };
}

/** Frozen from here on: the same method and bytes again, later, and marked. A delay grows old as any other does. */
export function ambiguous(code: ReasonCode, host: string | null, at: Circumstances): Settled {
  const attempts = at.recipient.attempts + 1;
  const dueAt = at.now + at.options.ambiguousRetryMs;
  const notice = dueNotice(at);
  return {
    kind: "settled",
    patch: {
      state: "deferred",
      possibleDuplicate: true,
      attempts,
      dueAt,
      noticesSent: notice ?? at.recipient.noticesSent,
      lease: null,
      lastCode: code,
      lastHost: host,
    },
    events: [{ kind: "possible_duplicate", code, dueAt }],
    tell: delayTell(notice, { status: "4.4.2", code, replyCode: null, host }),
  };
}

function delayTell(notice: number | null, why: Pick<Tell, "status" | "code" | "replyCode" | "host">): Tell | null {
  const { status, code, replyCode, host } = why;
  return notice === null ? null : { kind: "delay_dsn", step: notice, status, code, replyCode, host };
}
