/** The four-way answer: unknown is not absent (docs/security-levels.md). */
import type { TlsaRecord } from "./dane.ts";

/** `secure` only where a loopback validating resolver set AD. */
export type DnsSecurity = "secure" | "insecure";

export type DnsAnswer<T> =
  | {
      readonly kind: "found";
      readonly value: T;
      readonly security: DnsSecurity;
      /** Only where the name asked for is an alias: the name at the end of the chain. `security` covers the whole chain. */
      readonly expandedName?: string;
    }
  | { readonly kind: "absent"; readonly reason: "nxdomain" | "nodata"; readonly security: DnsSecurity }
  /** `detail` in our own words, with the server's extended errors (RFC 8914); fit for the audit. */
  | { readonly kind: "bogus"; readonly detail: string }
  | { readonly kind: "unavailable"; readonly detail: string };

export type MxRecord = { readonly preference: number; readonly exchange: string };

/** What Postern asks DNS; the implementation is src/parts/dns/. */
export interface Resolver {
  mx(domain: string, signal?: AbortSignal): Promise<DnsAnswer<readonly MxRecord[]>>;
  /** A and AAAA together: found when either family answered with an address; IPv6 and IPv4 mixed, as strings. */
  addresses(host: string, signal?: AbortSignal): Promise<DnsAnswer<readonly string[]>>;
  /** Each TXT record with its strings joined (RFC 7208 section 3.3 style). */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<readonly string[]>>;
  /** Records at `_25._tcp.mx.example`. Those that cannot be read are left out: found and empty is not the same as having none. */
  tlsa(name: string, signal?: AbortSignal): Promise<DnsAnswer<readonly TlsaRecord[]>>;
  /** The alias itself, not what it leads to: `security` is that of the name asked for alone. */
  cname(host: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
}
