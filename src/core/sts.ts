/** What a domain asks of whoever sends mail to it (MTA-STS, RFC 8461). Learned by discover, enforced by deliver. */
import type { ReasonCode } from "./reason-codes.ts";

/** As published at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. */
export type StsPolicy = {
  readonly mode: "enforce" | "testing" | "none";
  /** Names, or `*.` and a name: lower case, A-labels; those no mail server can have are left out. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
};

/** Why a policy could not be had, in the words of TLS reports (RFC 8460 section 4.3.2.2). */
export type StsFailureType = "sts-policy-fetch-error" | "sts-policy-invalid" | "sts-webpki-invalid";
export type StsFailure = {
  readonly type: StsFailureType;
  /** In our own words, never the peer's. */
  readonly detail: string;
};

/** What holds for a domain now. */
export type StsState =
  /** No policy, one of mode `none`, or none that could be had: `failure` says why. */
  | { readonly kind: "none"; readonly failure: StsFailure | null }
  /** DNS did not say whether there is a policy, and none is held: it proves nothing, and ordinary mail goes. */
  | { readonly kind: "unknown" }
  | {
      readonly kind: "testing" | "enforce";
      /** As the TXT record has it. */
      readonly id: string;
      readonly mx: readonly string[];
      readonly fetchedAt: number;
      readonly expiresAt: number;
      /** Why the last attempt to renew it failed; it holds all the same. */
      readonly failure: StsFailure | null;
    }
  /** What is remembered of the domain cannot be read: it may be a policy that binds, so its hosts are not used now. */
  | { readonly kind: "unavailable"; readonly code: ReasonCode };

/** What that asks of one mail server. */
export type HostSts =
  | { readonly kind: "none" }
  | { readonly kind: "testing" | "enforce"; readonly id: string; readonly matches: boolean }
  | { readonly kind: "unavailable"; readonly code: ReasonCode };
