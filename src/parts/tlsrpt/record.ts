/**
 * The TXT record at `_smtp._tls.<domain>` that says where TLS reports go (RFC 8460 section 3). Pure. Promises: what is not a record by
 * the letter of the grammar is none; a target is opaque here, and its scheme is for whoever sends to judge.
 */
import { trimBlanks } from "../../core/trim-letters.ts";

export type TlsrptRecord = {
  /** URIs in their order; at least one. */
  readonly rua: readonly [string, ...string[]];
};

export type TlsrptChoice =
  | { readonly kind: "found"; readonly record: TlsrptRecord }
  /** Nothing there claims to be such a record. */
  | { readonly kind: "absent" }
  /** Malformed, or several. */
  | { readonly kind: "invalid" };

const CHARACTERS_MAX = 8_192;
const VERSION = /^v=TLSRPTv1[ \t]*;/;
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/;
const EXTENSION = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+$/;

/** Section 3: whatever does not begin with the version is no record; more than one that does is none either. */
export function chooseTlsrptRecord(texts: readonly string[]): TlsrptChoice {
  const claims = texts.filter((text) => VERSION.test(text));
  const [text] = claims;
  if (text === undefined) return { kind: "absent" };
  const record = claims.length === 1 ? parseTlsrptRecord(text) : null;
  return record === null ? { kind: "invalid" } : { kind: "found", record };
}

/** null where the text is no valid record. */
export function parseTlsrptRecord(text: string): TlsrptRecord | null {
  if (text.length > CHARACTERS_MAX || !VERSION.test(text)) return null;
  const fields = text
    .slice(text.indexOf(";") + 1)
    .split(";")
    .map(trimBlanks);
  // One delimiter may end the record.
  if (fields.at(-1) === "") fields.pop();
  const rua: string[] = [];
  for (const field of fields) {
    if (field.startsWith("rua=")) {
      const targets = field.slice("rua=".length).split(",").map(trimBlanks);
      if (!targets.every((target) => URI.test(target))) return null;
      rua.push(...targets);
    } else if (!EXTENSION.test(field)) return null;
  }
  const [first, ...others] = rua;
  return first === undefined ? null : { rua: [first, ...others] };
}
