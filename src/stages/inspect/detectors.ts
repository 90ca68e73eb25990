/**
 * Runs the detectors of a pack over one segment.
 * Promises: deterministic; linear in the text; at most `matchesMax` matches of one detector in one segment, and `onCut` told
 * when there are more; the same ladder for every kind of detector: a method finds candidates, the words near them decide the confidence.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Candidate, CompiledDetector, CompiledPack, DetectionMethod, Match, Near } from "./compiled-pack.ts";
import type { ScannedSegment, Segment } from "./compiled-pack.ts";
import { findExact } from "./exact-match.ts";
import { findLabelled } from "./label-value.ts";
import { findSender } from "./message-sender.ts";
import { normaliseValue } from "./normalise.ts";
import type { Pausable } from "./pauses.ts";
import { findShapes } from "./name-shape.ts";
import { findNames } from "./person-name.ts";
import type { PhraseHit } from "./phrase-hits.ts";
import type { PhraseScan } from "./tokens.ts";
import { findEndings } from "./word-ending.ts";

/** All adjustments together move a confidence no further than this. */
const RAISE_MAX = 25;
const LOWER_MAX = -40;
/** From here on there is a pause between two detectors. */
const CHARS_AT_ONCE_MAX = 32_768;
/** Level of a method that is not told one. */
export const DEFAULT_LEVELS: Readonly<Record<DetectionMethod["kind"], number>> = {
  pattern: 40,
  label: 85,
  dictionary: 65,
  ending: 65,
  name: 0,
  edm: 95,
  sender: 85,
  shape: 0,
  weighed: 0,
};

export type ScanContext = {
  readonly senderNames: ReadonlySet<string>;
  readonly isLate: () => boolean;
  readonly matchesMax: number;
  /** A limit kept something from being judged. */
  readonly onCut?: () => void;
};

type SegmentPlace = { readonly segment: Segment; readonly index: number };

const NOTHING: readonly never[] = [];

/** All at once; see scanningSegment. */
export function scanSegment(pack: CompiledPack, place: SegmentPlace, context: ScanContext): readonly Match[] {
  const found = pack.phrases.scan(place.segment.text);
  const scan = scannedOf(place, found, context);
  const matches: Match[] = [];
  for (const detector of pack.detectors) runDetector(scan, detector, { matches, context });
  pack.phrases.release(found);
  return matches;
}

/** With pauses where the text is long. */
export function* scanningSegment(
  pack: CompiledPack,
  place: SegmentPlace,
  context: ScanContext,
): Pausable<readonly Match[]> {
  if (place.segment.text.length <= CHARS_AT_ONCE_MAX) return scanSegment(pack, place, context);
  const found = yield* pack.phrases.scanning(place.segment.text);
  const scan = scannedOf(place, found, context);
  const matches: Match[] = [];
  for (const detector of pack.detectors) {
    runDetector(scan, detector, { matches, context });
    yield;
  }
  pack.phrases.release(found);
  return matches;
}

export function scannedOf({ segment, index }: SegmentPlace, found: PhraseScan, context: ScanContext): ScannedSegment {
  const { senderNames, isLate } = context;
  return { segment, index, tokens: found.tokens, hits: found.hits, senderNames, isLate };
}

type Outcome = { readonly matches: Match[]; readonly context: ScanContext };

export function runDetector(scan: ScannedSegment, detector: CompiledDetector, { matches, context }: Outcome): void {
  if (!canReachLevel(scan, detector)) return;
  let count = 0;
  for (const candidate of candidatesOf(scan, detector.method)) {
    const match = toMatch(scan, detector, candidate);
    if (match === null) continue;
    if (count === context.matchesMax) {
      context.onCut?.();
      break;
    }
    matches.push(match);
    count += 1;
  }
}

/** False where each level needs a word of which the text has none: then nothing needs to be searched. */
function canReachLevel({ hits }: ScannedSegment, { ladder }: CompiledDetector): boolean {
  let hasLevels = false;
  for (const rung of ladder) {
    if (rung.kind !== "level") continue;
    if (rung.near === null || hits.has(rung.near.set)) return true;
    hasLevels = true;
  }
  return !hasLevels;
}

export function candidatesOf(scan: ScannedSegment, method: DetectionMethod): readonly Candidate[] {
  const { hits } = scan;
  switch (method.kind) {
    case "pattern":
      return method.keywords === null || hits.has(method.keywords) ? findPattern(scan, method) : NOTHING;
    case "label":
      return hits.has(method.labels) ? findLabelled(scan, method) : NOTHING;
    case "dictionary":
      return hits.has(method.set) ? findTerms(scan, method) : NOTHING;
    case "ending":
      return findEndings(scan, method);
    case "name":
      return findNames(scan, method);
    case "edm":
      return findExact(scan, method);
    case "sender":
      return findSender(scan, method);
    case "shape":
      return findShapes(scan, method);
    case "weighed":
      // Of the whole message: message-matches.ts.
      return NOTHING;
    default:
      return assertNever(method);
  }
}

function findPattern(
  { segment, isLate, tokens }: ScannedSegment,
  method: Extract<DetectionMethod, { kind: "pattern" }>,
): readonly Candidate[] {
  const found = method.pattern.search(segment.text, isLate, tokens.digits);
  if (found.length === 0) return found;
  return found.filter(
    (match) =>
      !(method.standsAlone && isInsideNumber(segment.text, match)) &&
      method.validators.every((validator) => validator(match.value)),
  );
}

/** `1.4111…`, `…-219-43-8855`, `219-43-8855-1`: the shape is a piece of something longer. */
function isInsideNumber(text: string, { start, end }: Candidate): boolean {
  return (
    /[A-Za-z0-9][-./_]$/.test(text.slice(Math.max(0, start - 2), start)) || /^[-./_]\d/.test(text.slice(end, end + 2))
  );
}

function findTerms(
  scan: ScannedSegment,
  method: Extract<DetectionMethod, { kind: "dictionary" }>,
): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const { start, end, phrase } of scan.hits.of(method.set)) {
    const term = method.terms[phrase];
    if (term === undefined) continue;
    if (method.exact !== null && scan.segment.text.slice(start, end) !== method.exact[phrase]) continue;
    found.push({ start, end, value: term });
  }
  return found;
}

function toMatch(scan: ScannedSegment, detector: CompiledDetector, candidate: Candidate): Match | null {
  const confidence = confidenceOf(scan, detector, candidate);
  if (confidence === null) return null;
  const { start, end } = candidate;
  const value = detector.method.kind === "dictionary" ? candidate.value : normaliseValue(candidate.value);
  return { detector, segment: scan.index, start, end, value, confidence };
}

/** The highest level reached, adjusted; null where no level was. */
export function confidenceOf(scan: ScannedSegment, detector: CompiledDetector, candidate: Candidate): number | null {
  if (detector.ladder.length === 0) return candidate.base ?? DEFAULT_LEVELS[detector.method.kind];
  const hasLevels = detector.ladder.some((rung) => rung.kind === "level");
  let level = hasLevels ? null : (candidate.base ?? DEFAULT_LEVELS[detector.method.kind]);
  let adjust = 0;
  for (const rung of detector.ladder) {
    if (rung.near !== null && nearHit(scan, candidate, rung.near) === null) continue;
    if (rung.kind === "adjust") adjust += rung.adjust;
    else level = Math.max(level ?? 0, rung.level);
  }
  if (level === null) return null;
  return Math.min(100, Math.max(0, level + Math.min(RAISE_MAX, Math.max(LOWER_MAX, adjust))));
}

/** The first word of the set that stands near enough, on the right side. */
export function nearHit(scan: ScannedSegment, { start, end }: Candidate, near: Near): PhraseHit | null {
  const hits = scan.hits.of(near.set);
  for (let i = firstEndingAfter(hits, start - near.withinChars); i < hits.length; i += 1) {
    const hit = hits[i];
    if (hit === undefined || hit.start > end + near.withinChars) return null;
    const isBefore = hit.end <= start;
    const isAfter = hit.start >= end;
    if ((isBefore && near.side !== "after") || (isAfter && near.side !== "before")) return hit;
  }
  return null;
}

/** Hits stand in order and do not overlap, so their ends are in order too. */
function firstEndingAfter(hits: readonly PhraseHit[], offset: number): number {
  let low = 0;
  let high = hits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((hits[middle]?.end ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
