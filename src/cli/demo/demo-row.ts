/**
 * One row of the demo: what became of one recipient, read from the gateway's own state and audit, and whether that is
 * what the sample said. Pure; looks nothing up.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { EventBody } from "../../core/event.ts";
import type { Findings } from "../../core/findings.ts";
import type { AttemptFacts } from "../../core/outcome.ts";
import type { StoredRecipient } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import { mxOf } from "./demo-internet.ts";
import type { Expectation, Found } from "./sample-mails.ts";

export type DemoRow = {
  readonly id: string;
  readonly recipient: string;
  readonly found: string;
  readonly required: { readonly profile: string | null; readonly minRung: Rung | null };
  /** What carried the message: TLS protocol, `no TLS`, or null where nothing was sent. */
  readonly used: string | null;
  /** Proven on the live connection; null where no server was asked. */
  readonly rung: Rung | null;
  readonly state: StoredRecipient["state"];
  readonly code: ReasonCode | null;
  /** Of the server, to the last thing it was asked. */
  readonly reply: { readonly code: number; readonly enhanced: string | null; readonly text: string } | null;
  /** One sentence where the row needs one. */
  readonly why: string | null;
  /** Empty: as expected. */
  readonly differences: readonly string[];
};

export type RowFacts = {
  readonly recipient: StoredRecipient;
  readonly findings: Findings | null;
  /** Of the whole message, oldest first. */
  readonly events: readonly { readonly recipientId: string | null; readonly body: EventBody }[];
};

export function readRow(facts: RowFacts, expected: Expectation & { readonly found: Found }): DemoRow {
  const { recipient, findings } = facts;
  const attempt = lastAttempt(facts);
  const isSent = recipient.state === "delivered" || recipient.state === "failed";
  const { lastReply: reply, plan } = recipient;
  const row = {
    id: recipient.id,
    recipient: recipient.recipient.mailbox.address,
    found: findings === null ? "not yet" : foundWords(findings),
    required: { profile: plan?.floor.profile ?? null, minRung: plan?.floor.minRung ?? null },
    used: isSent && attempt !== null ? (attempt.tls?.protocol ?? "no TLS") : null,
    rung: attempt?.rung ?? null,
    state: recipient.state,
    code: recipient.lastCode,
    reply: reply === null ? null : { code: reply.code, enhanced: reply.enhanced, text: reply.text },
    why: reasonOf(facts, attempt),
  };
  return { ...row, differences: differencesOf(row, expected) };
}

export function foundWords({ verdict, tier, triggers }: Findings): Found | "encrypted" {
  switch (verdict) {
    case "phi":
      return tier === "high" ? "PHI high" : "PHI";
    case "uninspectable":
      return "unreadable";
    case "protected":
      return "encrypted";
    case "clean":
      return triggers.length > 0 ? "[secure]" : "no PHI";
    default:
      return assertNever(verdict);
  }
}

export function requiredWords({ profile, minRung }: DemoRow["required"]): string {
  if (profile === null) return "not yet";
  switch (minRung) {
    case null:
      return "encryption";
    case "plain":
      return "nothing";
    case "tls-unauthenticated":
      return "any TLS";
    case "pkix":
    case "dane-insecure-mx":
      return "verified TLS";
    default:
      return "strict TLS";
  }
}

/** Attempts are facts of the message; the host tells whose they are. */
function lastAttempt({ recipient, events }: RowFacts): AttemptFacts | null {
  const host = mxOf(recipient.recipient.mailbox.domain);
  const attempts = events.flatMap(({ body }) => (body.kind === "attempt" ? [body.attempt] : []));
  return attempts.findLast((attempt) => attempt.host === host) ?? null;
}

function reasonOf(facts: RowFacts, attempt: AttemptFacts | null): string | null {
  const { recipient } = facts;
  switch (recipient.state) {
    case "delivered":
      return secondTry(facts);
    case "held":
      return `${shortfall(recipient, attempt)}; nothing was sent, the sender was told`;
    case "deferred":
      return recipient.lastCode === "PST-DLV-039"
        ? "not the certificate that DNS vouches for; nothing was sent, it is tried again"
        : "not finished in time";
    case "failed":
      return `${recipient.lastReply === null ? whatOf(recipient) : "refused for good"}; the sender was told`;
    default:
      return "not finished in time";
  }
}

function secondTry({ recipient, events }: RowFacts): string | null {
  const deferral = events.findLast(({ recipientId, body }) => recipientId === recipient.id && body.kind === "deferred");
  if (deferral?.body.kind !== "deferred") return null;
  const { replyCode, status, attempts } = deferral.body;
  return `put off with ${replyCode === null ? status : `${replyCode} ${status}`} at first, taken at try ${attempts + 1}`;
}

function shortfall(recipient: StoredRecipient, attempt: AttemptFacts | null): string {
  if (recipient.lastCode === "PST-DEC-003") return "only encryption would do, which is not built yet";
  if (attempt === null) return whatOf(recipient);
  if (attempt.tls !== null && attempt.tls.chain !== "ok") return `certificate not trusted (${attempt.tls.chain})`;
  return attempt.starttlsOffered ? whatOf(recipient) : "the server offers no STARTTLS";
}

function whatOf({ lastCode }: StoredRecipient): string {
  return lastCode === null ? "no reason was recorded" : REASON_CODES[lastCode].what.replace(/\.$/, "");
}

function differencesOf(
  row: Omit<DemoRow, "differences">,
  expected: Expectation & { readonly found: Found },
): readonly string[] {
  const pairs: readonly (readonly [string, string | null, string | null])[] = [
    ["found", row.found, expected.found],
    ["required", row.required.profile, expected.profile],
    ["rung", row.rung, expected.rung],
    ["state", row.state, expected.state],
    ["code", row.code, expected.code],
  ];
  return pairs
    .filter(([, seen, wanted]) => seen !== wanted)
    .map(([name, seen, wanted]) => `${name} is ${seen ?? "none"}, expected ${wanted ?? "none"}`);
}
