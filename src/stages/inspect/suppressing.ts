/**
 * Which matches a pack's suppressions keep from counting: words of a notice, a signature or a blank form that tell of nobody.
 * Promises: a match outside of marked places always counts; one within counts too where the same stretch holds what `unless` names.
 */
import type { Match, Suppression } from "./compiled-pack.ts";
import type { Mark, TextPlaces } from "./text-places.ts";

export class Suppressing {
  readonly #places: TextPlaces;
  readonly #matchesOf: (detector: string) => readonly Match[];
  readonly #excepted = new Map<Suppression, ReadonlySet<Mark>>();

  constructor(places: TextPlaces, matchesOf: (detector: string) => readonly Match[]) {
    this.#places = places;
    this.#matchesOf = matchesOf;
  }

  concerns(match: Match, suppressions: readonly Suppression[]): boolean {
    if (!suppressions.some(({ detectors }) => detectors.has(match.detector.id))) return false;
    const mark = this.#places.markOf(match.segment, match);
    if (mark === null) return false;
    return suppressions.some(
      (each) =>
        each.notIn.includes(mark.place) && each.detectors.has(match.detector.id) && !this.#exceptedBy(each).has(mark),
    );
  }

  #exceptedBy(suppression: Suppression): ReadonlySet<Mark> {
    const known = this.#excepted.get(suppression);
    if (known !== undefined) return known;
    const marks = new Set<Mark>();
    for (const match of suppression.unless.flatMap((id) => this.#matchesOf(id))) {
      const mark = match.confidence < suppression.minConfidence ? null : this.#places.markOf(match.segment, match);
      if (mark !== null) marks.add(mark);
    }
    this.#excepted.set(suppression, marks);
    return marks;
  }
}
