/** What DNS says about the certificate of a mail server, in words for `postern route explain` and as text values for `--json`. */
import { assertNever } from "../core/assert-never.ts";
import type { MxHost } from "../core/capabilities.ts";
import { REASON_CODES } from "../core/reason-codes.ts";
import { tlsaText } from "../parts/dane/tlsa-text.ts";
import type { Lookup } from "./route-explanation.ts";
import { ruleRow } from "./rule-explanation.ts";

/** One line, or none where the host has no address to reach it at. */
export function daneLines(host: MxHost, lookups: readonly Lookup[]): readonly string[] {
  return host.addresses.kind === "found" ? [`DANE: ${daneText(host, questionsAbout(host, lookups))}`] : [];
}

/** The host with its records as text, and with the names at which TLSA records were looked for. */
export function hostRow(host: MxHost, lookups: readonly Lookup[]): object {
  const { dane, rule } = host;
  const asked = questionsAbout(host, lookups).map(({ name }) => name);
  const records = dane.kind === "usable" ? { records: dane.records.map(tlsaText) } : {};
  return { ...host, ...(rule === undefined ? {} : { rule: ruleRow(rule) }), dane: { ...dane, ...records, asked } };
}

function daneText({ dane }: MxHost, asked: readonly Lookup[]): string {
  const where = asked.map(({ name }) => name).join(" and ");
  switch (dane.kind) {
    case "usable": {
      const count = dane.records.length === 1 ? "1 usable TLSA record" : `${dane.records.length} usable TLSA records`;
      return `${count} at ${dane.baseName}; a certificate that does not match is refused`;
    }
    case "unusable":
      return `TLSA records at ${where}, none of them usable: TLS is a must, and DANE proves nothing`;
    case "none":
      if (asked.length === 0) return "none, and TLSA not asked for: the address is not validated";
      return asked.some(({ answer }) => answer.kind === "found")
        ? `none that counts: the TLSA records at ${where} are not validated`
        : `none: no TLSA records at ${where}`;
    case "unavailable":
      return `not known for now, the server is not used: ${dane.code} ${REASON_CODES[dane.code].what}`;
    default:
      return assertNever(dane);
  }
}

/** Asked under the name of the host, or under the one it is an alias of. */
function questionsAbout({ name, addresses }: MxHost, lookups: readonly Lookup[]): readonly Lookup[] {
  const expanded = addresses.kind === "found" ? addresses.expandedName : undefined;
  return lookups.filter(
    (lookup) =>
      lookup.question === "TLSA" && [name, expanded].some((base) => lookup.name.endsWith(`._tcp.${base ?? name}`)),
  );
}
