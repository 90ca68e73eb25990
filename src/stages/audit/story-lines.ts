/** One audit event, or the present state of a recipient, in plain words. Pure; times are UTC. */
import type { ActorFacts } from "../../core/actor.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { AuditedHit, EventBody, EventKind, StepSummary } from "../../core/event.ts";
import type { AttemptFacts, Phase } from "../../core/outcome.ts";
import { PHASES } from "../../core/outcome.ts";
import type { PlanReason } from "../../core/plan.ts";
import type { StoredRecipient } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import { actionText } from "../../core/rule-action.ts";
import type { CodeEntry } from "../../core/code-entry.ts";
import type { Rung } from "../../core/rung.ts";

type Told = {
  readonly [K in EventKind]: (body: Extract<EventBody, { readonly kind: K }>, attempts: Attempts) => string;
};
type Attempts = readonly AttemptFacts[];

/** `attempts` of the whole message add what TLS a delivery really used. */
export function describeEvent(body: EventBody, attempts: Attempts): string {
  if (!Object.hasOwn(TOLD, body.kind)) return `event of another version of Postern: ${body.kind}`;
  const tell = TOLD[body.kind] as (body: EventBody, attempts: Attempts) => string;
  return tell(body, attempts);
}

/** Where a recipient stands, and what the other side said last. */
export function describeState(recipient: StoredRecipient): string {
  const { state, dueAt, deadlineAt, lastCode, lastReply, lastHost } = recipient;
  const waits = state === "received" || state === "ready" || state === "deferred";
  const parts = [
    state,
    waits ? `due ${utc(dueAt)}` : null,
    state === "held" && deadlineAt !== null ? `until ${utc(deadlineAt)}` : null,
    recipient.possibleDuplicate ? "possible duplicate" : null,
    lastCode === null ? null : codeText(lastCode),
    lastReply === null
      ? null
      : `last reply${lastHost === null ? "" : ` of ${lastHost}`}: ${replyText(lastReply.code, lastReply.enhanced)} ${printable(lastReply.text)}`,
  ];
  return parts.filter((part) => part !== null).join("; ");
}

const TOLD: Told = {
  accepted: (body) => {
    const size = `${sizeText(body.sizeBytes)}, ${countText(body.recipients, "recipient")}`;
    if (body.proof === "self") return `written by Postern itself (${body.origin}), ${size}`;
    const tls = body.tls === null ? "without TLS" : `over ${body.tls}`;
    return `accepted from ${body.submitter} at ${body.peerAddress} (proof: ${body.proof}) ${tls}, ${size}`;
  },
  inspected: ({ findings }) => {
    const parts = [
      verdictText(findings),
      findings.hits.length === 0 ? null : findings.hits.map(hitText).join(", "),
      findings.shadow === undefined
        ? null
        : `in shadow: ${findings.shadow.map((hit) => `${hit.pack}/${hit.rule}`).join(", ")}`,
      findings.triggers.length === 0 ? null : `the sender asked for protection (${findings.triggers.join(", ")})`,
      findings.waiverAsked === true ? "the sender asked to do without protection" : null,
    ];
    return parts.filter((part) => part !== null).join(": ");
  },
  planned: (body) => {
    const steps = [...body.steps.map(stepText), `${body.stop.kind} (${body.stop.code})`].join(", then ");
    return `needs at least: ${demandText(body.minRung)} (${body.profile}), because of ${body.reasons.map(reasonText).join(", ")}; plan: ${steps}`;
  },
  protected: (body) => `prepared for ${stepText(body.step)}: ${body.form}, ${sizeText(body.sizeBytes)}`,
  attempt: ({ attempt }) => attemptText(attempt),
  dot_sent: (body) => `${body.host} has all but the final dot, over ${body.rung}`,
  unmet: (body) => {
    const best = body.bestRung === null ? "" : `; best seen: ${rungText(body.bestRung)}`;
    const missing = body.missing.length === 0 ? "" : `; not offered: ${body.missing.join(", ")}`;
    return `not good enough: ${codeText(body.code)}${best}${missing}`;
  },
  delivered: (body, attempts) => {
    const tls = attempts.findLast((attempt) => attempt.host === body.host && attempt.rung === body.rung)?.tls ?? null;
    const over = tls === null ? body.rung : `${body.rung} (${tls.protocol} ${tls.cipher})`;
    const twice = body.possibleDuplicate ? "; possibly for the second time" : "";
    return `delivered to ${body.host} over ${over}, reply ${replyText(body.replyCode, body.status)}${twice}`;
  },
  deferred: (body) =>
    `deferred, ${body.code === "PST-PIP-010" ? "looked at next" : "next try"} ${utc(body.dueAt)} (${countText(body.attempts, "attempt")} so far): ${codeText(body.code)}${replyPart(body.replyCode, body.status)}${detailPart(body)}`,
  possible_duplicate: (body) => `may have been delivered already, next try ${utc(body.dueAt)}: ${codeText(body.code)}`,
  failed: (body) => `failed: ${codeText(body.code)}${replyPart(body.replyCode, body.status)}`,
  held: (body) =>
    `held until ${utc(body.deadlineAt)}: ${[codeText(body.code), entryOf(body.code)?.next].filter((part) => part !== undefined).join(". Next: ")}`,
  downgrade: (body) => DOWNGRADES[body.step](body),
  tls_report: (body) =>
    `the TLS report ${printable(body.reportId)} about ${body.day} was handed to ${printable(body.host)}, ${sizeText(body.sizeBytes)}`,
  child: (body) => `${CHILDREN[body.child]}, as ${body.messageId}`,
  alert: (body) => {
    const state = body.state === undefined || body.state === "raised" ? "" : ` (${body.state})`;
    const facts = Object.entries(body.facts ?? {}).map(([name, value]) => `; ${name} ${printable(String(value))}`);
    return `alert to the operators${state}: ${codeText(body.code)}${facts.join("")}`;
  },
  untold_alert: (body) =>
    `the alert of ${utc(body.at)} had not reached the web hook when the service stopped: ${codeText(body.code)}`,
  operator: (body) => {
    const why = body.reason === "" ? "" : `: ${printable(body.reason)}`;
    return `${actorText(body)} asked for ${body.action}${why}`;
  },
  suspension: (body) => {
    const until = body.until === null ? "" : ` until ${utc(body.until)}`;
    return `${actorText(body)} asked to ${body.action} mail ${body.side} ${printable(body.of)}${until}: ${printable(body.reason)}`;
  },
  review: (body) => `${reviewText(body)} by ${actorText(body)}: ${printable(body.reason)}`,
  reveal: (body) =>
    `${actorText(body)} was shown what detection found in a file (SHA-256 ${body.file.slice(0, 12)}): ${printable(body.reason)}`,
  review_expired: (body) => `nobody approved or rejected the request to ${body.act} it (${body.request}) in time`,
  refused_act: (body) => {
    const roles = body.roles.length === 0 ? "no role" : body.roles.join(", ");
    return `${actorText(body)} was refused ${printable(body.method)}, having ${roles}: ${codeText(body.code)}`;
  },
  restored: (body) =>
    `restored by ${body.actor} from the backup of ${body.backupAt} (row ${body.head.seq}), ${countText(body.open, "recipient")} to be tried again: ${body.reason}`,
  rekeyed: (body) =>
    `all at rest is under the keys ${body.spool} (spool) and ${body.addresses} (addresses) now, ${countText(body.changed, "value")} written anew`,
  recovered: (body) => `the service restarted while this was ${body.from}; it goes on`,
  checkpoint: (body) => `the audit up to here was signed (${CHECKPOINTS[body.why]})`,
  anchor: (body) =>
    `${countText(body.rows, "row")} of the audit, up to row ${body.throughSeq}, removed after ${countText(body.retentionDays, "day")}${body.archive === null ? "" : `, kept in ${printable(body.archive)}`}`,
  legal_hold: (body) => {
    const what = body.since === null ? "this message" : `everything ${periodText(body.since, body.until)}`;
    const did = body.action === "add" ? "put a legal hold on" : "lifted the legal hold on";
    return `${actorText(body)} ${did} ${what} (hold ${body.hold}): ${printable(body.reason)}`;
  },
  service: (body) => {
    const allowed = body.allowed.length === 0 ? "" : `, with ${body.allowed.join(", ")}`;
    return `service ${body.what.replace("_", " ")}, configuration ${body.configSha256.slice(0, 12)}${allowed}`;
  },
};

function reviewText({ action, act, request }: Extract<EventBody, { kind: "review" }>): string {
  const what = `the request to ${act} it (${request})`;
  switch (action) {
    case "released":
      return "released from review";
    case "refused":
      return "refused in review";
    case "requested":
      return `${act} requested (${request}), which needs a second person,`;
    case "approved":
      return `${what} was approved, and carried out,`;
    case "rejected":
      return `${what} was rejected`;
    case "viewed":
      return "the message itself was looked at";
    default:
      return assertNever(action);
  }
}

/** What it asks for is told where that is more, or less, than to protect. */
function hitText({ pack, rule, tier, action, also }: AuditedHit): string {
  const asks = actionText(action, also);
  return `rule ${pack}/${rule} (${[...(tier === "none" ? [] : [`tier ${tier}`]), ...(asks === "protect" ? [] : [asks])].join(", ")})`;
}

const CHILDREN: Readonly<Record<Extract<EventBody, { kind: "child" }>["child"], string>> = {
  failure_dsn: "the sender was told of the failure",
  delay_dsn: "the sender was told of the delay",
  held_notice: "the sender was told that it is held",
  success_dsn: "the sender was told of the delivery",
  copy: "a copy went to the compliance mailboxes",
  sender_notice: "the sender was told that rules flagged it",
  reviewer_notice: "the reviewers were told that rules flagged it",
};

function actorText({ actor, uid, sudoUser }: ActorFacts): string {
  const number = uid === undefined || actor === `uid ${uid}` ? "" : ` (uid ${uid})`;
  const behind = sudoUser === undefined ? "" : `, by sudo for ${printable(sudoUser)}`;
  return `${printable(actor)}${number}${behind}`;
}
const CHECKPOINTS: Readonly<Record<Extract<EventBody, { kind: "checkpoint" }>["why"], string>> = {
  start: "at the start",
  stop: "before the end",
  time: "time was up",
  rows: "many rows",
  asked: "somebody asked for it",
};

function verdictText(findings: Extract<EventBody, { kind: "inspected" }>["findings"]): string {
  switch (findings.verdict) {
    case "clean":
      return "found no PHI";
    case "phi":
      return `found PHI, ${countText(findings.count, "place")}`;
    case "protected":
      return "was encrypted by the sender's client already";
    case "uninspectable":
      return `could not be read everywhere (${findings.uninspectable.map(({ part, reason }) => `part ${part}: ${reason}`).join(", ")})`;
    default:
      return assertNever(findings.verdict);
  }
}

function attemptText(attempt: AttemptFacts): string {
  const where = `${attempt.reused ? "used the open connection to" : "tried"} ${attempt.host} ${attempt.address}`;
  const parts = [
    `${where}: ${channelText(attempt)}`,
    attempt.phase === "done" ? null : `ended at ${attempt.phase}`,
    attempt.replyCode === null ? null : `reply ${replyText(attempt.replyCode, attempt.enhanced)}`,
    attempt.code === null ? null : codeText(attempt.code),
  ];
  return parts.filter((part) => part !== null).join("; ");
}

function channelText({ tls, dane, rule, rung, starttlsOffered, phase, requireTls }: AttemptFacts): string {
  if (tls !== null) {
    const key = tls.weakKey === undefined ? "" : `, key too short (${tls.weakKey})`;
    const certificate = `certificate ${tls.chain}, name ${tls.nameMatches ? "matches" : "does not match"}${key}`;
    const judged = `${daneText(dane)}${ruleText(rule)}${requireTls === true ? ", REQUIRETLS" : ""}`;
    return `${tls.protocol} ${tls.cipher}, ${certificate}${judged}${rung === null ? "" : ` → ${rungText(rung)}`}`;
  }
  if (isBefore(phase, "ehlo")) return "no dialog";
  if (isBefore(phase, "starttls")) return "did not get as far as STARTTLS";
  const isAskedFor = dane !== undefined && dane.state !== "none";
  if (!starttlsOffered) return `offered no STARTTLS${isAskedFor ? ", though DNS asks for TLS (DANE)" : ""}`;
  if (rung === "plain") return "without TLS";
  return `TLS did not come about${isAskedFor ? ", though DNS asks for it (DANE)" : ""}`;
}

function daneText(dane: AttemptFacts["dane"]): string {
  if (dane === undefined || dane.state === "none") return "";
  if (dane.state === "unusable") return ", DANE records of no use";
  if (dane.matched !== null) return `, DANE record ${dane.matched} matches`;
  return dane.refused === null ? "" : `, DANE: ${dane.refused}`;
}

function ruleText(rule: AttemptFacts["rule"]): string {
  if (rule === undefined || rule.met === null) return "";
  const verdict = rule.met ? "met" : `not met: ${rule.refused ?? "refused"}`;
  return `, rule for ${printable(rule.of)} ${verdict}`;
}

function isBefore(phase: Phase, other: Phase): boolean {
  return PHASES.indexOf(phase) < PHASES.indexOf(other);
}

function stepText({ kind, minRung }: StepSummary): string {
  return minRung === null ? kind : `${kind} (${minRung})`;
}

function demandText(minRung: Rung | null): string {
  if (minRung === null) return "encrypted content, whatever the transport";
  return minRung === "plain" ? "nothing, TLS where it is offered" : rungText(minRung);
}

function rungText(rung: Rung): string {
  return RUNG_WORDS[rung];
}

const RUNG_WORDS: Readonly<Record<Rung, string>> = {
  dane: "TLS verified by DANE",
  "sts-enforce": "TLS verified by MTA-STS",
  pinned: "TLS with a pinned certificate",
  "pkix-dnssec-mx": "verified TLS to an MX secured by DNSSEC",
  "dane-insecure-mx": "TLS verified by DANE, MX not secured",
  pkix: "verified TLS",
  "tls-unauthenticated": "TLS, certificate not verified",
  plain: "no TLS",
};

type DowngradeBody = Extract<EventBody, { kind: "downgrade" }>;

const DOWNGRADES: Readonly<Record<DowngradeBody["step"], (body: DowngradeBody) => string>> = {
  fell: ({ host, from, to }) => `${host} fell below what its domain proved before: ${to} in place of ${from}`,
  proved: ({ host, to }) => `${host} proves again what its domain proved before (${to})`,
  accepted: ({ from, to }) => `the fall from ${from} lasted long enough: ${to} is what counts as proven from now on`,
};

type ProvenReason = Extract<PlanReason, { kind: "proven-before" }>;

const PROVEN_TEXT: Readonly<Record<ProvenReason["effect"], (rung: ProvenReason["rung"]) => string>> = {
  kept: (rung) => `what the domain proved before is kept (${rung})`,
  lapsed: (rung) => `what the domain proved before no longer binds (${rung})`,
  waived: (rung) => `what the domain proved before is waived by the rule for it (${rung})`,
  unknown: () => "what the domain proved before cannot be read",
};

function reasonText(reason: PlanReason): string {
  switch (reason.kind) {
    case "profile":
      return `${reason.because} (${reason.profile})`;
    case "rule":
      return `rule ${reason.pack}/${reason.rule}${reason.asks === undefined ? "" : ` (${reason.asks})`}`;
    case "sender-waiver":
      return `the sender's wish to do without protection: ${reason.effect}`;
    case "destination-rule":
      return `the rule for ${reason.match}: ${reason.effect}`;
    case "proven-before":
      return PROVEN_TEXT[reason.effect](reason.rung);
    case "tls-required-no-ignored":
      return "the sender's `TLS-Required: No`, which is ignored";
    case "never-below":
      return `the earlier demand (${reason.profile})`;
    case "capability":
      return `${reason.capability}: ${reason.state}`;
    case "route":
      return `route: ${reason.state}`;
    default:
      return assertNever(reason);
  }
}

/** Without its last full stop: more of the line may follow. */
function codeText(code: string): string {
  const what = entryOf(code)?.what;
  return what === undefined ? code : `${code} ${what.replace(/\.$/, "")}`;
}

/** Rows outlive codes: one of another version has no text here. */
function entryOf(code: string): CodeEntry | undefined {
  return Object.hasOwn(REASON_CODES, code) ? REASON_CODES[code as keyof typeof REASON_CODES] : undefined;
}

/** What came of a question in DNS, about a host or about the domain itself. */
function detailPart({ detail, host }: { readonly detail?: string; readonly host?: string }): string {
  if (detail === undefined) return "";
  return `; DNS${host === undefined ? "" : ` about ${host}`}: ${printable(detail)}`;
}

function replyPart(code: number | null, status: string): string {
  return code === null ? "" : `; reply ${replyText(code, status)}`;
}

function replyText(code: number, status: string | null): string {
  return status === null ? String(code) : `${code} ${status}`;
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function periodText(since: number, until: number | null): string {
  return until === null ? `since ${utc(since)}` : `from ${utc(since)} to ${utc(until)}`;
}

function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Nothing that came from outside may steer a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}
