/**
 * Runs one pack over the segments of one message.
 * Promises: deterministic; every rule is evaluated on whatever was matched before the deadline; shadow rules are
 * evaluated and told apart, never acted on.
 */
import type { CompiledPack, CompiledRule, Match, Segment } from "./compiled-pack.ts";
import type { ScanContext } from "./detectors.ts";
import { MessageMatches } from "./message-matches.ts";
import { atOnce } from "./pauses.ts";
import type { Pausable } from "./pauses.ts";
import { RuleEvaluation } from "./rules.ts";
import { TextPlaces } from "./text-places.ts";

export type PackResult = {
  readonly pack: CompiledPack;
  /** What supports the rules that hold and act; every match where the context asks for it. */
  readonly matches: readonly Match[];
  readonly satisfied: readonly CompiledRule[];
};

export type PackContext = ScanContext & {
  /** Every match is told, also those that no rule asked for. */
  readonly tellsAll?: boolean;
};

/** All at once; see matchingPack. */
export function matchPack(pack: CompiledPack, segments: readonly Segment[], context: PackContext): PackResult {
  return atOnce(matchingPack(pack, new TextPlaces(segments), context));
}

export function* matchingPack(pack: CompiledPack, places: TextPlaces, context: PackContext): Pausable<PackResult> {
  const found = new MessageMatches(pack, places, context);
  for (const [index, segment] of places.segments.entries()) {
    if (context.isLate()) break;
    if (found.isShort(segment)) found.read(segment, index);
    else yield* found.readingLong(segment, index);
  }
  const evaluation = new RuleEvaluation(places, (detector) => found.of(detector), context);
  const satisfied = pack.rules.filter((rule) => evaluation.holds(rule));
  const acting = satisfied.filter((rule) => rule.status === "active");
  const told = pack.detectors.filter(
    ({ id }) => context.tellsAll === true || acting.some((rule) => rule.reads.has(id)),
  );
  const matches = found.ofAll(told);
  found.close();
  return { pack, matches, satisfied };
}
