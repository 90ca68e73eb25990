/** What rules ask for beside the way of a copy: words of a header field, a copy for compliance, notices. Pure. */
import type { RuleHit, SideAction } from "../../core/findings.ts";
import type { Companion, Plan } from "../../core/plan.ts";
import type { DecideInput } from "../../core/stages.ts";

/** Words on one copy; more would make its header unreadable. */
const TAGS_MAX = 10;

type Beside = Pick<Plan, "tags" | "companions">;

export function besideOf(hits: readonly RuleHit[], { origin, envelope }: DecideInput): Beside {
  if (origin !== "relay") return {};
  const words = hits.flatMap(({ also = [] }) => also.flatMap((side) => (side.kind === "tag" ? [side.word] : [])));
  const [tag, ...tags] = [...new Set(words)].toSorted().slice(0, TAGS_MAX);
  const wanted = (["copy", "sender_notice", "reviewer_notice"] as const)
    .filter((kind) => kind !== "sender_notice" || envelope.sender !== null)
    .map((kind): Companion => ({ kind, rules: rulesAsking(hits, kind) }));
  const [first, ...more] = wanted.filter(({ rules }) => rules.length > 0);
  return {
    ...(tag !== undefined && { tags: [tag, ...tags] }),
    ...(first !== undefined && { companions: [first, ...more] }),
  };
}

function rulesAsking(hits: readonly RuleHit[], kind: Companion["kind"]): readonly string[] {
  const asking = hits.filter(({ also = [] }) => also.some((side) => companionOf(side) === kind));
  return [...new Set(asking.map(({ pack, rule }) => `${pack}/${rule}`))];
}

function companionOf(side: SideAction): Companion["kind"] | null {
  if (side.kind === "tag") return null;
  if (side.kind === "copy") return "copy";
  return side.whom === "sender" ? "sender_notice" : "reviewer_notice";
}
