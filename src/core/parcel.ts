/** The bytes of one step, as a recipe over stored blobs: what has to be sent is streamed, never copied. */
import type { BlobRef } from "./blob-store.ts";
import type { MessageId, VariantId } from "./ids.ts";
import type { Step } from "./plan.ts";
import type { Rung } from "./rung.ts";

export type Piece =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "blob"; readonly ref: BlobRef; readonly start: number; readonly end: number };

/** What the next hop must offer for these bytes. */
export type Needs = {
  /** A body byte above 127: BODY=8BITMIME (RFC 6152). */
  readonly eightBitMime: boolean;
  /** A header byte above 127: SMTPUTF8 (RFC 6531). Addresses add to this by themselves. */
  readonly smtpUtf8: boolean;
};

/** How a variant's bytes came to be: `untouched` differs from what arrived by trace headers (and stripped ones) only. */
export type VariantKind = "untouched" | "downconverted";

export type Variant = {
  readonly id: VariantId;
  readonly messageId: MessageId;
  readonly kind: VariantKind;
  readonly pieces: readonly Piece[];
  readonly sizeBytes: number;
  readonly needs: Needs;
  /** Words of the tag field; left out where there is none. */
  readonly tags?: readonly string[];
};

export type Parcel = {
  readonly variant: Variant;
  readonly step: Step;
  /** Compared with the live socket before MAIL FROM. */
  readonly minRung: Rung;
};
