/**
 * Finds a value beside its label: `MRN: 12345`, `Medical record no. is 12345`, `078-05-1120 (SSN)`.
 * Promises: the value begins within `gapChars` of the label with only punctuation and filler words between; it ends at a
 * word's end. Constant work per label. Pure.
 */
import type { Candidate, DetectionMethod, ScannedSegment } from "./compiled-pack.ts";
import type { PhraseHit } from "./phrase-hits.ts";

type LabelMethod = Extract<DetectionMethod, { kind: "label" }>;

/** Words that may stand between a label and its value. */
const FILLERS = new Set(
  "number numbers numb num nr no nos id ids is was of the code value as follows for to be it s reads # ending".split(
    " ",
  ),
);
const FILLERS_MAX = 4;
/** Tokens of one value looked at backwards when the label follows it. */
const VALUE_TOKENS_MAX = 6;

export function findLabelled(scan: ScannedSegment, method: LabelMethod): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const hit of scan.hits.of(method.labels)) {
    const after = method.side === "before" ? null : valueAfter(scan, method, hit);
    const candidate = after ?? (method.side === "after" ? null : valueBefore(scan, method, hit));
    if (candidate !== null) found.push(candidate);
  }
  return found;
}

function valueAfter(scan: ScannedSegment, method: LabelMethod, label: PhraseHit): Candidate | null {
  const { text } = scan.segment;
  const { bounds, count, digits } = scan.tokens;
  const { digitWithin } = method.value;
  // Many labels are everyday words, and most values a number: where none can come there is nothing to try.
  if (digitWithin !== null && !hasDigit(digits, label.end, label.end + method.gapChars + digitWithin)) return null;
  let from = label.end;
  let token = label.token + label.tokens;
  for (let fillers = 0; fillers <= FILLERS_MAX && token < count; fillers += 1, token += 1) {
    const start = bounds[token * 2] ?? 0;
    const end = bounds[token * 2 + 1] ?? 0;
    if (start - label.end > method.gapChars || !isConnector(text, from, start)) return null;
    for (let at = from; at <= start; at += 1) {
      const match = acceptedAt(scan, method, at);
      if (match !== null) return match;
    }
    if (end - start > 8 || !FILLERS.has(text.slice(start, end).toLowerCase())) return null;
    from = end;
  }
  return null;
}

function valueBefore(scan: ScannedSegment, method: LabelMethod, label: PhraseHit): Candidate | null {
  const { text } = scan.segment;
  const { bounds, digits } = scan.tokens;
  const last = label.token - 1;
  if (last < 0) return null;
  const end = bounds[last * 2 + 1] ?? 0;
  const earliest = bounds[Math.max(0, last - VALUE_TOKENS_MAX + 1) * 2] ?? 0;
  if (method.value.digitWithin !== null && !hasDigit(digits, earliest - 1, end)) return null;
  if (label.start - end > method.gapChars || !isConnector(text, end, label.start)) return null;
  for (let token = Math.max(0, last - VALUE_TOKENS_MAX + 1); token <= last; token += 1) {
    const start = bounds[token * 2] ?? 0;
    for (let at = Math.max(0, start - 1); at <= start; at += 1) {
      const match = acceptedAt(scan, method, at);
      if (match !== null && match.end === end) return match;
    }
  }
  return null;
}

function acceptedAt(scan: ScannedSegment, method: LabelMethod, at: number): Candidate | null {
  const { text } = scan.segment;
  if (isWordAt(text, at - 1) && isWordAt(text, at)) return null;
  const match = method.value.matchAt(text, at);
  if (match === null || (isWordAt(text, match.end - 1) && isWordAt(text, match.end))) return null;
  return method.validators.every((validator) => validator(match.value)) ? match : null;
}

/** Whether an ASCII digit may stand between two places, both included; `digits` as in Tokens. */
function hasDigit(digits: readonly number[], from: number, to: number): boolean {
  let low = 0;
  let high = digits.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((digits[middle * 2 + 1] ?? 0) <= from) low = middle + 1;
    else high = middle;
  }
  const start = digits[low * 2];
  return start !== undefined && start <= to;
}

/** Spaces, at most one line break or so, and the punctuation of labels; no full sentence end. */
function isConnector(text: string, from: number, to: number): boolean {
  let breaks = 0;
  for (let i = from; i < to; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 10) breaks += 1;
    // ! ; ? end the thought; letters do not occur between tokens.
    if (code === 33 || code === 59 || code === 63 || breaks > 2) return false;
    // A full stop followed by a space is a sentence end, unless it closes an abbreviation ("no. 12").
    if (code === 46 && i + 1 < to && text.charCodeAt(i + 1) <= 32 && i > from) return false;
  }
  return true;
}

function isWordAt(text: string, at: number): boolean {
  return at >= 0 && at < text.length && /[\p{L}\p{N}]/u.test(text.charAt(at));
}
