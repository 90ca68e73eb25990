/** Whether a rule keeps a recipient for a person to look at: told by its plan, so that no change of state hides it. */
import type { StoredRecipient } from "./queue-store.ts";

/** What a reviewer may do with mail that waits for a look. */
export type ReviewAct = "release" | "refuse";

/** Until somebody released it, only the review (quarantine) decides about it, not the queue. */
export function isUnderReview({ holdReleased, plan }: Pick<StoredRecipient, "holdReleased" | "plan">): boolean {
  const first = plan?.steps[0];
  return !holdReleased && first?.kind === "hold" && first.code === "PST-DEC-002";
}
