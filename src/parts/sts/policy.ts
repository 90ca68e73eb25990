/**
 * Reads the body of a policy (RFC 8461 section 3.2). Promises: any bytes give a policy or the reason why they are none; the first of
 * duplicate fields counts, but for `mx`; fields nobody knows are passed over; `mx` values no mail server can have are left out, and a
 * policy of which none is left, and that needs one, is invalid. A `max_age` beyond the limit is taken for the limit: refusing it would
 * take the protection away.
 */
import type { StsPolicy } from "../../core/sts.ts";
import { trimBlanks } from "../../core/trim-letters.ts";
import { toMxPattern } from "./mx-match.ts";

export const POLICY_BYTES_MAX = 65_536;
/** One year (RFC 8461 section 3.2). */
export const MAX_AGE_SECONDS_MAX = 31_557_600;
const MODES = ["enforce", "testing", "none"] as const;

export type ReadPolicy =
  { readonly kind: "policy"; readonly policy: StsPolicy } | { readonly kind: "invalid"; readonly why: string };

export function readPolicy(body: Uint8Array): ReadPolicy {
  if (body.length > POLICY_BYTES_MAX) return invalid(`larger than ${POLICY_BYTES_MAX} bytes`);
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of new TextDecoder().decode(body).split(/\r?\n/)) {
    const { key, value } = fieldOf(line);
    if (key === "mx") mx.push(value);
    else if (!fields.has(key)) fields.set(key, value);
  }
  return judge(fields, mx);
}

/** A line that is no field has the key of no field. */
function fieldOf(line: string): { readonly key: string; readonly value: string } {
  const colon = line.indexOf(":");
  return { key: line.slice(0, Math.max(colon, 0)), value: trimBlanks(line.slice(colon + 1)) };
}

function judge(fields: ReadonlyMap<string, string>, mx: readonly string[]): ReadPolicy {
  if (fields.get("version") !== "STSv1") return invalid("without version: STSv1");
  const mode = MODES.find((known) => known === fields.get("mode"));
  if (mode === undefined) return invalid("without a mode, or with one nobody knows");
  const age = fields.get("max_age") ?? "";
  if (!/^[0-9]+$/.test(age)) return invalid("without a max_age, or with one that is no number");
  const patterns = new Set(mx.map(toMxPattern).filter((pattern) => pattern !== null));
  if (patterns.size === 0 && mode !== "none") return invalid("without an mx that can name a mail server");
  const maxAgeSeconds = Math.min(Number(age), MAX_AGE_SECONDS_MAX);
  return { kind: "policy", policy: { mode, mx: [...patterns], maxAgeSeconds } };
}

function invalid(why: string): ReadPolicy {
  return { kind: "invalid", why };
}
