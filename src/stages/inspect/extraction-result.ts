/** What walking through a message gives: its texts, and what of it could not be read. Types only. */
import type { UninspectableReason } from "../../core/findings.ts";
import type { Segment } from "./compiled-pack.ts";
import type { Asks } from "./message-header.ts";

export type Uninspectable = { readonly part: string; readonly reason: UninspectableReason };

export type Extraction = Asks & {
  readonly segments: readonly Segment[];
  readonly uninspectable: readonly Uninspectable[];
  /** Parts the sender's client encrypted. */
  readonly protectedParts: readonly string[];
  readonly senderNames: ReadonlySet<string>;
  /** Parts whose name or declared type promises another content. */
  readonly misdeclared: readonly string[];
};
