/** The mail that tells operators of an alert: our own words, codes, numbers and ids only. */
import type { AlertNotice, AlertState } from "../../core/alert.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import { composeText, oneLine } from "./compose-message.ts";
import { mailDate } from "./trace-field.ts";

export type AlertMail = {
  readonly id: string;
  readonly hostname: string;
  readonly instanceId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly now: number;
  readonly notice: AlertNotice;
};

const WORDS: Readonly<Record<AlertState, string>> = { raised: "", again: "Still: ", resolved: "Resolved: " };

export function composeAlert({ notice, instanceId, ...mail }: AlertMail): Buffer {
  const { what, next } = REASON_CODES[notice.code];
  const subject = `[${instanceId}] ${WORDS[notice.state]}${notice.code} ${what.split(/[;:.]/, 1)[0] ?? ""}`;
  return composeText({ ...mail, subject, inReplyTo: null, autoSubmitted: "auto-generated" }, [
    `${WORDS[notice.state]}${what}`,
    `(${notice.code})`,
    "",
    ...(notice.state === "resolved" ? [] : [`What to do: ${next}`, ""]),
    `Since:    ${mailDate(notice.since)}`,
    `Counted:  ${notice.count}`,
    ...Object.entries(notice.facts).map(
      ([name, value]) => `${`${oneLine(name)}:`.padEnd(9)} ${oneLine(String(value))}`,
    ),
    ...notice.messages.map((id) => `Message:  ${oneLine(id)}   (postern trace ${oneLine(id)})`),
    "",
    `Gateway:  ${mail.hostname}`,
    "All alerts that stand now: postern status",
  ]);
}
