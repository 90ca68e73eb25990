/**
 * The audit as CSV (RFC 4180), for spreadsheets. Promises that no cell is taken for a formula, whatever a server or an operator
 * wrote: such a cell begins with an apostrophe. To be read by people; what is to be verified is JSON Lines.
 */
import type { AuditRow, EventBody } from "../../core/event.ts";
import { describeEvent } from "./story-lines.ts";

export const CSV_COLUMNS = ["seq", "time", "message", "recipient", "kind", "what", "facts", "hash"] as const;
const FORMULA = /^[=+\-@\t\r\n|%]/;

export function csvHeader(): string {
  return `${CSV_COLUMNS.join(",")}\r`;
}

export function csvLine(row: AuditRow): string {
  const { seq, at, messageId, recipientId, kind, body, hash } = row;
  const cells = [
    String(seq),
    new Date(at).toISOString(),
    messageId ?? "",
    recipientId ?? "",
    kind,
    told(body),
    body,
    hash,
  ];
  return `${cells.map(cell).join(",")}\r`;
}

function cell(text: string): string {
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function told(body: string): string {
  try {
    return describeEvent(JSON.parse(body) as EventBody, []);
  } catch {
    // An altered row; the facts beside it stand as they are.
    return "cannot be read";
  }
}
