/** What DNS says about a mail server's certificate (RFC 6698, RFC 7671, RFC 7672). Learned by discover, proven by deliver. */
import type { ReasonCode } from "./reason-codes.ts";

/** As published: nothing here says that it is usable. */
export type TlsaRecord = {
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  /** A digest, or the whole certificate or public key in DER. */
  readonly data: Uint8Array;
};

export type DaneState =
  /** No records, or none that a validating resolver vouches for. */
  | { readonly kind: "none" }
  /** Vouched for, and none usable: TLS is a must, and DANE proves nothing (RFC 7672 section 3.1.3). */
  | { readonly kind: "unusable" }
  | {
      readonly kind: "usable";
      /** The usable ones. */
      readonly records: readonly [TlsaRecord, ...TlsaRecord[]];
      /** Where they were found, without port and protocol; also SNI (RFC 7672 section 8.1). */
      readonly baseName: string;
      /** Names of which a certificate under a DANE-TA record must have one (RFC 7672 section 3.2.2). */
      readonly names: readonly [string, ...string[]];
    }
  /** The look-up failed or was tampered with: unknown is not absent, the host is not used now (RFC 7672 section 2.1.2). */
  | { readonly kind: "unavailable"; readonly code: ReasonCode; readonly detail?: string };
