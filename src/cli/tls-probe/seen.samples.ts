/** What a probe may have seen, for tests: a good server, and whatever is changed about it. */
import { X509Certificate } from "node:crypto";
import type { MxHost } from "../../core/capabilities.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import { issueAuthority, issueServerCertificate } from "../../parts/keys/issue-certificate.ts";
import type { Probe } from "../../stages/deliver/probe.ts";
import type { HostVerdict } from "../../stages/deliver/verdicts.ts";
import type { Seen } from "./seen.ts";

export const MX_NAME = "mx1.example.test";
export const SEEN_AT = Date.UTC(2026, 10, 22);

const HOST: MxHost = {
  name: MX_NAME,
  preference: 10,
  addresses: { kind: "found", value: ["192.0.2.1"], security: "insecure" },
  dane: { kind: "none" },
  sts: { kind: "none" },
};
const WAY = { via: "mx", security: "insecure" } as const;

const TLS: NonNullable<Probe["facts"]["tls"]> = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  leafSha256: "ab".repeat(32),
  leafNotAfter: "2027-01-01T00:00:00.000Z",
  chain: "ok",
  nameMatches: true,
};

export type Change = {
  readonly host?: Partial<MxHost>;
  readonly way?: Partial<Seen["way"]>;
  readonly address?: string;
  readonly tls?: Partial<NonNullable<Probe["facts"]["tls"]>> | null;
  readonly facts?: Partial<Probe["facts"]>;
  readonly verdict?: HostVerdict;
  readonly names?: readonly string[];
  readonly isUnroutable?: boolean;
};

export async function seenWith(change: Change = {}): Promise<Seen & { readonly probe: Probe }> {
  const { address = "192.0.2.1", verdict = null, names = [MX_NAME], isUnroutable = false } = change;
  const host = { ...HOST, ...change.host };
  const tls = change.tls === null ? null : { ...TLS, ...change.tls };
  const isProven = tls !== null && tls.chain === "ok" && tls.nameMatches;
  const rung: Rung = tls === null ? "plain" : isProven ? "pkix" : "tls-unauthenticated";
  const facts: Probe["facts"] = {
    host: host.name,
    address,
    port: 25,
    phase: "ehlo2",
    starttlsOffered: true,
    tls,
    dane: { state: "none" },
    rung,
    code: verdict?.code ?? null,
    replyCode: 250,
    enhanced: null,
    startedAt: SEEN_AT,
    durationMs: 20,
    ...change.facts,
  };
  const certificate = tls === null ? null : await certificateFor(names);
  const probe: Probe = { facts, verdict, certificate, isUnroutable };
  return { domain: "example.test", way: { ...WAY, ...change.way }, host, port: 25, address, probe };
}

export function notDialled(notDialled: ReasonCode, host: Partial<MxHost> = {}): Seen {
  const address = notDialled === "PST-DLV-030" ? "10.0.0.1" : null;
  return { domain: "example.test", way: WAY, host: { ...HOST, ...host }, port: 25, address, probe: null, notDialled };
}

/** Without names: the certificate of an authority, which has none. */
async function certificateFor(dnsNames: readonly string[]): Promise<X509Certificate> {
  const subject = { notBefore: SEEN_AT, notAfter: SEEN_AT + 86_400_000, commonName: MX_NAME };
  const issuing =
    dnsNames.length === 0
      ? issueAuthority(subject)
      : issueServerCertificate({ ...subject, dnsNames: [...dnsNames], issuer: "self" });
  return new X509Certificate((await issuing).certPem);
}
