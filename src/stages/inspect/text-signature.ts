/**
 * Where the sender signs: behind a line `-- `, or behind words of closing at the end. Pure, linear.
 * Promises: a signature has few and short lines, so that a text cannot be made one by a line before it.
 */
import type { Line } from "./text-lines.ts";

const LINES_MAX = 8;
const LINE_CHARS_MAX = 80;
const CLOSING =
  /^(?:(?:kind|kindest|best|warm|warmest) regards|regards|best|best wishes|thanks|thank you|many thanks|sincerely|respectfully|cheers|yours(?: (?:truly|sincerely|faithfully))?|sincerely yours|gracias|muchas gracias|saludos|saludos cordiales|un (?:cordial )?saludo|cordialmente|atentamente)[,.!]?$/i;

/** Number of its first line; the number of lines where there is none. `lines`: without quoted tail and footers below. */
export function signatureFrom(lines: readonly Line[]): number {
  let written = 0;
  for (let i = lines.length - 1; i >= 0; i -= 1) {
    const line = lines[i];
    if (line === undefined || line.isBlank) continue;
    if (line.text === "--" || CLOSING.test(line.text)) return written === 0 ? lines.length : i;
    written += 1;
    if (written > LINES_MAX || line.end - line.start > LINE_CHARS_MAX) break;
  }
  return lines.length;
}

/** As short as a signature is. */
export function isShort(lines: readonly Line[]): boolean {
  const written = lines.filter(({ isBlank }) => !isBlank);
  return written.length <= LINES_MAX && written.every(({ start, end }) => end - start <= LINE_CHARS_MAX);
}
