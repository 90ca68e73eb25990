/**
 * Judges a server's certificates by the usable TLSA records of its name (RFC 6698, RFC 7671 section 5, RFC 7672 section 3.1).
 * Promises: DANE-EE looks at the leaf alone, whatever its names and dates; under DANE-TA each hop from the leaf to the anchor is proven
 * by name, signature, role and dates, and a certificate that was merely sent along proves nothing; what this file does not
 * understand (name constraints, critical extensions) is refused. Pure: `at` is the time. Leaves to others: which records are usable
 * (discover), and that no session was resumed.
 */
// First: on some versions of the runtime X509Certificate, used before it, breaks node:tls for the whole process.
import "node:tls";
import { createHash, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { DaneState, TlsaRecord } from "../../core/dane.ts";
import type { DaneRefusal } from "../../core/outcome.ts";
import { extensionsOf, pathLengthIn } from "./certificate-extensions.ts";

export type DaneVerdict =
  { readonly kind: "matched"; readonly record: TlsaRecord } | { readonly kind: "refused"; readonly why: DaneRefusal };

/** Longer chains are not looked at: each certificate costs signature checks. */
const CHAIN_LENGTH_MAX = 10;
const RSA_BITS_MIN = 2048;
const DANE_TA = 2;
const DANE_EE = 3;

/** Extensions that are heeded here or by the runtime, or that ask nothing of who builds a path. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  "2.5.29.14", // subjectKeyIdentifier
  "2.5.29.15", // keyUsage
  "2.5.29.17", // subjectAltName
  "2.5.29.19", // basicConstraints
  "2.5.29.32", // certificatePolicies
  "2.5.29.35", // authorityKeyIdentifier
  "2.5.29.37", // extKeyUsage
]);
const BASIC_CONSTRAINTS = "2.5.29.19";
const NAME_CONSTRAINTS = "2.5.29.30";
const SERVER_PURPOSES: readonly string[] = ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"];

/**
 * RFC 7672 section 3.2.3: the subject's common name counts only where the certificate has no name in subjectAltName; a
 * wildcard stands for the whole first label.
 */
const NAME_RULES = { subject: "default", partialWildcards: false } as const;

/** `chain` as the server sent it, its own certificate first. `at` in milliseconds since the epoch. */
export function verifyDane(
  chain: readonly X509Certificate[],
  state: Extract<DaneState, { kind: "usable" }>,
  at: number,
): DaneVerdict {
  const [leaf] = chain;
  if (leaf === undefined) return { kind: "refused", why: "no certificate" };
  const isOwn = matcherOf(leaf);
  const own = state.records.find((record) => record.usage === DANE_EE && isOwn(record));
  if (own !== undefined) return { kind: "matched", record: own };
  const anchors = state.records.filter(({ usage }) => usage === DANE_TA);
  if (anchors.length === 0) return { kind: "refused", why: "no record matches" };
  if (chain.length > CHAIN_LENGTH_MAX) return { kind: "refused", why: "chain too long" };
  const record = anchorOf(leaf, { sent: chain.slice(1), anchors, at });
  if (record === null) return { kind: "refused", why: "no record matches" };
  if (!isLeafFit(leaf)) return { kind: "refused", why: "certificate not fit for a server" };
  if (!isValidAt(leaf, at)) return { kind: "refused", why: "certificate not valid now" };
  const isNamed = state.names.some((name) => leaf.checkHost(name, NAME_RULES) !== undefined);
  return isNamed ? { kind: "matched", record } : { kind: "refused", why: "certificate for another name" };
}

/** The certificates of the TLS handshake in the order they came, taken from the links the runtime makes of them; they prove nothing. */
export function sentChain(leaf: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined && chain.length <= CHAIN_LENGTH_MAX; next = next.issuerCertificate) {
    chain.push(next);
  }
  return chain;
}

type Search = {
  readonly sent: readonly X509Certificate[];
  readonly anchors: readonly TlsaRecord[];
  readonly at: number;
};

/**
 * The record of an anchor to which a path leads from the leaf. Breadth first: each certificate is reached by its shortest path,
 * which is the one a limit of path length allows first, and is looked at once.
 */
function anchorOf(leaf: X509Certificate, { sent, anchors, at }: Search): TlsaRecord | null {
  const known = [...sent, ...certificatesIn(anchors)];
  let left = known.filter((certificate) => !certificate.raw.equals(leaf.raw) && isAuthority(certificate, at));
  let level: readonly X509Certificate[] = [leaf];
  // As many authorities stand between the leaf and those of the next level.
  for (let between = 0; level.length > 0; between += 1) {
    const next = left.filter(
      (issuer) => pathLengthOf(issuer) >= between && level.some((issued) => hasIssued(issuer, issued)),
    );
    for (const certificate of next) {
      const record = anchors.find(matcherOf(certificate));
      if (record !== undefined) return record;
    }
    left = left.filter((certificate) => !next.includes(certificate));
    level = next;
  }
  return null;
}

/** Whole certificates in DNS may complete a chain (RFC 7671 section 5.2.2). */
function certificatesIn(anchors: readonly TlsaRecord[]): readonly X509Certificate[] {
  const whole = anchors.filter(({ selector, matching }) => selector === 0 && matching === 0);
  return whole.slice(0, CHAIN_LENGTH_MAX).flatMap(({ data }) => {
    try {
      return [new X509Certificate(data)];
    } catch {
      // Not a certificate at all, so it can be nobody's issuer; the record stays and matches nothing.
      return [];
    }
  });
}

/** Names, key identifiers and key usage first, then the signature, made with a key and a hash of strength. */
function hasIssued(issuer: X509Certificate, issued: X509Certificate): boolean {
  if (/md5|sha1(?!\d)/i.test(issued.signatureAlgorithm ?? "")) return false;
  const key = keyOf(issuer);
  return key !== null && isStrong(key) && issued.checkIssued(issuer) && issued.verify(key);
}

function isStrong({ asymmetricKeyDetails: details }: KeyObject): boolean {
  return details?.modulusLength === undefined || details.modulusLength >= RSA_BITS_MIN;
}

/** null for a key of a kind the runtime does not know: no stranger's certificate may break the delivery. */
function keyOf(certificate: X509Certificate): KeyObject | null {
  try {
    return certificate.publicKey;
  } catch {
    return null;
  }
}

function isAuthority(certificate: X509Certificate, at: number): boolean {
  return certificate.ca && isValidAt(certificate, at) && isUnderstood(certificate);
}

function isLeafFit(leaf: X509Certificate): boolean {
  const key = keyOf(leaf);
  return key !== null && isStrong(key) && isUnderstood(leaf);
}

/** Nothing in it asks for what is not checked here, and it may be used for servers. */
function isUnderstood(certificate: X509Certificate): boolean {
  const extensions = extensionsOf(certificate.raw);
  if (extensions === null) return false;
  const purposes: readonly string[] | undefined = certificate.keyUsage;
  if (purposes !== undefined && !purposes.some((purpose) => SERVER_PURPOSES.includes(purpose))) return false;
  return extensions.every(({ oid, isCritical }) => oid !== NAME_CONSTRAINTS && (!isCritical || UNDERSTOOD.has(oid)));
}

function pathLengthOf(certificate: X509Certificate): number {
  const constraints = extensionsOf(certificate.raw)?.find(({ oid }) => oid === BASIC_CONSTRAINTS);
  return constraints === undefined ? -1 : (pathLengthIn(constraints.value) ?? -1);
}

/** A date that is none is not valid. */
function isValidAt(certificate: X509Certificate, at: number): boolean {
  return certificate.validFromDate.getTime() <= at && at <= certificate.validToDate.getTime();
}

/**
 * RFC 6698 section 2.1: the whole, or a digest of it. What is not defined there matches nothing. Each form of the certificate is made
 * once, because a domain may publish hundreds of records.
 */
function matcherOf(certificate: X509Certificate): (record: TlsaRecord) => boolean {
  const forms = new Map<string, Buffer | null>();
  return ({ selector, matching, data }) => {
    const form = `${selector} ${matching}`;
    let presented = forms.get(form);
    if (presented === undefined) {
      const selected = selectedBy(selector, certificate);
      presented = selected === null ? null : presentedAs(matching, selected);
      forms.set(form, presented);
    }
    return presented !== null && presented.equals(data);
  };
}

function selectedBy(selector: number, certificate: X509Certificate): Buffer | null {
  if (selector === 0) return certificate.raw;
  return selector === 1 ? (keyOf(certificate)?.export({ type: "spki", format: "der" }) ?? null) : null;
}

function presentedAs(matching: number, selected: Buffer): Buffer | null {
  if (matching === 0) return selected;
  if (matching === 1) return createHash("sha256").update(selected).digest();
  return matching === 2 ? createHash("sha512").update(selected).digest() : null;
}
