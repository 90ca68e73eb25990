/**
 * What mailauth has below its signing stream, and does not declare: reading a header section, choosing the fields to sign,
 * their canonical form, and the text of the signature field. The version is pinned, and sign.test.ts holds what is made of it
 * against mailauth's own signer.
 */
declare module "mailauth/lib/tools.js" {
  export type HeaderLine = {
    /** Lower case. */
    readonly key: string;
    readonly casedKey: string;
    readonly line: Buffer;
  };
  export type SignedLines = { readonly keys: string; readonly headers: readonly HeaderLine[] };
  /** The tags of the field by their names; b= is added once it is known. */
  export type SignatureTags = Readonly<Record<string, string | number>>;

  export function parseHeaders(section: Buffer): { readonly parsed: HeaderLine[] };
  /** Those of RFC 6376 section 5.4.1 and some more, between colons. */
  export const defaultDKIMFieldNames: string;
  export function getSigningHeaderLines(parsed: readonly HeaderLine[], fieldNames: string): SignedLines;
  export function formatSignatureHeaderLine(type: "DKIM", tags: SignatureTags, folded: boolean): string;
}

declare module "mailauth/lib/dkim/header/index.js" {
  import type { SignatureTags, SignedLines } from "mailauth/lib/tools.js";

  export function generateCanonicalizedHeader(
    type: "DKIM",
    lines: SignedLines,
    options: {
      readonly signingDomain: string;
      readonly selector: string;
      readonly algorithm: string;
      readonly canonicalization: "relaxed/relaxed";
      readonly bodyHash: string;
      /** Seconds since the epoch. */
      readonly timestamp: number;
      readonly strict: boolean;
    },
  ): { readonly canonicalizedHeader: Buffer; readonly dkimHeaderOpts: SignatureTags };
}
