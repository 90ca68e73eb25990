/** One recipient's way out: a floor, the steps in order, and a stop that has a name. */
import type { Certificate, OpenPgpKey } from "./capabilities.ts";
import type { ProfileName } from "./policy.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { Rung } from "./rung.ts";

export type Floor = {
  readonly profile: ProfileName;
  /** The weakest rung that may carry the message without content protection; null: no rung is enough. */
  readonly minRung: Rung | null;
};

/** Whether MAIL carries REQUIRETLS (RFC 8689), beside what the sender asked for; absent: no. */
type RequireTls = { readonly requireTls?: "prefer" | "require" };

export type Step =
  | (RequireTls & { readonly kind: "transport"; readonly minRung: Rung })
  | (RequireTls & {
      readonly kind: "smime";
      readonly certificates: readonly [Certificate, ...Certificate[]];
      readonly minRung: Rung;
    })
  | (RequireTls & {
      readonly kind: "openpgp";
      readonly keys: readonly [OpenPgpKey, ...OpenPgpKey[]];
      readonly minRung: Rung;
    })
  | { readonly kind: "portal"; readonly noticeMinRung: Rung };

export type Stop =
  | { readonly kind: "hold"; readonly code: ReasonCode }
  /** `rule`: as `pack/rule`, where a rule refuses it. */
  | { readonly kind: "refuse"; readonly code: ReasonCode; readonly rule?: string }
  /** Tried again from the first step, by the retry schedule, until its lifetime ends. */
  | { readonly kind: "wait"; readonly code: ReasonCode };

export function isStop(step: Step | Stop): step is Stop {
  return "code" in step;
}

export type DestinationEffect =
  "raised" | "lowered" | "content protection" | "fallback defer" | "fallback fail" | "MTA-STS ignored";

/** What came of a sender's wish to do without protection; all but the first two leave the message as protected as it is. */
export type WaiverEffect =
  | "granted"
  | "awaits approval"
  | "off"
  | "not for this sender"
  | "not behind other words of the subject"
  | "not for another author"
  | "not for tier high"
  | "not for what could not be inspected"
  | "protection asked for too"
  | "nothing it may lower";

/** What goes out beside a message, once: a copy to compliance, notices that it was flagged. */
export type Companion = {
  readonly kind: "copy" | "sender_notice" | "reviewer_notice";
  /** Rules that ask for it, as `pack/rule`. */
  readonly rules: readonly string[];
};

/** Why the floor and the steps are what they are, for trace and audit; stable words, no content. */
export type PlanReason =
  | { readonly kind: "profile"; readonly profile: ProfileName; readonly because: string }
  /** `asks`: what the rule does beyond protecting. */
  | { readonly kind: "rule"; readonly pack: string; readonly rule: string; readonly asks?: string }
  /** The sender asked to do without protection. */
  | { readonly kind: "sender-waiver"; readonly effect: WaiverEffect }
  | { readonly kind: "destination-rule"; readonly match: string; readonly effect: DestinationEffect }
  /** The domain proved this before: kept as the least for the transport, or not (any more), or it cannot be read. */
  | {
      readonly kind: "proven-before";
      readonly rung: Rung | null;
      readonly effect: "kept" | "lapsed" | "waived" | "unknown";
    }
  /** The sender's `TLS-Required: No` (RFC 8689 section 5) changes nothing. */
  | { readonly kind: "tls-required-no-ignored" }
  | { readonly kind: "never-below"; readonly profile: ProfileName }
  | { readonly kind: "capability"; readonly capability: string; readonly state: string }
  | { readonly kind: "route"; readonly state: string };

export type Plan = {
  readonly floor: Floor;
  readonly reasons: readonly [PlanReason, ...PlanReason[]];
  readonly steps: readonly [...Step[], Stop];
  /** Words of a header field on this copy; left out where there is none. */
  readonly tags?: readonly [string, ...string[]];
  readonly companions?: readonly [Companion, ...Companion[]];
};
