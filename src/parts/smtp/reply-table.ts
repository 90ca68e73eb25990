/**
 * What a peer's reply means for the mail, in one table: phase × code × enhanced status (RFC 5321 section 4.2, RFC 3463).
 * Promises: the first matching row decides and every reply matches one; nothing after the final dot is guessed. Leaves to
 * others: walking hosts, lanes and retry times.
 *
 * Actions: `proceed`; `use-helo` (old server); `below-floor` (this host answered and cannot do TLS); `missing` (this host
 * answered and lacks an extension); `next-host` (this host is in trouble; when none is left, the lane is deferred);
 * `lane-deferred` (the destination turns this gateway away: knocking elsewhere would not help); `recipient-deferred` and
 * `failed` (at RCPT that recipient, at MAIL, DATA and dot every recipient of the transaction); `ambiguous`.
 */
import type { MissingExtension, Phase } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { EnhancedStatus } from "../../core/status.ts";

/** Phases that end with a reply; `body` is a reply that came before the final dot was sent. */
export type ReplyPhase = Exclude<Phase, "dial" | "handshake" | "verify" | "done">;

export type ReplyVerdict =
  | { readonly action: "proceed" }
  | { readonly action: "use-helo" }
  | { readonly action: "below-floor"; readonly code: ReasonCode }
  | { readonly action: "missing"; readonly code: ReasonCode; readonly extension: MissingExtension }
  | {
      readonly action: "next-host" | "lane-deferred" | "recipient-deferred";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus<4>;
    }
  | { readonly action: "failed"; readonly code: ReasonCode; readonly status: EnhancedStatus<5> }
  | { readonly action: "ambiguous"; readonly code: ReasonCode };

type ReplyClass = "2xx" | "3xx" | "4xx" | "5xx" | "any";
type Effect =
  | { readonly action: "proceed" | "use-helo" }
  | { readonly action: "below-floor" | "ambiguous"; readonly code: ReasonCode }
  | { readonly action: "missing"; readonly code: ReasonCode; readonly extension: MissingExtension }
  /** `status` stands where the reply brought none of the class of the action. */
  | {
      readonly action: "next-host" | "lane-deferred" | "recipient-deferred";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus<4>;
    }
  | { readonly action: "failed"; readonly code: ReasonCode; readonly status: EnhancedStatus<5> };

type Row = {
  readonly phases: readonly ReplyPhase[] | "any";
  readonly reply: number | ReplyClass;
  /** `subject.detail` of the enhanced code, `subject.*`, or any (also none). */
  readonly enhanced: string;
  /** The row counts only when the command used this extension. */
  readonly used?: MissingExtension;
  readonly means: Effect;
};

const PROCEED = { action: "proceed" } as const;
const nextHost = (code: ReasonCode, status: EnhancedStatus<4>) => ({ action: "next-host", code, status }) as const;
const lane = (code: ReasonCode, status: EnhancedStatus<4>) => ({ action: "lane-deferred", code, status }) as const;
const later = (code: ReasonCode, status: EnhancedStatus<4>) =>
  ({ action: "recipient-deferred", code, status }) as const;
const failed = (code: ReasonCode, status: EnhancedStatus<5>) => ({ action: "failed", code, status }) as const;
const missing = (extension: MissingExtension, code: ReasonCode) => ({ action: "missing", code, extension }) as const;

const HELLO = ["ehlo", "ehlo2"] as const;
const ENVELOPE = ["mail", "rcpt"] as const;
const TRANSACTION = ["mail", "rcpt", "data", "body"] as const;

const ROWS: readonly Row[] = [
  // The final dot: only 2xx is delivery, only 4xx and 5xx are not; 421 there says "not taken" (RFC 5321 section 4.5.3.2.6).
  { phases: ["dot"], reply: "2xx", enhanced: "any", means: PROCEED },
  { phases: ["dot"], reply: 421, enhanced: "any", means: lane("PST-DLV-036", "4.3.2") },
  { phases: ["dot"], reply: "4xx", enhanced: "any", means: later("PST-DLV-023", "4.0.0") },
  { phases: ["dot"], reply: 552, enhanced: "2.2", means: failed("PST-DLV-022", "5.2.2") },
  { phases: ["dot"], reply: 552, enhanced: "any", means: failed("PST-DLV-016", "5.3.4") },
  { phases: ["dot"], reply: "5xx", enhanced: "3.4", means: failed("PST-DLV-016", "5.3.4") },
  { phases: ["dot"], reply: "5xx", enhanced: "any", means: failed("PST-DLV-022", "5.0.0") },
  { phases: ["dot"], reply: "any", enhanced: "any", means: { action: "ambiguous", code: "PST-DLV-025" } },
  // 421 anywhere else: the server leaves (RFC 5321 section 3.8).
  { phases: "any", reply: 421, enhanced: "7.*", means: lane("PST-DLV-006", "4.7.0") },
  { phases: "any", reply: 421, enhanced: "any", means: nextHost("PST-DLV-036", "4.3.2") },
  // Before MAIL nothing concerns one recipient: policy closes the lane, the rest speaks for this host only.
  { phases: ["greeting"], reply: 220, enhanced: "any", means: PROCEED },
  { phases: ["greeting", ...HELLO], reply: "4xx", enhanced: "7.*", means: lane("PST-DLV-006", "4.7.0") },
  { phases: ["greeting", ...HELLO], reply: "5xx", enhanced: "7.*", means: lane("PST-DLV-006", "4.7.0") },
  { phases: ["greeting"], reply: "4xx", enhanced: "any", means: nextHost("PST-DLV-005", "4.3.2") },
  { phases: ["greeting"], reply: "5xx", enhanced: "any", means: nextHost("PST-DLV-005", "4.3.2") },
  { phases: HELLO, reply: 250, enhanced: "any", means: PROCEED },
  { phases: ["ehlo"], reply: "5xx", enhanced: "any", means: { action: "use-helo" } },
  { phases: HELLO, reply: "4xx", enhanced: "any", means: nextHost("PST-DLV-005", "4.3.2") },
  { phases: ["ehlo2"], reply: "5xx", enhanced: "any", means: nextHost("PST-DLV-005", "4.3.2") },
  { phases: ["starttls"], reply: 220, enhanced: "any", means: PROCEED },
  { phases: ["starttls"], reply: "4xx", enhanced: "any", means: nextHost("PST-DLV-011", "4.7.0") },
  { phases: ["starttls"], reply: "5xx", enhanced: "7.*", means: lane("PST-DLV-006", "4.7.0") },
  { phases: ["starttls"], reply: "5xx", enhanced: "any", means: { action: "below-floor", code: "PST-DLV-007" } },
  // 530: "must issue STARTTLS first" or "authentication required" (RFC 3207 section 4, RFC 4954 section 6).
  { phases: TRANSACTION, reply: 530, enhanced: "any", means: lane("PST-DLV-024", "4.7.0") },
  // Size (RFC 1870 section 6).
  { phases: TRANSACTION, reply: "5xx", enhanced: "3.4", means: failed("PST-DLV-016", "5.3.4") },
  { phases: ["mail", "body"], reply: 552, enhanced: "any", means: failed("PST-DLV-016", "5.3.4") },
  // Extensions (RFC 6152 section 3, RFC 6531 section 3.4): only where the command used them.
  { phases: ENVELOPE, reply: "5xx", enhanced: "6.3", used: "8BITMIME", means: missing("8BITMIME", "PST-DLV-013") },
  { phases: ENVELOPE, reply: "5xx", enhanced: "6.7", used: "SMTPUTF8", means: missing("SMTPUTF8", "PST-DLV-014") },
  { phases: ENVELOPE, reply: "5xx", enhanced: "6.9", used: "SMTPUTF8", means: missing("SMTPUTF8", "PST-DLV-014") },
  { phases: ENVELOPE, reply: "5xx", enhanced: "7.30", used: "REQUIRETLS", means: missing("REQUIRETLS", "PST-DLV-015") },
  { phases: ["mail"], reply: 555, enhanced: "any", used: "REQUIRETLS", means: missing("REQUIRETLS", "PST-DLV-015") },
  { phases: ["mail"], reply: 555, enhanced: "any", used: "SMTPUTF8", means: missing("SMTPUTF8", "PST-DLV-014") },
  { phases: ["mail"], reply: 555, enhanced: "any", used: "8BITMIME", means: missing("8BITMIME", "PST-DLV-013") },
  // MAIL: 4.1.x and 4.7.x speak of the sender (greylisting too), other 4xx of the host.
  { phases: ["mail"], reply: "2xx", enhanced: "any", means: PROCEED },
  { phases: ["mail"], reply: "4xx", enhanced: "1.*", means: later("PST-DLV-021", "4.1.0") },
  { phases: ["mail"], reply: "4xx", enhanced: "7.*", means: later("PST-DLV-021", "4.7.0") },
  { phases: ["mail"], reply: "4xx", enhanced: "any", means: nextHost("PST-DLV-021", "4.3.0") },
  { phases: ["mail"], reply: "5xx", enhanced: "any", means: failed("PST-DLV-020", "5.0.0") },
  // RCPT: too many recipients is never final (RFC 5321 section 4.5.3.1.10); a full mailbox told with 5.2.2 is.
  { phases: ["rcpt"], reply: "2xx", enhanced: "any", means: PROCEED },
  { phases: ["rcpt"], reply: 452, enhanced: "2.2", means: later("PST-DLV-018", "4.2.2") },
  { phases: ["rcpt"], reply: 452, enhanced: "any", means: later("PST-DLV-019", "4.5.3") },
  { phases: ["rcpt"], reply: 552, enhanced: "2.2", means: failed("PST-DLV-017", "5.2.2") },
  { phases: ["rcpt"], reply: 552, enhanced: "any", means: later("PST-DLV-019", "4.5.3") },
  { phases: ["rcpt"], reply: "4xx", enhanced: "5.3", means: later("PST-DLV-019", "4.5.3") },
  { phases: ["rcpt"], reply: "5xx", enhanced: "5.3", means: later("PST-DLV-019", "4.5.3") },
  { phases: ["rcpt"], reply: "4xx", enhanced: "any", means: later("PST-DLV-018", "4.0.0") },
  { phases: ["rcpt"], reply: "5xx", enhanced: "any", means: failed("PST-DLV-017", "5.0.0") },
  // DATA: only 354 invites the body. 503 means the server lost count of the dialog, not that the mail is bad.
  { phases: ["data"], reply: 354, enhanced: "any", means: PROCEED },
  { phases: ["data"], reply: 503, enhanced: "any", means: nextHost("PST-DLV-004", "4.5.0") },
  { phases: ["data", "body"], reply: "4xx", enhanced: "any", means: later("PST-DLV-023", "4.0.0") },
  { phases: ["data", "body"], reply: "5xx", enhanced: "any", means: failed("PST-DLV-022", "5.0.0") },
  // Whatever is left is no valid answer in that phase: 250 to DATA, 354 to RCPT, 2xx in the middle of the body.
  { phases: "any", reply: "any", enhanced: "any", means: nextHost("PST-DLV-004", "4.5.0") },
];

/** The rows of each phase in their order: a reply is judged for every command of every mail. */
const ROWS_OF = new Map<ReplyPhase, readonly Row[]>();

function rowsOf(phase: ReplyPhase): readonly Row[] {
  const known = ROWS_OF.get(phase);
  if (known !== undefined) return known;
  const rows = ROWS.filter(({ phases }) => phases === "any" || phases.includes(phase));
  ROWS_OF.set(phase, rows);
  return rows;
}

/** `used`: the extensions the command made use of; they decide whose fault a 555 is. */
export function classifyReply(
  phase: ReplyPhase,
  reply: { readonly code: number; readonly enhanced: EnhancedStatus | null },
  used: readonly MissingExtension[],
): ReplyVerdict {
  const row = rowsOf(phase).find(
    (row) =>
      matchesCode(row.reply, reply.code) &&
      matchesEnhanced(row.enhanced, reply.enhanced) &&
      (row.used === undefined || used.includes(row.used)),
  );
  if (row === undefined) throw new Error("the reply table has no last row");
  return withStatus(row.means, reply.enhanced);
}

function matchesCode(wanted: number | ReplyClass, code: number): boolean {
  if (typeof wanted === "number") return wanted === code;
  return wanted === "any" || Number(wanted[0]) === Math.floor(code / 100);
}

function matchesEnhanced(wanted: string, enhanced: EnhancedStatus | null): boolean {
  if (wanted === "any") return true;
  if (enhanced === null) return false;
  const tail = enhanced.slice(2);
  return wanted.endsWith(".*") ? tail.startsWith(wanted.slice(0, -1)) : tail === wanted;
}

/** The peer's own status where its class agrees with the action; a 5.x.y that is only a deferral takes the row's. */
function withStatus(effect: Effect, enhanced: EnhancedStatus | null): ReplyVerdict {
  if (!("status" in effect) || enhanced === null) return effect;
  if (effect.action === "failed") {
    return enhanced.startsWith("5.") ? { ...effect, status: enhanced as EnhancedStatus<5> } : effect;
  }
  return enhanced.startsWith("4.") ? { ...effect, status: enhanced as EnhancedStatus<4> } : effect;
}
