/**
 * The notices that rules flagged a message, to its sender or to the reviewers. Promises: our own words, the names of rules and the
 * queue id; of the original at most From, Date and Message-ID as original-facts.ts reads them, and never whom it was for.
 */
import type { Fate } from "../../core/stages.ts";
import { composeText, oneLine } from "./compose-message.ts";
import { mailDate } from "./trace-field.ts";

export type FlaggedNotice = {
  readonly id: string;
  readonly hostname: string;
  readonly from: string;
  readonly to: string | readonly string[];
  readonly now: number;
  readonly queueId: string;
  readonly arrivedAt: number;
  /** In angle brackets; null where it has none, or its reader is not its sender. */
  readonly messageId: string | null;
  /** As `pack/rule`. */
  readonly rules: readonly string[];
  readonly fates: readonly Fate[];
  /** No other comes this hour, whatever is flagged. */
  readonly isLast: boolean;
};

/** Rules named in one notice. */
const RULES_MAX = 20;

const FATES: Readonly<Record<Fate, string>> = {
  sent: "It goes to recipients with the protection the rules ask for.",
  held: "It is held for review before it goes to recipients.",
  refused: "It is refused, and not sent to recipients.",
};

export function composeSenderNotice(notice: FlaggedNotice): Buffer {
  return compose(notice, "Your message was flagged", [
    "Rules of your organisation flagged a message you sent.",
    ...fateLines(notice),
    "You need not do anything. For questions contact your mail administrator",
    `and name the queue id ${oneLine(notice.queueId)}.`,
  ]);
}

export function composeReviewerNotice(notice: FlaggedNotice): Buffer {
  return compose(notice, "A message was flagged", [
    "Rules flagged a message on its way out.",
    ...fateLines(notice),
    `What is known of it: postern trace ${oneLine(notice.queueId)}`,
    `Where it is held:    postern quarantine show ${oneLine(notice.queueId)}`,
  ]);
}

function compose(notice: FlaggedNotice, subject: string, lines: readonly string[]): Buffer {
  const { id, hostname, from, to, now, messageId, rules, isLast } = notice;
  const fields = {
    id,
    hostname,
    from,
    to,
    now,
    subject,
    inReplyTo: messageId,
    autoSubmitted: "auto-generated",
  } as const;
  return composeText(fields, [
    ...lines,
    "",
    ...rules.slice(0, RULES_MAX).map((rule) => `Rule:     ${oneLine(rule)}`),
    ...(rules.length > RULES_MAX ? [`          and ${rules.length - RULES_MAX} more`] : []),
    `Received: ${mailDate(notice.arrivedAt)}`,
    ...(messageId === null ? [] : [`Message-ID: ${messageId}`]),
    ...(isLast ? ["", "This is the last notice before the next full hour, whatever else is flagged."] : []),
  ]);
}

/** Where recipients fare differently, each fate is some of theirs. */
function fateLines({ fates }: FlaggedNotice): readonly string[] {
  const told = [...new Set(fates)];
  return told.map((fate) =>
    FATES[fate].replace("recipients", told.length > 1 ? "some of its recipients" : "its recipients"),
  );
}
