/**
 * Somebody between the gateway and mail servers without TLSA records, or an operator over there who does it badly, as a table: what becomes of
 * mail that needs protection, and of mail that needs none. All zones are signed unless the case says otherwise, so that only the
 * connection is in question; protected mail asks for the strictest floor.
 */
import type { Zone } from "../../src/cli/loopback/dns-server.ts";
import type { CertificateKind, ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { MxBehaviour, MxFault } from "../../src/cli/loopback/mx-behaviour.ts";
import type { Rung } from "../../src/core/rung.ts";
import type { ReasonCode } from "../../src/core/reason-codes.ts";
import type { Request } from "./peers-issuer.ts";

export type InBetween = {
  /** Of the domain, without `.test`; the server is `mx.NAME.test`. */
  readonly name: string;
  readonly what: string;
  readonly certificate?: CertificateKind;
  /** Names of certificates made for it, its own first, in place of one of a kind. */
  readonly chain?: readonly string[];
  readonly tls?: ServerDescription["tls"];
  readonly behaviour?: MxBehaviour;
  /** In place of a signed MX and a signed address. */
  readonly zone?: (at: { readonly domain: string; readonly host: string; readonly address: string }) => Zone;
  /** State and code. */
  readonly phi: string;
  readonly clean: string;
  /** A code the audit of the protected mail must name; that of `phi` where left out. */
  readonly why?: ReasonCode;
  /** Of the connection that carried the ordinary mail, where one did. */
  readonly rung?: Rung;
};

const HELD = "held PST-DEC-001";
const SENT = "delivered -";
const says = (text: string): MxFault => ({ kind: "reply", text });
const beneath = (text: string): MxFault => ({ kind: "beneath", text });

/** Held, because the server cannot meet the floor; ordinary mail goes as RFC 7435 has it. */
function unmet(why: ReasonCode, rung: Rung): Pick<InBetween, "phi" | "clean" | "why" | "rung"> {
  return { phi: HELD, clean: SENT, why, rung };
}

/** Neither goes: nobody knows to whom it would. */
function neither(code: ReasonCode): Pick<InBetween, "phi" | "clean"> {
  return { phi: `deferred ${code}`, clean: `deferred ${code}` };
}

function tls12(ciphers: string): ServerDescription["tls"] {
  return { maxVersion: "TLSv1.2", ciphers };
}

const SERVERS: readonly InBetween[] = [
  {
    name: "stripped",
    what: "STARTTLS is stripped from EHLO",
    behaviour: { starttls: "strip" },
    ...unmet("PST-DLV-007", "plain"),
  },
  {
    name: "put-off",
    what: "STARTTLS is answered with 502",
    behaviour: { faults: { starttls: says("502 5.5.1 no") } },
    ...unmet("PST-DLV-007", "plain"),
  },
  {
    name: "injected",
    what: "replies are injected behind the 220",
    behaviour: { injectAfterStarttls: "250-a\r\n250 SIZE" },
    ...neither("PST-DLV-010"),
  },
  {
    name: "selfsigned",
    what: "the certificate is nobody's",
    certificate: "self-signed",
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "swapped",
    what: "the certificate is swapped for that of another name",
    certificate: "wrong-name",
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "expired",
    what: "the certificate has expired",
    certificate: "expired",
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "stranger",
    what: "the certificate is of an authority nobody trusts",
    certificate: "stranger",
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "stapled",
    what: "a trusted authority is sent beside a certificate it did not issue",
    chain: ["stapled.own", "ca"],
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "by-server",
    what: "the certificate is issued with the key of an ordinary server",
    chain: ["by-server.own", "server", "ca"],
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "client",
    what: "the certificate is for clients",
    chain: ["client.own"],
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  {
    name: "short-key",
    what: "the key is RSA of 1,024 bits",
    chain: ["short-key.own"],
    ...unmet("PST-DLV-056", "tls-unauthenticated"),
  },
  {
    name: "sha1",
    what: "the certificate is signed with SHA-1",
    chain: ["sha1.own", "sha1-ca"],
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  },
  ...[
    "nul",
    "nul-before",
    "star",
    "inner-star",
    "tld-star",
    "part-star",
    "deep-star",
    "email",
    "uri",
    "common-name",
    "address",
  ].map((name) => ({
    name,
    what: `the certificate names it by ${name}`,
    chain: [`${name}.own`],
    ...unmet("PST-DLV-009", "tls-unauthenticated"),
  })),
  {
    name: "tls10",
    what: "TLS 1.0 alone is spoken",
    tls: { minVersion: "TLSv1", maxVersion: "TLSv1" },
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "tls11",
    what: "TLS 1.1 alone is spoken",
    tls: { minVersion: "TLSv1.1", maxVersion: "TLSv1.1" },
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "cbc",
    what: "suites with CBC alone are spoken",
    chain: ["cbc.own"],
    tls: tls12("ECDHE-RSA-AES256-SHA384"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "cbc-sha1",
    what: "suites with CBC and SHA-1 alone are spoken",
    chain: ["cbc-sha1.own"],
    tls: tls12("ECDHE-RSA-AES128-SHA"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "rsa-key",
    what: "RSA key exchange alone is spoken",
    chain: ["rsa-key.own"],
    tls: tls12("AES256-GCM-SHA384"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "camellia",
    what: "Camellia alone is spoken",
    chain: ["camellia.own"],
    tls: tls12("CAMELLIA256-SHA@SECLEVEL=0"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "anonymous",
    what: "suites without certificates alone are spoken",
    tls: tls12("ADH-AES256-GCM-SHA384:AECDH-AES256-SHA@SECLEVEL=0"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "null",
    what: "suites that encrypt nothing alone are spoken",
    chain: ["null.own"],
    tls: tls12("ECDHE-RSA-NULL-SHA:NULL-SHA256@SECLEVEL=0"),
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "cut",
    what: "the handshake is cut",
    behaviour: { faults: { handshake: { kind: "drop-before" } } },
    phi: "deferred PST-DLV-002",
    clean: SENT,
    rung: "plain",
  },
  {
    name: "stalled",
    what: "the handshake stalls",
    behaviour: { faults: { handshake: { kind: "silent" } } },
    phi: "deferred PST-DLV-003",
    clean: SENT,
    rung: "plain",
  },
  {
    name: "garbled",
    what: "the handshake is answered in the clear",
    behaviour: { faults: { handshake: says("250 let us go on in the clear") } },
    ...unmet("PST-DLV-008", "plain"),
  },
  {
    name: "ehlo-beneath",
    what: "the second EHLO is answered beneath TLS",
    behaviour: { faults: { ehlo2: beneath("250 SIZE") } },
    ...neither("PST-DLV-002"),
  },
  {
    name: "ehlo-refused",
    what: "the second EHLO is refused",
    behaviour: { faults: { ehlo2: says("502 5.5.1 no") } },
    ...neither("PST-DLV-005"),
  },
];

const LOOKUPS: readonly InBetween[] = [
  ...(["servfail", "drop", "refused", "garbage", "wrong-id", "wrong-question"] as const).map(
    (behaviour): InBetween => ({
      name: `mx-${behaviour}`,
      what: `the MX look-up ends in ${behaviour}`,
      zone: ({ domain, host, address }) => ({
        [domain]: { A: [address], behaviour: { MX: behaviour }, authenticated: true },
        [host]: { A: [address], authenticated: true },
      }),
      ...neither("PST-DSC-001"),
    }),
  ),
  {
    name: "mx-bogus",
    what: "the MX answer was forged in a signed zone",
    zone: ({ domain, host, address }) => ({
      [domain]: { A: [address], behaviour: { MX: "bogus" } },
      [host]: { A: [address] },
    }),
    ...neither("PST-DSC-002"),
  },
  {
    name: "mx-forged",
    what: "a forged MX leads to a server with a good certificate of its own, in a zone that is not signed",
    zone: ({ domain, host, address }) => ({
      [domain]: { MX: [[10, host]] },
      [host]: { A: [address], authenticated: true },
    }),
    ...unmet("PST-DLV-038", "pkix"),
  },
  ...(["servfail", "bogus"] as const).map((behaviour): InBetween => ({
    name: `a-${behaviour}`,
    what: `the look-up of the server's addresses ends in ${behaviour}`,
    zone: ({ domain, host, address }) => ({
      [domain]: { MX: [[10, host]], A: [address], authenticated: true },
      [host]: { A: [address], behaviour },
    }),
    ...neither("PST-DLV-032"),
  })),
  {
    name: "aaaa-servfail",
    what: "the look-up of its IPv6 addresses alone fails",
    zone: ({ domain, host, address }) => ({
      [domain]: { MX: [[10, host]], authenticated: true },
      [host]: { A: [address], behaviour: { AAAA: "servfail" }, authenticated: true },
    }),
    phi: SENT,
    clean: SENT,
    rung: "pkix-dnssec-mx",
  },
];

/** What is said before TLS counts for nothing, in either direction. */
const BEFORE_TLS: readonly InBetween[] = [
  {
    name: "shrunk",
    what: "the first EHLO is forged to take one byte and no extension",
    behaviour: { extensions: ["SIZE 1"], tlsExtensions: ["SIZE 52428800", "8BITMIME", "PIPELINING"] },
    phi: SENT,
    clean: SENT,
    rung: "pkix-dnssec-mx",
  },
];

export const IN_BETWEEN: readonly InBetween[] = [...SERVERS, ...LOOKUPS, ...BEFORE_TLS];

/** A dNSName or another kind of name, as it stands in subjectAltName (RFC 5280 section 4.2.1.6). */
function sanOf(name: string, tag = 0x82): string {
  const octets = Buffer.from(name, "latin1");
  const general = Buffer.concat([Buffer.of(tag, octets.length), octets]);
  return `subjectAltName=DER:${Buffer.concat([Buffer.of(0x30, general.length), general]).toString("hex")}`;
}

const CA = "basicConstraints=critical,CA:TRUE";
const named = (name: string): string => `subjectAltName=DNS:mx.${name}.test`;
/** `mx` alone is what a reader of C strings would see. */
const ODD_NAMES: Readonly<Record<string, readonly string[]>> = {
  nul: [sanOf("mx.nul.test\0.evil.test")],
  "nul-before": [sanOf("\0mx.nul-before.test")],
  star: [sanOf("*")],
  "inner-star": [sanOf("mx.*.test")],
  "tld-star": [sanOf("*.test")],
  "part-star": [sanOf("m*.part-star.test")],
  "deep-star": [sanOf("*.*.test")],
  email: [sanOf("mx.email.test", 0x81)],
  uri: [sanOf("mx.uri.test", 0x86)],
  "common-name": [],
  address: ["subjectAltName=IP:127.22.0.1"],
};

export const IN_BETWEEN_CERTIFICATES: readonly Request[] = [
  { name: "ca", extensions: [CA] },
  { name: "sha1-ca", by: "ca", extensions: [CA], digest: "sha256" },
  { name: "server", by: "ca", extensions: ["subjectAltName=DNS:another.test", "basicConstraints=critical,CA:FALSE"] },
  { name: "shared.own", by: "ca", extensions: [named("shared")] },
  { name: "stapled.own", extensions: [named("stapled")] },
  { name: "by-server.own", by: "server", extensions: [named("by-server")] },
  { name: "client.own", by: "ca", extensions: [named("client"), "extendedKeyUsage=clientAuth"] },
  { name: "short-key.own", by: "ca", extensions: [named("short-key")], key: "rsa:1024" },
  { name: "sha1.own", by: "sha1-ca", extensions: [named("sha1")], digest: "sha1" },
  ...["cbc", "cbc-sha1", "rsa-key", "camellia", "null"].map((name): Request => ({
    name: `${name}.own`,
    by: "ca",
    extensions: [named(name)],
    key: "rsa:2048",
  })),
  ...Object.entries(ODD_NAMES).map(([name, extensions]): Request => ({
    name: `${name}.own`,
    subject: `mx.${name}.test`,
    by: "ca",
    extensions: [...extensions],
  })),
];
