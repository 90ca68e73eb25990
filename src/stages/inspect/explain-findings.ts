/**
 * Tells how the detectors of a pack came to their findings: the level each reached, the words that lifted or lowered it, and
 * what was seen but not counted. Promises: runs the same methods and the same ladder again, so it says what the engine did;
 * no text leaves but as offsets. Slow, and for one message at a time.
 */
import type { Candidate, CompiledDetector, CompiledPack, DetectionMethod, ScannedSegment } from "./compiled-pack.ts";
import { candidatesOf, confidenceOf, DEFAULT_LEVELS, nearHit, scannedOf } from "./detectors.ts";
import type { Seen } from "./inspect.ts";

/** A word of the ladder near a value; offsets in the same text. */
export type Support = {
  readonly kind: "level" | "adjust";
  readonly by: number;
  readonly offset: number;
  readonly length: number;
};

export type FindingExplanation = {
  readonly detector: string;
  readonly segment: number;
  readonly start: number;
  readonly end: number;
  /** null: seen, but not counted. */
  readonly confidence: number | null;
  /** The level before adjustments. */
  readonly level: number | null;
  readonly supports: readonly Support[];
  readonly suppressions: readonly Support[];
  readonly dropped: "check" | "sender" | "no_level" | null;
  /** Of an exact data match: which fields of one row met. Of which row is not told. */
  readonly fields?: readonly string[];
  /** Content. Of what stands in no text: who the message is from. */
  readonly value?: string;
};

/** In order of their place. Words of lists are not among them unless a rule's condition counted them. */
export function explainFindings(pack: CompiledPack, seen: Seen): readonly FindingExplanation[] {
  const { segments, senderNames } = seen;
  const context = { senderNames, isLate: () => false, matchesMax: Number.POSITIVE_INFINITY };
  const placed = segments.flatMap((segment, index) => {
    const found = pack.phrases.scan(segment.text);
    const scan = scannedOf({ segment, index }, found, context);
    const explained = pack.detectors.flatMap((detector) => explainDetector(scan, detector));
    return explained.toSorted((a, b) => a.start - b.start);
  });
  return [...placed, ...weighedIn(pack, seen)];
}

/** Of the whole message, with no place in it: as the engine found it. */
function weighedIn(pack: CompiledPack, { results }: Seen): readonly FindingExplanation[] {
  const matches = results.find((result) => result.pack === pack)?.matches ?? [];
  return matches
    .filter(({ detector }) => detector.method.kind === "weighed")
    .map(({ detector, segment, start, end, confidence }) => ({
      detector: detector.id,
      segment,
      start,
      end,
      confidence,
      level: confidence,
      supports: [],
      suppressions: [],
      dropped: null,
    }));
}

function explainDetector(scan: ScannedSegment, detector: CompiledDetector): readonly FindingExplanation[] {
  const kept = candidatesOf(scan, detector.method);
  // It has no text that could be dropped.
  if (detector.method.kind === "sender") return kept.map((candidate) => explainCandidate(scan, detector, candidate));
  const isKept = (candidate: Candidate): boolean =>
    kept.some(({ start, end }) => candidate.start < end && start < candidate.end);
  const named = candidatesOf({ ...scan, senderNames: new Set() }, detector.method).filter((each) => !isKept(each));
  const unchecked = candidatesOf(scan, withoutChecks(detector.method)).filter((each) => !isKept(each));
  return [
    ...kept.map((candidate) => explainCandidate(scan, detector, candidate)),
    ...named.map((candidate) => droppedAt(scan, detector, { candidate, why: "sender" })),
    ...unchecked.map((candidate) => droppedAt(scan, detector, { candidate, why: "check" })),
  ];
}

function explainCandidate(scan: ScannedSegment, detector: CompiledDetector, candidate: Candidate): FindingExplanation {
  const confidence = confidenceOf(scan, detector, candidate);
  const reached = detector.ladder.flatMap((rung): readonly Support[] => {
    if (rung.near === null) return [];
    const hit = nearHit(scan, candidate, rung.near);
    if (hit === null) return [];
    const by = rung.kind === "level" ? rung.level : rung.adjust;
    return [{ kind: rung.kind, by, offset: hit.start, length: hit.end - hit.start }];
  });
  const { start, end } = candidate;
  return {
    detector: detector.id,
    segment: scan.index,
    start,
    end,
    confidence,
    level: confidence === null ? null : levelOf(detector, candidate, reached),
    supports: reached.filter(({ kind, by }) => kind === "level" || by > 0),
    suppressions: reached.filter(({ kind, by }) => kind === "adjust" && by < 0),
    dropped: confidence === null ? "no_level" : null,
    ...(candidate.fields !== undefined && { fields: candidate.fields }),
    ...(detector.method.kind === "sender" && { value: candidate.value }),
  };
}

function levelOf(detector: CompiledDetector, candidate: Candidate, reached: readonly Support[]): number {
  const levels = detector.ladder.flatMap((rung) => (rung.kind === "level" && rung.near === null ? [rung.level] : []));
  const near = reached.filter(({ kind }) => kind === "level").map(({ by }) => by);
  const ground = candidate.base ?? DEFAULT_LEVELS[detector.method.kind];
  return detector.ladder.some(({ kind }) => kind === "level") ? Math.max(...levels, ...near) : ground;
}

type Dropped = { readonly candidate: Candidate; readonly why: "check" | "sender" };

function droppedAt(scan: ScannedSegment, detector: CompiledDetector, { candidate, why }: Dropped): FindingExplanation {
  return { ...explainCandidate(scan, detector, candidate), confidence: null, level: null, dropped: why };
}

function withoutChecks(method: DetectionMethod): DetectionMethod {
  if (method.kind === "pattern") return { ...method, standsAlone: false, validators: [] };
  return method.kind === "label" ? { ...method, validators: [] } : method;
}
