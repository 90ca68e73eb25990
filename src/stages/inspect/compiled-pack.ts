/** A rule pack as the engine runs it: references resolved, patterns proven linear, words in one index. Types only. */
import type { RuleAction, RuleScope, SideAction, Tier } from "../../core/findings.ts";
import type { EdmField } from "../../parts/edm/edm-fields.ts";
import type { ExactMethod } from "./exact-match.ts";
import type { Markup } from "./html-places.ts";
import type { LinearPattern } from "./linear-pattern.ts";
import type { MessageSender } from "./message-sender.ts";
import type { Need } from "./rule-need.ts";
import type { PhraseHits } from "./phrase-hits.ts";
import type { MarkedPlace, PlaceFilter } from "./text-places.ts";
import type { PhraseIndex, Tokens } from "./tokens.ts";
import type { Validator } from "./validators.ts";
import type { WeighedMethod } from "./weighed.ts";

/** A piece of text a reader could see, normalised (normalise.ts). */
export type Segment = {
  /** MIME path; `header:subject`, `2:filename` and the like for what is no body. */
  readonly part: string;
  /** A sender has no text: only detectors of that type find something there. */
  readonly kind: "subject" | "sender" | "header" | "body" | "filename";
  /** 0 for the message itself, counted up for messages embedded in it; a subject and a sender belong to their own message. */
  readonly message: number;
  readonly text: string;
  readonly sender?: MessageSender;
  /** A body of a file, not of the message or one within it. */
  readonly isAttached?: boolean;
  /** What HTML says of the text's lines. */
  readonly markup?: () => Markup;
};

/** A segment after the one pass of the phrase index. */
export type ScannedSegment = {
  readonly segment: Segment;
  readonly index: number;
  readonly tokens: Tokens;
  /** By set number of the pack's phrase index. */
  readonly hits: PhraseHits;
  /** Normalised names of the sender, which are nobody's PHI. */
  readonly senderNames: ReadonlySet<string>;
  readonly isLate: () => boolean;
};

/** A detector's hit while the message is in memory. The value never leaves the engine but as a keyed hash. */
export type Match = {
  readonly detector: CompiledDetector;
  readonly segment: number;
  readonly start: number;
  readonly end: number;
  /** Normalised; two places with one value count once. */
  readonly value: string;
  readonly confidence: number;
};

export type Near = {
  readonly set: number;
  readonly withinChars: number;
  readonly side: "before" | "after" | "both";
};

/** A step of the confidence ladder: reaches a level, or adjusts what was reached. */
export type Rung =
  | { readonly kind: "level"; readonly level: number; readonly near: Near | null }
  | { readonly kind: "adjust"; readonly adjust: number; readonly near: Near };

/** Where a method saw its value, before confidence; `base` is the level the method itself is sure of. */
export type Candidate = {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly base?: number;
  /** Of an exact data match: which fields of one row met. */
  readonly fields?: readonly EdmField[];
};

/** Endings and their plurals by their last three letters, as tokens.ts numbers them. */
export type EndingIndex = ReadonlyMap<number, readonly string[]>;

export type DetectionMethod =
  | {
      readonly kind: "pattern";
      readonly pattern: LinearPattern;
      /** Set of prefilter words, or null to search always. */
      readonly keywords: number | null;
      /** A match inside a longer number, such as the digits after a decimal point, does not count. */
      readonly standsAlone: boolean;
      readonly validators: readonly Validator[];
    }
  | {
      readonly kind: "label";
      readonly labels: number;
      readonly value: LinearPattern;
      readonly side: "before" | "after" | "both";
      readonly gapChars: number;
      readonly validators: readonly Validator[];
    }
  | {
      readonly kind: "dictionary";
      readonly set: number;
      /** The terms as written where case matters, else null. */
      readonly exact: readonly string[] | null;
      /** For each phrase of the set the term it belongs to, as values are normalised: plurals count as their singular. */
      readonly terms: readonly string[];
    }
  | {
      readonly kind: "ending";
      readonly endings: EndingIndex;
      readonly lettersMin: number;
      readonly not: ReadonlySet<string>;
    }
  | {
      readonly kind: "name";
      readonly givenNames: number;
      readonly labels: number;
      readonly honorifics: number;
      readonly notSurnames: ReadonlySet<string>;
    }
  | ExactMethod
  | WeighedMethod
  | {
      readonly kind: "sender";
      /** Patterns of core/address-pattern.ts. */
      readonly addresses: readonly string[];
      /** Whole ones, or with a dot in front the end of some. */
      readonly listIds: readonly string[];
      /** As message-sender.ts spaces them. */
      readonly words: readonly string[];
    }
  | {
      readonly kind: "shape";
      /** Set of the words after which one capitalised word is a name. */
      readonly relations: number;
      /** Lower case: every word of the pack's lists, and what the detector itself names. */
      readonly notNames: ReadonlySet<string>;
      /** Sets of given names, which count by themselves, too. */
      readonly givenNames: readonly number[];
    };

export type CompiledDetector = {
  readonly id: string;
  readonly classes: readonly string[];
  readonly weight: number;
  readonly method: DetectionMethod;
  readonly ladder: readonly Rung[];
};

export type Condition =
  | { readonly kind: "all"; readonly conditions: readonly Condition[] }
  | { readonly kind: "any"; readonly conditions: readonly Condition[] }
  | { readonly kind: "not"; readonly condition: Condition }
  | NearCondition
  | CountCondition;

/** All of them, and what reads a window holds around one match of the anchor. */
export type NearCondition = {
  readonly kind: "near";
  readonly anchor: CountCondition;
  readonly windowed: readonly Condition[];
  readonly others: readonly Condition[];
};

/** Enough matches of some detectors, in the message or within a window around an anchor. */
export type CountCondition = {
  readonly kind: "count";
  /** As the pack says it: `class health`, or the ids it lists. */
  readonly asked: string;
  /** Ids of the detectors, in order. */
  readonly detectors: readonly string[];
  /** Conditions of one key read the same matches, which are gathered once. */
  readonly key: string;
  readonly minConfidence: number;
  /** Distinct values. */
  readonly distinct: number;
  /** Sum of the weights of the distinct values. */
  readonly weight: number;
  readonly withinChars: number | null;
  /** null: counts wherever it stands. */
  readonly places: PlaceFilter | null;
  /** Of the pack, those that concern one of the detectors. */
  readonly suppressions: readonly Suppression[];
};

/** These do not count in such a place, unless in the same stretch of it stands something that tells of a person. */
export type Suppression = {
  readonly detectors: ReadonlySet<string>;
  readonly notIn: readonly MarkedPlace[];
  /** Ids of detectors, whose matches are this sure or more. */
  readonly unless: readonly string[];
  readonly minConfidence: number;
};

export type CompiledRule = {
  readonly id: string;
  readonly status: "active" | "shadow";
  readonly tier: Tier;
  readonly action: RuleAction;
  readonly also: readonly SideAction[];
  readonly scope: RuleScope;
  readonly when: Condition;
  /** What must be found for the rule to hold, whatever its windows. */
  readonly need: Need;
  /** Detectors the rule reads, for telling which findings support a hit. */
  readonly reads: ReadonlySet<string>;
};

export type CompiledPack = {
  readonly id: string;
  /** Hex, of the pack's text. */
  readonly sha256: string;
  readonly phrases: PhraseIndex;
  readonly detectors: readonly CompiledDetector[];
  readonly byId: ReadonlyMap<string, CompiledDetector>;
  readonly rules: readonly CompiledRule[];
};
