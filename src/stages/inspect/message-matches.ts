/**
 * What the detectors of a pack find in the segments of one message.
 * Promises: the words of every segment are read at once, a detector runs when its matches are first asked for, and never again;
 * whatever is asked for and when, the same matches. In a text so long that a limit could cut its matches all detectors run at
 * once, with pauses.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { CompiledDetector, CompiledPack, DetectionMethod, Match, ScannedSegment } from "./compiled-pack.ts";
import type { Segment } from "./compiled-pack.ts";
import { runDetector, scannedOf, scanningSegment } from "./detectors.ts";
import type { ScanContext } from "./detectors.ts";
import type { Pausable } from "./pauses.ts";
import type { TextPlaces } from "./text-places.ts";
import type { PhraseScan } from "./tokens.ts";
import { MessageFacts, weigh, weighedMatch } from "./weighed.ts";
import type { WeighedMethod } from "./weighed.ts";

/** Longer texts are worked with pauses. */
const SHORT_CHARS_MAX = 16_384;
const NO_MATCHES: readonly Match[] = [];

export class MessageMatches {
  readonly #pack: CompiledPack;
  readonly #context: ScanContext;
  readonly #places: TextPlaces;
  readonly #scans: ScannedSegment[] = [];
  readonly #read: PhraseScan[] = [];
  /** Numbers of the sets of which something was found. */
  readonly #sets = new Set<number>();
  /** Of long texts. */
  readonly #early: Match[] = [];
  readonly #byDetector = new Map<string, readonly Match[]>();

  constructor(pack: CompiledPack, places: TextPlaces, context: ScanContext) {
    this.#pack = pack;
    this.#places = places;
    this.#context = context;
  }

  /** Every match has a place of its own: of a text no longer than `matchesMax` none is cut. */
  isShort({ text }: Segment): boolean {
    return text.length <= SHORT_CHARS_MAX && text.length <= this.#context.matchesMax;
  }

  /** Of a short one. */
  read(segment: Segment, index: number): void {
    const found = this.#pack.phrases.scan(segment.text);
    for (const set of found.sets) this.#sets.add(set);
    this.#read.push(found);
    this.#scans.push(scannedOf({ segment, index }, found, this.#context));
  }

  *readingLong(segment: Segment, index: number): Pausable<void> {
    for (const match of yield* scanningSegment(this.#pack, { segment, index }, this.#context)) this.#early.push(match);
  }

  /** Of one detector, by segments. */
  of(detector: string): readonly Match[] {
    const known = this.#byDetector.get(detector);
    if (known !== undefined) return known;
    const matches = this.#find(this.#pack.byId.get(detector));
    this.#byDetector.set(detector, matches);
    return matches;
  }

  /** Of these detectors, by segments and then in the order of the pack. */
  ofAll(detectors: readonly CompiledDetector[]): readonly Match[] {
    return detectors.flatMap(({ id }) => this.of(id)).toSorted((a, b) => a.segment - b.segment);
  }

  /** Gives the space of the words back; nothing may be asked for any more. */
  close(): void {
    for (const found of this.#read) this.#pack.phrases.release(found);
  }

  #find(detector: CompiledDetector | undefined): readonly Match[] {
    if (detector === undefined) return NO_MATCHES;
    if (detector.method.kind === "weighed") return [this.#weighed(detector, detector.method)];
    const early = this.#early.length === 0 ? NO_MATCHES : this.#early.filter((match) => match.detector === detector);
    if (!this.#mayFind(detector.method)) return early;
    const matches: Match[] = [];
    for (const scan of this.#scans) runDetector(scan, detector, { matches, context: this.#context });
    return early.length === 0 ? matches : [...early, ...matches].toSorted((a, b) => a.segment - b.segment);
  }

  #weighed(detector: CompiledDetector, method: WeighedMethod): Match {
    return weighedMatch(detector, weigh(method, new MessageFacts(this.#places, (id) => this.of(id))));
  }

  /** False where the words that a method starts from stand nowhere. */
  #mayFind(method: DetectionMethod): boolean {
    switch (method.kind) {
      case "pattern":
        return method.keywords === null || this.#sets.has(method.keywords);
      case "label":
        return this.#sets.has(method.labels);
      case "dictionary":
        return this.#sets.has(method.set);
      case "name":
        return [method.labels, method.honorifics, method.givenNames].some((set) => this.#sets.has(set));
      case "ending":
      case "edm":
      case "sender":
      case "shape":
      case "weighed":
        return true;
      default:
        return assertNever(method);
    }
  }
}
