/** What rules ask for, in words and compared. Pure. */
import type { RuleAction, SideAction } from "./findings.ts";

/** It demands something of how the copy leaves; the others only count, mark or tell. */
export function isDemand({ kind }: RuleAction): boolean {
  return kind === "protect" || kind === "hold" || kind === "refuse";
}

/** `protect`, `protect strict`, `content`, `portal`, `hold, notify sender, copy`: as a pack says it. */
export function actionText(action: RuleAction, also: readonly SideAction[] = []): string {
  const sides = also.map(sideText);
  if (action.kind === "pass" && sides.length > 0) return sides.join(", ");
  return [wayText(action), ...sides].join(", ");
}

function wayText(action: RuleAction): string {
  if (action.kind !== "protect") return action.kind;
  if (action.profile === "minimum") return "protect";
  return action.profile === "content" || action.profile === "portal" ? action.profile : `protect ${action.profile}`;
}

function sideText(side: SideAction): string {
  if (side.kind === "tag") return `tag ${side.word}`;
  return side.kind === "notify" ? `notify ${side.whom}` : side.kind;
}
