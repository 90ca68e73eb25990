/**
 * Runs one pack over the segments of one message.
 * Promises: deterministic; every rule is evaluated on whatever was matched before the deadline; shadow rules are
 * evaluated and told apart, never acted on.
 */
import type { CompiledPack, CompiledRule, Match, Segment } from "./compiled-pack.ts";
import { scanningSegment } from "./detectors.ts";
import type { ScanContext } from "./detectors.ts";
import { atOnce } from "./pauses.ts";
import type { Pausable } from "./pauses.ts";
import { RuleEvaluation } from "./rules.ts";

export type PackResult = {
  readonly pack: CompiledPack;
  readonly matches: readonly Match[];
  readonly satisfied: readonly CompiledRule[];
};

/** All at once; see matchingPack. */
export function matchPack(pack: CompiledPack, segments: readonly Segment[], context: ScanContext): PackResult {
  return atOnce(matchingPack(pack, segments, context));
}

export function* matchingPack(
  pack: CompiledPack,
  segments: readonly Segment[],
  context: ScanContext,
): Pausable<PackResult> {
  const matches: Match[] = [];
  for (const [index, segment] of segments.entries()) {
    if (context.isLate()) break;
    for (const match of yield* scanningSegment(pack, { segment, index }, context)) matches.push(match);
  }
  const evaluation = new RuleEvaluation(segments, matches, context);
  return { pack, matches, satisfied: pack.rules.filter((rule) => evaluation.holds(rule)) };
}
