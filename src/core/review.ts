/**
 * Mail that a rule keeps for a person to look at: told by the plan, so that no change of state hides it; and, where the organisation
 * asks for four eyes, the request of one person that another has to approve.
 */
import { assertNever } from "./assert-never.ts";
import type { Actor } from "./actor.ts";
import type { RecipientId } from "./ids.ts";
import type { StoredRecipient } from "./queue-store.ts";
import type { ReasonCode } from "./reason-codes.ts";

/** What a reviewer may do with mail that waits for a look. */
export type ReviewAct = "release" | "refuse";

/** Which acts need a second person. */
export type FourEyes = "off" | "release" | "all";

/** One person's wish, open until somebody else decides about it or it expires. At most one for each recipient. */
export type ApprovalRequest = {
  /** 26 characters, as a message id. */
  readonly id: string;
  readonly recipientId: RecipientId;
  readonly act: ReviewAct;
  readonly requestedBy: Actor;
  readonly reason: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
};

/**
 * Written with the transition it belongs to, unless the claim of its recipient turned out stale. A request that was opened or closed
 * meanwhile fails the whole transaction.
 */
export type ApprovalChange =
  | { readonly kind: "opened"; readonly request: ApprovalRequest }
  | {
      readonly kind: "closed";
      readonly id: string;
      readonly recipientId: RecipientId;
      readonly as: "approved" | "rejected" | "expired";
      readonly at: number;
    };

/** Open requests: of one id, of some recipients, or that have expired by a time. */
export type ApprovalQuery = {
  readonly id?: string;
  readonly recipientIds?: readonly RecipientId[];
  readonly expiredBy?: number;
  readonly limit: number;
};

/** Held by a rule, or because its sender asked to do without protection. */
export const REVIEW_CODES: readonly ReasonCode[] = ["PST-DEC-002", "PST-DEC-031"];

/** Until somebody released it, only the review (quarantine) decides about it, not the queue. */
export function isUnderReview({ holdReleased, plan }: Pick<StoredRecipient, "holdReleased" | "plan">): boolean {
  const first = plan?.steps[0];
  return !holdReleased && first?.kind === "hold" && REVIEW_CODES.includes(first.code);
}

export function needsSecondPerson(fourEyes: FourEyes, act: ReviewAct): boolean {
  switch (fourEyes) {
    case "off":
      return false;
    case "release":
      return act === "release";
    case "all":
      return true;
    default:
      return assertNever(fourEyes);
  }
}
