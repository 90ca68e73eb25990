/**
 * The small internet of the demo: one server for each way in which mail servers differ, and the sender's own, which takes
 * what Postern reports. Names say what a server does. Addresses are 127.0.0.x, so nothing leaves the machine.
 */
import type { InternetDescription, ServerDescription } from "../loopback/internet.ts";
import { POLICY_ID } from "./demo-policy-host.ts";
import { OWN_DOMAIN } from "../loopback/gateway-folder.ts";

type Place = {
  readonly domain: string;
  /** One line for the reader. */
  readonly says: string;
  readonly server: Omit<ServerDescription, "name"> | null;
  /** Has an MTA-STS policy in mode enforce that names its server. */
  readonly hasPolicy?: boolean;
};

const PLACES: readonly Place[] = [
  {
    domain: "dane.test",
    says: "DNSSEC, and a certificate that its TLSA record (DANE) names",
    server: { address: "127.0.0.48", certificate: "valid", dane: "matches" },
  },
  {
    domain: "sts.test",
    says: "an MTA-STS policy that names its server, and a certificate valid for it",
    server: { address: "127.0.0.49", certificate: "valid" },
    hasPolicy: true,
  },
  {
    domain: "intruder.test",
    says: "DNSSEC, and a certificate its TLSA record does not name: somebody in between",
    server: { address: "127.0.0.50", certificate: "wrong-name", dane: "differs" },
  },
  {
    domain: "verified.test",
    says: "TLS with a certificate the gateway trusts",
    server: { address: "127.0.0.41", certificate: "valid" },
  },
  {
    domain: "greylist.test",
    says: "the same, but sends everybody away at first",
    server: { address: "127.0.0.42", certificate: "valid", behaviour: { greylist: true } },
  },
  {
    domain: "picky.test",
    says: "the same, but takes only some recipients",
    server: {
      address: "127.0.0.43",
      certificate: "valid",
      behaviour: { recipients: { former: "550 5.1.1 no such mailbox here" } },
    },
  },
  {
    domain: "refusing.test",
    says: "the same, but takes nothing from anybody",
    server: {
      address: "127.0.0.44",
      certificate: "valid",
      behaviour: { refuseAll: "550 5.7.1 we take no mail from you" },
    },
  },
  {
    domain: "selfsigned.test",
    says: "TLS with a certificate anybody could have made",
    server: { address: "127.0.0.45", certificate: "self-signed" },
  },
  { domain: "no-tls.test", says: "no TLS at all", server: { address: "127.0.0.46", certificate: "none" } },
  { domain: "nowhere.test", says: "does not exist", server: null },
];

const SENDER_SERVER: ServerDescription = { name: `mx.${OWN_DOMAIN}`, address: "127.0.0.47", certificate: "valid" };

export const DEMO_PLACES: readonly Pick<Place, "domain" | "says">[] = PLACES;

/** Host names of servers whose certificate proves them: the only ones that may see PHI. */
export const TRUSTED_SERVERS: readonly string[] = PLACES.filter(({ server }) => server?.certificate === "valid").map(
  ({ domain }) => mxOf(domain),
);

/** Domains with an MTA-STS policy, each with the server it names. */
export const DEMO_POLICIES: Readonly<Record<string, string>> = Object.fromEntries(
  PLACES.flatMap(({ domain, hasPolicy = false }) => (hasPolicy ? [[domain, mxOf(domain)]] : [])),
);

/** A domain whose zone is signed, for the self-test of the resolver. */
export const SIGNED_NAME = "dane.test";

export const DEMO_INTERNET: InternetDescription = {
  zone: {
    ...Object.fromEntries(
      Object.keys(DEMO_POLICIES).flatMap((domain) => [
        [`_mta-sts.${domain}`, { TXT: [`v=STSv1; id=${POLICY_ID};`] }],
        [`mta-sts.${domain}`, { A: ["127.0.0.1"] }],
      ]),
    ),
    [OWN_DOMAIN]: { MX: [[10, SENDER_SERVER.name]] },
    ...Object.fromEntries(
      PLACES.filter(({ server }) => server !== null).map(({ domain, server }) => [
        domain,
        { MX: [[10, mxOf(domain)]], authenticated: server?.dane !== undefined },
      ]),
    ),
  },
  servers: [
    SENDER_SERVER,
    ...PLACES.flatMap(({ domain, server }) => (server === null ? [] : [{ ...server, name: mxOf(domain) }])),
  ],
};

export function mxOf(domain: string): string {
  return `mx.${domain}`;
}
