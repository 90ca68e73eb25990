/**
 * The bare addresses of an address header (RFC 5322 section 3.4, RFC 6532), for choosing a key and for reports.
 * Promises: never throws; display names, comments and anything doubtful are left out rather than passed on.
 */
const ADDRESS = /^[^\s<>()[\]:;,"\\@]+@(?:[^\s<>()[\]:;,"\\@]+|\[[0-9A-Fa-f:.]+\])$/u;
const ADDRESS_CHARS_MAX = 254;

/** Addresses in order, at most `countMax`. */
export function addressesOf(value: string, countMax: number): readonly string[] {
  const bare = withoutComments(value.replace(/"(?:[^"\\]|\\.)*"/g, " "));
  const found: string[] = [];
  for (const entry of bare.split(/[,;]/)) {
    const address = addressOf(entry);
    if (address !== null && found.length < countMax) found.push(address);
  }
  return found;
}

/** True for what may stand between angle brackets in mail Postern writes. */
export function isPlainAddress(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the point is to find them
  return text.length <= ADDRESS_CHARS_MAX && ADDRESS.test(text) && !/[\u0000-\u0020\u007f-\u009f]/.test(text);
}

function addressOf(entry: string): string | null {
  const angle = /<([^<>]*)>\s*$/.exec(entry);
  // Without brackets a group's name may stand before the first address.
  const text = (angle?.[1] ?? entry.slice(entry.lastIndexOf(":") + 1)).trim();
  return isPlainAddress(text) ? text : null;
}

function withoutComments(value: string): string {
  if (!value.includes("(")) return value;
  let text = "";
  let depth = 0;
  for (const char of value) {
    if (char === "(") depth++;
    else if (char === ")" && depth > 0) depth--;
    else if (depth === 0) text += char;
  }
  return text;
}
