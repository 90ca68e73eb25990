/**
 * Patterns of rule packs that run in linear time whatever the text.
 * Promises: a compiled pattern tries at most STEPS_MAX steps from any one place in the text, so a search costs at most
 * O(length x STEPS_MAX) however the text was made; long texts are searched in slices so that a deadline is kept.
 * How: the subset has only bounded repeats (pattern-syntax.ts); the number of ways a backtracking matcher can walk the
 * pattern from one place is bounded here, counting a repeat as one way where what follows cannot be mistaken for it.
 */
import { ALL_CHARS, DIGIT, parsePattern, PatternError } from "./pattern-syntax.ts";
import type { CharSet, PatternNode } from "./pattern-syntax.ts";

/** Steps a pattern may need from one place of the text, in the worst case. */
export const STEPS_MAX = 2_000;
/** Longest pattern source and longest text one match may cover. */
export const PATTERN_CHARS_MAX = 1_000;
export const MATCH_CHARS_MAX = 512;
const AT_SIGN: CharSet = 1n << 64n;
/** Text searched between two looks at the deadline. */
const SLICE_CHARS = 16_384;

export type PatternMatch = { readonly start: number; readonly end: number; readonly value: string };

export type LinearPattern = {
  readonly source: string;
  /** May be needed from one place of the text, in the worst case. */
  readonly steps: number;
  /** At most so many characters of a match stand before its first ASCII digit; null where it needs none. */
  readonly digitWithin: number | null;
  /**
   * Every match in order, not overlapping; stops early once `isLate` says so. `digits` are the start and end offsets, in
   * turn, of stretches outside of which no ASCII digit stands, where the caller knows: most patterns need look no further.
   */
  readonly search: (text: string, isLate: () => boolean, digits?: readonly number[]) => readonly PatternMatch[];
  /** The match that begins exactly at `at`. */
  readonly matchAt: (text: string, at: number) => PatternMatch | null;
};

export type PatternReading =
  { readonly ok: true; readonly pattern: LinearPattern } | { readonly ok: false; readonly message: string };

export function readPattern(source: string, options: { readonly ignoreCase: boolean }): PatternReading {
  if (source.length > PATTERN_CHARS_MAX) return refuse(`the pattern is longer than ${PATTERN_CHARS_MAX} characters`);
  try {
    const tree = parsePattern(source, options.ignoreCase);
    const extent = extentOf(tree);
    if (extent.min === 0) return refuse("the pattern matches the empty text");
    if (extent.max > MATCH_CHARS_MAX) return refuse(`one match could be longer than ${MATCH_CHARS_MAX} characters`);
    const { steps } = effortOf(tree, 0n);
    if (steps > STEPS_MAX) {
      return refuse(
        `the pattern can be tried in too many ways (${formatSteps(steps)} steps from one place, at most ${STEPS_MAX}); ` +
          "shorten repeats, or let neighbouring repeats share no characters",
      );
    }
    const bounds = {
      charsMax: extent.max,
      digitWithin: charsBefore(tree, DIGIT),
      atSignWithin: charsBefore(tree, AT_SIGN),
      steps,
    };
    return { ok: true, pattern: compile(source, options.ignoreCase, bounds) };
  } catch (error) {
    if (error instanceof PatternError) return refuse(error.message);
    if (error instanceof SyntaxError) return refuse("not a valid pattern");
    throw error;
  }
}

function refuse(message: string): PatternReading {
  return { ok: false, message };
}

function formatSteps(steps: number): string {
  return steps > 1e9 ? "over a thousand million" : String(Math.round(steps));
}

type Bounds = {
  /** Longest match. */
  readonly charsMax: number;
  readonly digitWithin: LinearPattern["digitWithin"];
  /** The same of its first `@`. */
  readonly atSignWithin: number | null;
  readonly steps: number;
};

const NO_MATCHES: readonly PatternMatch[] = [];

function compile(source: string, ignoreCase: boolean, bounds: Bounds): LinearPattern {
  const { charsMax, digitWithin, steps } = bounds;
  const flags = ignoreCase ? "mi" : "m";
  const searching = new RegExp(source, `${flags}g`);
  const sticky = new RegExp(source, `${flags}y`);
  const search = (text: string, isLate: () => boolean, digits?: readonly number[]): readonly PatternMatch[] => {
    const { stretches, within } = whereToSearch(text, digits, bounds);
    if (stretches.length === 0) return NO_MATCHES;
    const matches: PatternMatch[] = [];
    let from = 0;
    let lookAt = 0;
    for (let i = 0; i < stretches.length; i += 2) {
      from = Math.max(from, (stretches[i] ?? 0) - within);
      const end = stretches[i + 1] ?? 0;
      while (from < end) {
        if (from >= lookAt && isLate()) return matches;
        lookAt = from + SLICE_CHARS;
        from = searchSlice({ text, searching, charsMax, until: Math.min(end, lookAt) }, from, matches);
      }
    }
    return matches;
  };
  const matchAt = (text: string, at: number): PatternMatch | null => {
    sticky.lastIndex = at;
    const match = sticky.exec(text);
    return match === null ? null : toMatch(match, at);
  };
  return { source, steps, digitWithin, search, matchAt };
}

type Places = { readonly stretches: readonly number[]; readonly within: number };

/** `within`: at most so many characters of a match stand before a stretch. */
function whereToSearch(
  text: string,
  digits: readonly number[] | undefined,
  { digitWithin, atSignWithin }: Bounds,
): Places {
  if (atSignWithin !== null) return { stretches: atSignsIn(text, atSignWithin), within: atSignWithin };
  if (digitWithin !== null && digits !== undefined) return { stretches: digits, within: digitWithin };
  return { stretches: [0, text.length], within: 0 };
}

/** Start and end of stretches, in turn; those that are no further apart than `within` are one. */
function atSignsIn(text: string, within: number): readonly number[] {
  const stretches: number[] = [];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    const last = stretches.length - 1;
    if (last > 0 && at - (stretches[last] ?? 0) <= within) stretches[last] = at + 1;
    else stretches.push(at, at + 1);
  }
  return stretches;
}

type Search = { readonly text: string; readonly searching: RegExp; readonly charsMax: number; readonly until: number };

/** Finds the matches that begin in [from, until) and returns where to go on. */
function searchSlice({ text, searching, charsMax, until }: Search, from: number, matches: PatternMatch[]): number {
  // One character on each side lets anchors see their neighbours.
  const offset = Math.max(0, from - 1);
  const slice = text.slice(offset, until + charsMax + 1);
  searching.lastIndex = from - offset;
  for (;;) {
    const match = searching.exec(slice);
    if (match === null) return until;
    const start = match.index + offset;
    if (start >= until) return until;
    const found = toMatch(match, start);
    matches.push(found);
    if (start + match[0].length >= until) return start + match[0].length;
  }
}

function toMatch(match: RegExpExecArray, start: number): PatternMatch {
  const value = match.groups?.["value"] ?? match[0];
  const shift = match[0].indexOf(value);
  return { start: start + shift, end: start + shift + value.length, value };
}

/** Shortest and longest text a node can match. */
function extentOf(node: PatternNode): { readonly min: number; readonly max: number } {
  switch (node.kind) {
    case "chars":
      return { min: 1, max: 1 };
    case "assertion":
      return { min: 0, max: 0 };
    case "sequence": {
      const parts = node.items.map(extentOf);
      return { min: sum(parts.map((part) => part.min)), max: sum(parts.map((part) => part.max)) };
    }
    case "choice": {
      const parts = node.branches.map(extentOf);
      return { min: Math.min(...parts.map((part) => part.min)), max: Math.max(...parts.map((part) => part.max)) };
    }
    case "repeat": {
      const item = extentOf(node.item);
      return { min: item.min * node.min, max: item.max * node.max };
    }
    default:
      return node satisfies never;
  }
}

/** The most characters a match of the node has before its first one of `wanted`; null where it may have none. */
function charsBefore(node: PatternNode, wanted: CharSet): number | null {
  switch (node.kind) {
    case "chars":
      return (node.set & ~wanted) === 0n ? 0 : null;
    case "assertion":
      return null;
    case "sequence": {
      let before = 0;
      for (const item of node.items) {
        const own = charsBefore(item, wanted);
        if (own !== null) return before + own;
        before += extentOf(item).max;
      }
      return null;
    }
    case "choice": {
      const parts = node.branches.map((branch) => charsBefore(branch, wanted));
      return parts.reduce((most, part) => (most === null || part === null ? null : Math.max(most, part)), 0);
    }
    case "repeat":
      return node.min === 0 ? null : charsBefore(node.item, wanted);
    default:
      return node satisfies never;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Characters a node's text can begin with; an empty text passes `after` through. */
function firstOf(node: PatternNode, after: CharSet): CharSet {
  switch (node.kind) {
    case "chars":
      return node.set;
    case "assertion":
      // It may fail after characters were taken, so nothing is known to part it from a repeat before it.
      return ALL_CHARS;
    case "sequence":
      return node.items.reduceRight((rest, item) => firstOf(item, rest), after);
    case "choice":
      return node.branches.reduce((set, branch) => set | firstOf(branch, after), 0n);
    case "repeat": {
      const first = firstOf(node.item, after);
      return node.min === 0 ? first | after : first;
    }
    default:
      return node satisfies never;
  }
}

/** Ways to walk a node from one place, and steps for all of them together. */
type Effort = { readonly ways: number; readonly steps: number };

/** `after` holds the characters that can follow; none means the pattern ends here and has matched. */
function effortOf(node: PatternNode, after: CharSet): Effort {
  switch (node.kind) {
    case "chars":
    case "assertion":
      return { ways: 1, steps: 1 };
    case "sequence":
      return effortOfSequence(node.items, after);
    case "choice":
      return effortOfChoice(node.branches, after);
    case "repeat":
      return effortOfRepeat(node, after);
    default:
      return node satisfies never;
  }
}

function effortOfSequence(items: readonly PatternNode[], after: CharSet): Effort {
  let rest: Effort = { ways: 1, steps: 0 };
  let following = after;
  let entry = 1;
  for (const item of items.toReversed()) {
    const own = effortOf(item, following);
    // Every round given back costs at least the look at what could follow, also where that look always fails.
    const givenBack = item.kind === "repeat" ? (item.max - item.min) * entry : 0;
    rest = { ways: own.ways * rest.ways, steps: own.steps + own.ways * rest.steps + givenBack };
    following = firstOf(item, following);
    entry = extentOf(item).min === 0 ? entry + leavesOf(item) : leavesOf(item);
  }
  return rest;
}

function leavesOf(node: PatternNode): number {
  switch (node.kind) {
    case "chars":
    case "assertion":
      return 1;
    case "sequence":
      return sum(node.items.map(leavesOf));
    case "choice":
      return sum(node.branches.map(leavesOf));
    case "repeat":
      return leavesOf(node.item);
    default:
      return node satisfies never;
  }
}

function effortOfChoice(branches: readonly PatternNode[], after: CharSet): Effort {
  const efforts = branches.map((branch) => effortOf(branch, after));
  const steps = sum(efforts.map((effort) => effort.steps));
  const ways = efforts.map((effort) => effort.ways);
  let seen: CharSet = 0n;
  let overlaps = false;
  for (const branch of branches) {
    const first = firstOf(branch, after);
    overlaps ||= (seen & first) !== 0n;
    seen |= first;
  }
  return { ways: overlaps ? sum(ways) : Math.max(...ways), steps };
}

function effortOfRepeat(node: Extract<PatternNode, { kind: "repeat" }>, after: CharSet): Effort {
  const itemFirst = firstOf(node.item, 0n);
  const nullable = extentOf(node.item).min === 0;
  const item = effortOf(node.item, itemFirst | after);
  let steps = 1;
  let waysOfRun = 1;
  let ways = node.min === 0 ? 1 : 0;
  for (let run = 1; run <= node.max; run += 1) {
    steps += waysOfRun * item.steps;
    waysOfRun *= item.ways;
    if (run >= node.min) ways += waysOfRun;
    if (steps > 1e12 || ways > 1e12) return { ways: Infinity, steps: Infinity };
  }
  // Where what follows never looks like another round, giving rounds back cannot help: one way, at most.
  const isDecided = !nullable && item.ways === 1 && (itemFirst & after) === 0n;
  return { ways: isDecided ? 1 : ways, steps };
}
