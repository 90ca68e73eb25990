/**
 * A sender's wish to do without protection. Promises: counts only where the policy names the sender and the wish is surely theirs,
 * for a message that was read whole, holds nothing of tier high and asks for no protection elsewhere; takes away what the policy demands for PHI of tier low and
 * plain `protect` rules, and nothing else: a floor a rule names, a hold, a refusal, what a destination demands and the floor of
 * before stay. Whatever came of it stands among the reasons.
 */
import type { Findings, WaiverDoubt } from "../../core/findings.ts";
import type { WaiverEffect } from "../../core/plan.ts";
import type { SenderWaiver } from "../../core/policy.ts";
import type { DecideInput } from "../../core/stages.ts";
import { isAmong } from "../../core/address-pattern.ts";
import { strongerProfile } from "../../core/floor-order.ts";
import type { Demand } from "./demands.ts";

export type Waived = {
  readonly demands: readonly Demand[];
  /** null: nobody asked. */
  readonly effect: WaiverEffect | null;
};

/** `Re: [no-phi]` and what is forwarded say what somebody else wrote. */
const DOUBTS: Readonly<Record<WaiverDoubt, WaiverEffect>> = {
  subject: "not behind other words of the subject",
  author: "not for another author",
};

export function waive(demands: readonly Demand[], input: DecideInput): Waived {
  const { findings, policy, holdReleased } = input;
  if (findings.waiverAsked !== true || input.origin !== "relay") return { demands, effect: null };
  const refused = refusalOf(input);
  if (refused !== null) return { demands, effect: refused };
  const left = demands.filter(({ mayBeWaived }) => mayBeWaived !== true);
  if (strongest(left) === strongest(demands)) return { demands, effect: "nothing it may lower" };
  return { demands: left, effect: isPending(policy.waiver, holdReleased) ? "awaits approval" : "granted" };
}

function refusalOf({ findings, policy, envelope }: DecideInput): WaiverEffect | null {
  if (policy.waiver === undefined) return "off";
  if (!isAmong(envelope.sender, policy.waiver.senders)) return "not for this sender";
  if (findings.waiverDoubt !== undefined) return DOUBTS[findings.waiverDoubt];
  if (findings.tier === "high") return "not for tier high";
  if (!isReadWhole(findings)) return "not for what could not be inspected";
  return findings.triggers.length > 0 ? "protection asked for too" : null;
}

function isReadWhole({ verdict, uninspectable, holdsEncrypted }: Findings): boolean {
  return (verdict === "phi" || verdict === "clean") && uninspectable.length === 0 && holdsEncrypted !== true;
}

function isPending(waiver: SenderWaiver | undefined, isReleased: boolean): boolean {
  return waiver?.needsApproval === true && !isReleased;
}

function strongest(demands: readonly Demand[]): string {
  return demands.map(({ profile }) => profile).reduce(strongerProfile, "opportunistic");
}
