/** What the operator's own rule asks of the mail servers of a destination, in the words of an admin. */
import { X509Certificate } from "node:crypto";
import type { MxHost, Route } from "../core/capabilities.ts";
import type { TlsRule } from "../core/tls-rule.ts";
import { isNamedByRule } from "../stages/deliver/pin-demand.ts";

/** What every mail server of the route must show; nothing where no rule applies. */
export function ruleLines(route: Route): readonly string[] {
  const rule = route.kind === "hosts" ? route.hosts[0]?.rule : undefined;
  if (rule === undefined) return [];
  const asked = askedBy(rule);
  return [
    `rule for ${rule.of}: what it asks for holds for every mail, and what falls short waits, with an alert`,
  ].concat(asked.map((line) => `  - ${line}`));
}

function askedBy(rule: TlsRule): readonly string[] {
  const { mxNames, certificateName, ca, spkiPins, minVersion, requireDane } = rule;
  const isPinned = spkiPins.length > 0 || (ca !== null && (mxNames !== null || rule.isHostGiven));
  return [
    ...(mxNames === null ? [] : [`only these mail servers are dialled: ${mxNames.join(", ")}`]),
    ...(certificateName === null ? [] : [`the certificate is made out for ${certificateName}`]),
    ...(ca === null ? [] : [`the certificate comes from ${authorityOf(ca)}, and from no other authority`]),
    ...(spkiPins.length === 0 ? [] : [`the public key is one of: ${spkiPins.join(", ")}`]),
    ...(minVersion === null ? [] : [`${minVersion} or newer`]),
    ...(requireDane ? ["TLSA records that are usable, and match (DANE)"] : []),
    ...(isPinned ? ["what meets it counts as pinned, which satisfies strict"] : []),
  ];
}

/** The first of the file, which every rule with one has. */
function authorityOf(pem: string): string {
  return new X509Certificate(pem).subject.split("\n").toReversed().join(", ");
}

/** One line for a host the rule shuts out before it is dialled. */
export function hostRuleLines({ name, rule, dane }: MxHost): readonly string[] {
  if (!isNamedByRule(rule, name)) return ["rule: does not name it, so it is not dialled"];
  const lacksDane = rule?.requireDane === true && (dane.kind === "none" || dane.kind === "unusable");
  return lacksDane ? ["rule: asks for DANE, and there are no usable records, so it is not dialled"] : [];
}

/** For programs: whose certificates count is named, not copied. */
export function ruleRow({ ca, ...rule }: TlsRule): object {
  return { ...rule, ca: ca === null ? null : authorityOf(ca) };
}
