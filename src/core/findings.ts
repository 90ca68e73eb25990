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

export type RuleAction =
  { readonly kind: "tag" } | { readonly kind: "protect"; readonly profile: ProfileName } | { readonly kind: "hold" };

/** Whom a hit concerns; domains are A-labels in lower case and match exactly. */
export type RuleScope =
  | { readonly kind: "all" }
  | { readonly kind: "only"; readonly domains: readonly string[] }
  | { readonly kind: "except"; readonly domains: readonly string[] };

export type RuleHit = {
  readonly pack: string;
  readonly rule: string;
  readonly tier: Tier;
  readonly action: RuleAction;
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

export type Findings = {
  readonly verdict: Verdict;
  readonly tier: Tier;
  readonly hits: readonly RuleHit[];
  /** What rules of status shadow would have done; nothing acts on it. Left out where there is none. */
  readonly shadow?: readonly RuleHit[];
  readonly findings: readonly Finding[];
  readonly uninspectable: readonly { readonly part: string; readonly reason: UninspectableReason }[];
  readonly triggers: readonly Trigger[];
  /** The sender wrote `TLS-Required: No` (RFC 8689 section 5). */
  readonly tlsRequiredNo?: true;
  /** Pack ids with the hash of their text, and the engine version: enough to replay the verdict. */
  readonly packs: readonly { readonly pack: string; readonly sha256: string }[];
  readonly engine: string;
};
