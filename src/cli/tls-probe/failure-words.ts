/**
 * What is wrong with a mail server, each in words that can be forwarded as they are to whoever runs it: what was seen, where, and
 * what would mend it. Promises: a failure for whatever keeps a host from an authenticated rung; no text of the peer but the names in
 * its certificate and the number of its reply.
 */
import { isIP } from "node:net";
import type { DaneRefusal, Phase } from "../../core/outcome.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Probe } from "../../stages/deliver/probe.ts";
import { namesOf } from "./certificate-text.ts";
import { isAuthenticated, profilesOf } from "./seen.ts";
import type { Seen } from "./seen.ts";

export type Failure = { readonly code: ReasonCode; readonly text: string };

type Probed = Extract<Seen, { probe: Probe }>;
type NotDialled = Extract<Seen, { probe: null }>;

/** A certificate may hold hundreds of names; the first ones tell enough. */
const NAMES_SHOWN_MAX = 5;

export function failuresOf(seen: Seen): readonly Failure[] {
  if (seen.probe === null) return [{ code: seen.notDialled, text: notDialledText(seen) }];
  const { verdict } = seen.probe;
  if (verdict !== null) {
    const { code } = verdict;
    const details = code === "PST-DLV-046" ? certificateTexts(seen) : [];
    return [dialogText(seen, code), ...details].map((text) => ({ code, text }));
  }
  return isAuthenticated(seen) ? [] : certificateTexts(seen).map((text) => ({ code: "PST-DLV-009", text }));
}

/** What a good host lacks for the profile `strict`; null where it lacks nothing, and where no MX led there. */
export function adviceOf(seen: Seen): Failure | null {
  const { host, domain, way } = seen;
  const isByMx = way.via === "mx" || way.via === "implicit-mx";
  if (!isAuthenticated(seen) || profilesOf(seen).includes("strict") || !isByMx) return null;
  const text = `DNS does not vouch for ${host.name} as a mail server of ${domain}, so that whoever forges DNS can put another in its place; please sign the zone of ${domain} with DNSSEC.`;
  return { code: "PST-DLV-038", text };
}

function notDialledText({ domain, host, address, notDialled }: NotDialled): string {
  switch (notDialled) {
    case "PST-DLV-030":
      return `${domain} names ${host.name} as its mail server, and its address ${address} is private or reserved; please publish a public address.`;
    case "PST-DLV-031":
      return `${domain} names ${host.name} as its mail server, and that name has no address; please correct the MX record or the address.`;
    case "PST-DLV-032":
      return `The address of ${host.name}, a mail server of ${domain}, could not be looked up (${host.addresses.kind}); please check the name servers and the DNSSEC signatures of its zone.`;
    case "PST-DLV-045":
      return `${domain} names ${host.name} as its mail server in DNS, and its MTA-STS policy does not name it, so that no mail may be sent there; please add it to the policy (and change the id in the TXT record), or take it out of the MX records.`;
    case "PST-DLV-054":
      return `${domain} names ${host.name} as its mail server in DNS, and our own rule for ${host.rule?.of} does not name it, so that it was not dialled; please confirm by another way which mail servers are yours.`;
    case "PST-DLV-055":
      return `Our own rule for ${host.rule?.of} asks for DANE, and ${host.name} has no usable TLSA records; please publish them, for the certificate in use and signed with DNSSEC.`;
    case "PST-DSC-009":
      return `The TLSA records (DANE) of ${host.name} fail DNSSEC validation, and mail may not be sent there until they are sound; please repair the signatures of its zone.`;
    default:
      return `The name servers of ${host.name} do not answer for its TLSA records (DANE), and mail may not be sent there until they do; please let them answer, be it that there are none.`;
  }
}

const STEP: Readonly<Partial<Record<Phase, string>>> = {
  dial: "to the connection",
  greeting: "with its greeting",
  ehlo: "to EHLO",
  starttls: "to STARTTLS",
  handshake: "in the TLS handshake",
  verify: "in the TLS handshake",
  ehlo2: "to EHLO under TLS",
};

function dialogText({ probe, ...seen }: Probed, code: ReasonCode): string {
  const { phase, replyCode } = probe.facts;
  const where = `${seen.host.name} (${seen.address}, port ${seen.port})`;
  const step = STEP[phase] ?? `in ${phase}`;
  switch (code) {
    case "PST-DLV-001":
      return probe.isUnroutable
        ? `This machine has no way to ${where}: nothing is known about that address. Where IPv6 is missing here, nothing is wrong over there.`
        : `${where} takes no connection; please check that the mail server runs and that its firewall lets others in.`;
    case "PST-DLV-002":
      return `${where} hangs up in place of an answer ${step}; please look into the log of the mail server.`;
    case "PST-DLV-003":
      return `${where} gives no answer ${step} within the time of this probe; please check the load of the mail server and the firewall before it.`;
    case "PST-DLV-005":
    case "PST-DLV-006":
    case "PST-DLV-011":
    case "PST-DLV-036":
      return `${where} answers ${replyCode} ${step}; please see whether it is meant to turn us away.`;
    case "PST-DLV-007":
      return `${where} offers no STARTTLS, so that mail to it can be read on the way; please turn TLS on, with a certificate for ${seen.host.name}.`;
    case "PST-DLV-008":
      return `The TLS handshake with ${where} fails; please offer TLS 1.2 or 1.3 with forward secrecy and authenticated encryption (ECDHE with AES-GCM or ChaCha20).`;
    case "PST-DLV-010":
      return `${where} sends bytes in the clear behind its answer to STARTTLS: somebody may be tampering with the connection, or the mail server is open to command injection; please update it.`;
    case "PST-DLV-039":
      return `The certificate of ${where} ${refusedText(probe, seen)}.`;
    case "PST-DLV-040":
      return `DNS has TLSA records (DANE) for ${where}, which ask for TLS, and STARTTLS is ${probe.facts.starttlsOffered ? `answered with ${replyCode}` : "not offered"}; please turn TLS on, or find out who removes it on the way.`;
    case "PST-DLV-041":
      return `DNS has TLSA records (DANE) for ${where}, which ask for TLS, and the handshake fails; please offer TLS 1.2 or 1.3 with forward secrecy and authenticated encryption (ECDHE with AES-GCM or ChaCha20).`;
    case "PST-DLV-046":
      return `The MTA-STS policy of ${seen.domain} asks for a certificate that is valid for ${seen.host.name}, and the one of ${where} is not, so that no mail is sent there; if nothing was changed over there, somebody is in between.`;
    case "PST-DLV-047":
      return `The MTA-STS policy of ${seen.domain} asks for TLS with ${where}, and STARTTLS is ${probe.facts.starttlsOffered ? `answered with ${replyCode}` : "not offered"}; please turn TLS on, or find out who removes it on the way.`;
    case "PST-DLV-048":
      return `The MTA-STS policy of ${seen.domain} asks for TLS with ${where}, and the handshake fails; please offer TLS 1.2 or 1.3 with forward secrecy and authenticated encryption (ECDHE with AES-GCM or ChaCha20).`;
    case "PST-DLV-050":
      return `${where} does not show what we agreed on (rule for ${seen.host.rule?.of}): ${probe.facts.rule?.refused}; please confirm by another way that key or authority were changed; if nothing was changed, somebody is in between.`;
    case "PST-DLV-051":
      return `We agreed on TLS with ${where} (rule for ${seen.host.rule?.of}), and STARTTLS is ${probe.facts.starttlsOffered ? `answered with ${replyCode}` : "not offered"}; please turn TLS on, or find out who removes it on the way.`;
    case "PST-DLV-052":
      return `We agreed on TLS with ${where} (rule for ${seen.host.rule?.of}), and the handshake fails; please offer TLS 1.2 or 1.3 with forward secrecy and authenticated encryption (ECDHE with AES-GCM or ChaCha20).`;
    case "PST-DLV-053":
      return `${where} offers ${probe.facts.tls?.protocol}, and we agreed on ${seen.host.rule?.minVersion} or newer (rule for ${seen.host.rule?.of}); please turn it on.`;
    case "PST-DLV-056":
      return `The key of ${where} (${probe.facts.tls?.weakKey}) is too short to prove anything; please make one of at least 2048 bits (RSA) or 256 bits (elliptic curve), with a new certificate.`;
    default:
      return `${where}, ${step}: ${REASON_CODES[code].what}`;
  }
}

/** Continues "The certificate of … ". */
function refusedText({ facts: { dane } }: Probe, { host }: Pick<Seen, "host">): string {
  const refused = dane?.state === "usable" ? dane.refused : null;
  const name = host.dane.kind === "usable" ? host.dane.baseName : host.name;
  const where = `the TLSA records (DANE) of ${name}`;
  switch (refused) {
    case "no record matches":
    case "no certificate":
    case null:
      return `matches none of ${where}: please publish the record of the new certificate before the certificate is changed, or go back to the one before; if nothing was changed, somebody is in between`;
    default:
      return `is not vouched for by ${where}: ${REFUSED[refused]}`;
  }
}

const REFUSED: Readonly<Record<Exclude<DaneRefusal, "no record matches" | "no certificate">, string>> = {
  "chain too long":
    "it comes with more certificates than are looked at; please send only those that lead to the authority",
  "certificate not fit for a server":
    "it or its key is not fit for a server; please issue another, for serverAuth and with a key of at least 2048 bits (RSA)",
  "certificate not valid now": "it has expired or is not valid yet; please renew it",
  "certificate for another name": "it was not issued for that name; please issue one that was, in subjectAltName",
};

/** One for the chain and one for the name, for each that fails. */
function certificateTexts({ probe, host, address, port }: Probed): readonly string[] {
  const { tls, startedAt } = probe.facts;
  const subject = `The certificate of ${host.name} (${address}, port ${port})`;
  if (tls === null || probe.certificate === null) return [`${subject} could not be looked at; please present one.`];
  const texts: string[] = [];
  if (tls.weakKey !== undefined)
    texts.push(
      `${subject} has a key (${tls.weakKey}) that is too short; please make one of at least 2048 bits (RSA) or 256 bits (elliptic curve).`,
    );
  else if (tls.chain !== "ok") texts.push(`${subject} ${chainText(tls, startedAt)}`);
  if (!tls.nameMatches) {
    texts.push(
      isIP(host.name) === 0
        ? `${subject} was not issued for that name: it is valid for ${namesText(namesOf(probe.certificate))}; please issue one for ${host.name}, or let the MX record name what it is valid for.`
        : `${subject} cannot be verified, because the host is known by its address alone; please name it by its host name.`,
    );
  }
  return texts.length > 0
    ? texts
    : [`${subject} was shown with a resumed session, which proves nothing; please run the probe again.`];
}

function namesText(names: readonly string[]): string {
  if (names.length === 0) return "no name at all (its subjectAltName is empty, and a common name does not count)";
  const more = names.length - NAMES_SHOWN_MAX;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** Continues "The certificate of … "; OpenSSL's words for what it found. */
function chainText(tls: { readonly chain: string; readonly leafNotAfter: string }, now: number): string {
  switch (tls.chain) {
    case "CERT_HAS_EXPIRED":
      return Date.parse(tls.leafNotAfter) < now
        ? `expired on ${tls.leafNotAfter.slice(0, 10)}; please renew it.`
        : "hangs on an intermediate certificate that has expired; please send the present one of your authority.";
    case "CERT_NOT_YET_VALID":
      return "is not valid yet; please check its dates and the clock of whoever issued it.";
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return "is signed by itself, so that anybody could have made it; please use one of a public authority, or publish TLSA records for it (DANE).";
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return "comes from an authority that is not publicly trusted; please use one of a public authority, or publish TLSA records for it (DANE).";
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "leads to no authority that is trusted here; please send its intermediate certificates along, and use a public authority.";
    case "CERT_REVOKED":
      return "was revoked; please use another.";
    case "INVALID_PURPOSE":
      return "was not issued for servers; please use one for serverAuth.";
    default:
      return `cannot be verified (OpenSSL says ${tls.chain}); please check it and the chain that is sent with it.`;
  }
}
