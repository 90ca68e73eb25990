/** Times and ids as the audit commands take them. */
import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A date, a time in ISO 8601 (UTC where it names no zone), or so long ago. Milliseconds since the epoch. */
export function parseTime(text: string): number {
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  if (ago !== null) return Date.now() - Number(ago[1]) * (UNITS[ago[2] ?? ""] ?? 0);
  const isIso = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text);
  const at = isIso
    ? Date.parse(/T.*(?:Z|[+-]\d{2}:\d{2})$/.test(text) || !text.includes("T") ? text : `${text}Z`)
    : Number.NaN;
  if (Number.isNaN(at))
    throw new InvalidArgumentError("Write it as 2026-11-22, 2026-11-22T10:00:00Z, or 7d, 24h, 30m for so long ago.");
  return at;
}

export function parseMessageId(text: string): string {
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(text)) {
    throw new InvalidArgumentError(
      "Not a message id as `postern queue list` prints it, without the number behind the dot.",
    );
  }
  return text;
}
