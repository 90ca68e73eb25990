/**
 * Names as DNS and mail use them (RFC 952, RFC 1123 section 2.1, RFC 1035 section 2.3.4). Promises: what passes `toHostName`
 * holds letters, digits, hyphens and dots only and cannot be mistaken for an address, so that it is safe in logs, SNI and
 * certificate checks. Conversion of internationalised names to A-labels is left to whoever read the name.
 */

const NAME_LENGTH_MAX = 253;
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const SERVICE_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Lower case without the trailing dot, or null where it is no host name. Underscores and all-numeric last labels are refused. */
export function toHostName(text: string): string | null {
  const name = toLabels(text, HOST_LABEL);
  // RFC 3696 section 2: a top-level label is never all digits; this also refuses an IPv4 address in the place of a name.
  return name === null || /(?:^|\.)[0-9]+$/.test(name) ? null : name;
}

/** As `toHostName`, with underscores allowed: names of services and of aliases (`_mta-sts.example.org`). */
export function toQueryName(text: string): string | null {
  return toLabels(text, SERVICE_LABEL);
}

/** Checked before it is lowered: letters beyond ASCII have lower cases within it (U+212A becomes k). */
function toLabels(text: string, label: RegExp): string | null {
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) return null;
  return name.split(".").every((part) => label.test(part)) ? name.toLowerCase() : null;
}
