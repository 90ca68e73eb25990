/**
 * Runs one pack over the segments of one message.
 * Promises: deterministic; every rule is evaluated on whatever was matched before the deadline; shadow rules are
 * evaluated and told apart, never acted on.
 */
import type { CompiledPack, CompiledRule, Match, Segment } from "./compiled-pack.ts";
import { scanSegment } from "./detectors.ts";
import type { ScanContext } from "./detectors.ts";
import { RuleEvaluation } from "./rules.ts";

export type PackResult = {
  readonly pack: CompiledPack;
  readonly matches: readonly Match[];
  readonly satisfied: readonly CompiledRule[];
};

export function matchPack(pack: CompiledPack, segments: readonly Segment[], context: ScanContext): PackResult {
  const matches: Match[] = [];
  segments.forEach((segment, index) => {
    if (context.isLate()) return;
    for (const match of scanSegment(pack, { segment, index }, context)) matches.push(match);
  });
  const evaluation = new RuleEvaluation(segments, matches, context);
  return { pack, matches, satisfied: pack.rules.filter((rule) => evaluation.holds(rule)) };
}
