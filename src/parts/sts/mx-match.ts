/**
 * Whether a policy names a mail server (RFC 8461 section 4.1). Promises: a wildcard stands for exactly one left-most label; case and a
 * trailing dot do not count; addresses, U-labels and patterns of any other shape never match.
 */
import { toHostName } from "../dns/host-name.ts";

/** As it is compared, or null where it can name no mail server. */
export function toMxPattern(text: string): string | null {
  const isWildcard = text.startsWith("*.");
  const name = toHostName(isWildcard ? text.slice(2) : text);
  return name === null ? null : isWildcard ? `*.${name}` : name;
}

export function matchesMx(patterns: readonly string[], host: string): boolean {
  const name = toHostName(host);
  if (name === null) return false;
  const wildcard = name.includes(".") ? `*${name.slice(name.indexOf("."))}` : null;
  return patterns.some((text) => isPattern(text, name) || (wildcard !== null && isPattern(text, wildcard)));
}

/** A policy may hold thousands, and this is asked for each server and mail: nearly all of them differ at a glance. */
function isPattern(text: string, pattern: string): boolean {
  if (text === pattern) return toMxPattern(text) === pattern;
  const { length } = pattern;
  if (text.length !== length && text.length !== length + 1) return false;
  return text.slice(0, length).toLowerCase() === pattern && toMxPattern(text) === pattern;
}
