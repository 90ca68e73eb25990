/** What a recipient's side says it supports. Learned by discover, never by dialling port 25; what was proven before is remembered. */
import type { DaneState } from "./dane.ts";
import type { DnsAnswer, DnsSecurity } from "./dns-answer.ts";
import type { Proven } from "./proven.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { TlsRule } from "./tls-rule.ts";
import type { HostSts, StsState } from "./sts.ts";

export type MxHost = {
  readonly name: string;
  readonly preference: number;
  readonly addresses: DnsAnswer<readonly string[]>;
  readonly dane: DaneState;
  /** What the operator asks of it; absent: nothing. */
  readonly rule?: TlsRule;
  readonly sts: HostSts;
  /** Only where the operator named one with a smarthost; otherwise deliver's own SMTP port. */
  readonly port?: number;
};

export type Route =
  | {
      readonly kind: "hosts";
      /** In the order to be tried: preference, then chance. At most 20. */
      readonly hosts: readonly MxHost[];
      readonly via: "mx" | "implicit-mx" | "address-literal" | "smarthost";
      readonly security: DnsSecurity;
    }
  /** RFC 7505: the domain accepts no mail. */
  | { readonly kind: "null-mx" }
  | { readonly kind: "no-such-domain" }
  /** Every MX is this gateway itself. */
  | { readonly kind: "loop" }
  | { readonly kind: "unusable"; readonly code: ReasonCode }
  /** `detail`: what came of the question in DNS, in our own words. */
  | { readonly kind: "bogus"; readonly code: ReasonCode; readonly detail?: string }
  | { readonly kind: "unavailable"; readonly code: ReasonCode; readonly detail?: string };

export type Certificate = { readonly fingerprint: string; readonly der: Uint8Array };
export type OpenPgpKey = { readonly fingerprint: string; readonly armored: string };

export type KeyLookup<T> =
  | { readonly kind: "found"; readonly keys: readonly [T, ...T[]] }
  | { readonly kind: "absent" }
  | { readonly kind: "unavailable"; readonly code: ReasonCode };

export type Capabilities = {
  readonly domain: string;
  readonly route: Route;
  readonly sts: StsState;
  readonly smime: KeyLookup<Certificate>;
  readonly openpgp: KeyLookup<OpenPgpKey>;
  /** What the domain, or the smarthost on its way, proved on connections before. */
  readonly proven: Proven;
  readonly portal: { readonly kind: "absent" } | { readonly kind: "available" };
};
