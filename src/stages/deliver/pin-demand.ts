/**
 * What the operator's rule for a destination asks of the connection to a mail server before anything is said on it.
 * Promises: a rule binds every mail, whatever the floor; each thing it names must hold; a server that does not live up to it is left
 * for a deferral, and no other proof stands in for it. Leaves to others: what DNS asks besides (dane-demand.ts).
 */
import { createHash } from "node:crypto";
import type { X509Certificate } from "node:crypto";
import type { RuleFacts, RuleRefusal, TlsFacts } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import type { PeerReply } from "../../core/status.ts";
import { TLS_VERSIONS } from "../../core/tls-rule.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import type { AskedDane } from "./dane-demand.ts";
import type { HostVerdict } from "./verdicts.ts";

type Rule = TlsRule | undefined;
type Violation = Extract<HostVerdict, { kind: "violated" }>;

const MISMATCH: ReasonCode = "PST-DLV-050";
const NO_STARTTLS: ReasonCode = "PST-DLV-051";
const NO_HANDSHAKE: ReasonCode = "PST-DLV-052";
const OLDER_TLS: ReasonCode = "PST-DLV-053";
const NOT_NAMED: ReasonCode = "PST-DLV-054";
const NO_DANE: ReasonCode = "PST-DLV-055";

/** What a person should look at: an attack, an error over there, or a rule that is out of date. */
export const RULE_VIOLATIONS: readonly ReasonCode[] = [
  MISMATCH,
  NO_STARTTLS,
  NO_HANDSHAKE,
  OLDER_TLS,
  NOT_NAMED,
  NO_DANE,
];

/** Names alone say where mail may go, not how. */
export function ruleAsksForTls(rule: Rule): boolean {
  if (rule === undefined) return false;
  return rule.ca !== null || rule.spkiPins.length > 0 || rule.minVersion !== null || rule.requireDane;
}

/** `mx_names`: exact, or `*.` for exactly one label. */
export function isNamedByRule(rule: Rule, host: string): boolean {
  const names = rule?.mxNames ?? null;
  if (names === null) return true;
  const parent = host.slice(host.indexOf("."));
  return names.some((name) => (name.startsWith("*.") ? host.includes(".") && parent === name.slice(1) : name === host));
}

/** A look-up that failed is a reason of its own not to dial. */
export function lacksDane(rule: Rule, { kind }: AskedDane): boolean {
  return rule?.requireDane === true && kind !== "usable";
}

export type ShownToRule = {
  readonly leaf: X509Certificate | undefined;
  readonly tls: Pick<TlsFacts, "protocol" | "nameMatches">;
  /** Up to an authority that counts under the rule, seen in this very handshake. */
  readonly isChainValid: boolean;
};

/** For which the certificate must be valid where anything asks for a name. */
export function certificateNameOf({ name, rule }: { readonly name: string; readonly rule?: TlsRule }): string {
  return rule?.certificateName ?? name;
}

/** What is known before the handshake. */
export function ruleFactsOf(rule: Rule): RuleFacts | null {
  return rule === undefined ? null : { of: rule.of, met: null, refused: null };
}

export function judgeByRule(rule: Rule, shown: ShownToRule): RuleFacts | null {
  if (rule === undefined) return null;
  const refused = refusalOf(rule, shown);
  return { of: rule.of, met: refused === null, refused };
}

/** A pinned key proves its server whatever its names and dates, as DANE-EE does (RFC 7671 section 5.1). */
function refusalOf(rule: TlsRule, { leaf, tls, isChainValid }: ShownToRule): RuleRefusal | null {
  if (rule.minVersion !== null && !isAtLeast(tls.protocol, rule.minVersion)) return "older TLS";
  if (rule.ca === null && rule.spkiPins.length === 0) return null;
  if (leaf === undefined) return "no certificate";
  if (rule.spkiPins.length > 0 && !rule.spkiPins.includes(spkiPinOf(leaf) ?? "")) return "key not pinned";
  if (rule.ca === null) return null;
  if (!isChainValid) return "not valid by the authorities named";
  return tls.nameMatches ? null : "certificate for another name";
}

/** An unknown name of a version is older than all. */
function isAtLeast(protocol: string, least: string): boolean {
  const order: readonly string[] = TLS_VERSIONS;
  return order.indexOf(protocol) >= order.indexOf(least);
}

/** RFC 7469 section 2.4; null for a key of a kind the runtime does not know. */
export function spkiPinOf(certificate: X509Certificate): string | null {
  try {
    const spki = certificate.publicKey.export({ type: "spki", format: "der" });
    return createHash("sha256").update(spki).digest("base64");
  } catch {
    // No stranger's certificate may break the delivery.
    return null;
  }
}

/** The server is the one the operator named: by its key, or as a host they named, proven by an authority they named. */
export function provesPinned(rule: Rule, facts: RuleFacts | null): boolean {
  if (rule === undefined || facts?.met !== true) return false;
  if (rule.spkiPins.length > 0) return true;
  return rule.ca !== null && (rule.isHostGiven || rule.mxNames !== null);
}

/** True when a connection lives up to the rule. Also asked of a kept one. */
export function meetsRule(
  rule: Rule,
  { rung, rule: facts }: { readonly rung: Rung; readonly rule: RuleFacts | null },
): boolean {
  return !ruleAsksForTls(rule) || (rung !== "plain" && facts?.met === true);
}

/** Two rules of one text ask the same: for the key of a kept connection. */
export function ruleText(rule: Rule): string {
  return rule === undefined ? "none" : createHash("sha256").update(JSON.stringify(rule)).digest("hex");
}

export function breaksRule(rung: Rung, facts: RuleFacts | null): Violation {
  const code = facts?.refused === "older TLS" ? OLDER_TLS : MISMATCH;
  return { kind: "violated", code, status: "4.7.5", reply: null, rung };
}

export function notNamedByRule(): Violation {
  return { kind: "violated", code: NOT_NAMED, status: "4.7.5", reply: null, rung: "plain" };
}

export function withoutDane(): Violation {
  return { kind: "violated", code: NO_DANE, status: "4.7.5", reply: null, rung: "plain" };
}

/** Not offered, refused, or put off: to whoever is in between it is all the same. */
export function ruleWithoutStarttls(reply: PeerReply | null): Violation {
  return { kind: "violated", code: NO_STARTTLS, status: "4.7.4", reply, rung: "plain" };
}

export function ruleWithoutHandshake(): Violation {
  return { kind: "violated", code: NO_HANDSHAKE, status: "4.7.5", reply: null, rung: "plain" };
}
