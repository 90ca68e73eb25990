/** What inspection found. Never holds a matched text: detector, place and a keyed hash only. */
import type { ProfileName } from "./policy.ts";

export type Verdict = "clean" | "phi" | "uninspectable" | "protected";
export type Tier = "none" | "low" | "high";

export type Finding = {
  readonly detector: string;
  /** 0 to 100. */
  readonly confidence: number;
  /** MIME path of the part, "header:subject" for the subject. */
  readonly part: string;
  /** In characters of the normalised segment text. */
  readonly offset: number;
  readonly length: number;
  /** Keyed hash of the normalised value, for counting distinct values; 16 hex characters. */
  readonly valueHash: string;
};

/** What a rule does to the copy of each recipient it concerns; the strongest of all rules wins. */
export type RuleAction =
  /** It only counts, and is on record. */
  | { readonly kind: "pass" }
  /** At least this floor: a rung, the content itself (`content`), or the portal alone (`portal`). */
  | { readonly kind: "protect"; readonly profile: ProfileName }
  | { readonly kind: "hold" }
  | { readonly kind: "refuse" };

/** What a rule does beside its action; these add up. */
export type SideAction =
  /** A header field with this word on the copy; see `dlp.tag_header`. */
  | { readonly kind: "tag"; readonly word: string }
  | { readonly kind: "notify"; readonly whom: "sender" | "reviewers" }
  /** A copy of the message to the compliance mailboxes, `dlp.copy_to`. */
  | { readonly kind: "copy" };

/** Between whom; all that is named must fit. Patterns of core/address-pattern.ts. */
export type Between = { readonly senders?: readonly string[]; readonly recipients?: readonly string[] };

/** Whom a hit concerns: who fits one of `only` (null: everybody) and none of `except`. Addresses: never for logs or audit. */
export type RuleScope =
  | { readonly kind: "all" }
  | { readonly kind: "between"; readonly only: readonly Between[] | null; readonly except: readonly Between[] };

export type RuleHit = {
  readonly pack: string;
  readonly rule: string;
  readonly tier: Tier;
  readonly action: RuleAction;
  /** Left out where there is nothing. */
  readonly also?: readonly SideAction[];
  readonly scope: RuleScope;
};

/** The sender asked for protection. */
export type Trigger = "subject-tag" | "sensitivity-header";

export type UninspectableReason =
  | "unsupported_type"
  | "encrypted"
  | "damaged"
  | "unknown_charset"
  | "over_budget"
  | "structure_defect"
  /** Pages without any text. */
  | "image_only"
  /** The process that read it died of it. */
  | "crashed"
  | "inspection_error";

export type WaiverDoubt = "subject" | "author";

export type Findings = {
  readonly verdict: Verdict;
  readonly tier: Tier;
  readonly hits: readonly RuleHit[];
  /** What rules of status shadow would have done; nothing acts on it. Left out where there is none. */
  readonly shadow?: readonly RuleHit[];
  readonly findings: readonly Finding[];
  readonly uninspectable: readonly { readonly part: string; readonly reason: UninspectableReason }[];
  /** Something in it was encrypted by the sender's client, whatever the verdict: nobody here read it. */
  readonly holdsEncrypted?: true;
  readonly triggers: readonly Trigger[];
  /** The sender asked to do without protection; whether that counts is for decide. */
  readonly waiverAsked?: true;
  /** Why that may be somebody else's wish: the tag does not open the one Subject, or From and Sender name another. */
  readonly waiverDoubt?: WaiverDoubt;
  /** The sender wrote `TLS-Required: No` (RFC 8689 section 5). */
  readonly tlsRequiredNo?: true;
  /** Pack ids with the hash of their text, and the engine version: enough to replay the verdict. */
  readonly packs: readonly { readonly pack: string; readonly sha256: string }[];
  readonly engine: string;
};
