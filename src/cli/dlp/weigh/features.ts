/**
 * What a labelled message may be weighed by: its words, how much of each class was found in it, its size.
 * Promises: no name becomes a word of a list: not what stands in names that were found, nor what is mostly written with a capital.
 */
import type { CompiledPack } from "../../../stages/inspect/compiled-pack.ts";
import type { Seen } from "../../../stages/inspect/inspect.ts";
import { matchesAmong } from "../../../stages/inspect/rules.ts";
import { TextPlaces } from "../../../stages/inspect/text-places.ts";
import { MessageFacts } from "../../../stages/inspect/weighed.ts";

/** A message as far as it is weighed. */
export type WeighedSample = {
  readonly set: string;
  readonly isPhi: boolean;
  readonly words: ReadonlySet<string>;
  /** Everything but words, as lists of weights write it. */
  readonly counts: readonly string[];
  /** Words that stand in it with a capital first and small letters behind it, and those within names that were found. */
  readonly capitals: ReadonlySet<string>;
  readonly inNames: ReadonlySet<string>;
};

const SURE = [0, 30, 65];
const DISTINCT = [1, 2, 3, 5, 8];
const DISTINCT_MAX = 8;
const CHARS = [150, 300, 600, 1_200, 2_500, 5_000];
const NAME_CLASSES = ["person", "addressee", "shaped"];
/** A word is taken up when so many messages of so many sets have it. */
const MESSAGES_MIN = 4;
const SETS_MIN = 2;
/** One mostly with a capital when these have it: the name of a drug, a programme, a month. */
const CAPITAL_MESSAGES_MIN = 8;
const CAPITAL_SETS_MIN = 4;
const MOSTLY = 0.8;
const IN_NAMES_MAX = 0.3;

type Labelled = { readonly set: string; readonly isPhi: boolean };

export function weighedSample({ set, isPhi }: Labelled, seen: Seen, pack: CompiledPack): WeighedSample {
  const matches = seen.results.flatMap((result) => result.matches);
  const facts = new MessageFacts(new TextPlaces(seen.segments), matchesAmong(matches));
  const texts = seen.segments.filter(({ kind }) => kind !== "sender" && kind !== "header").map(({ text }) => text);
  const names = matches.filter(({ detector }) => detector.classes.some((name) => NAME_CLASSES.includes(name)));
  return {
    set,
    isPhi,
    words: facts.words,
    counts: [...sizesOf(facts), ...Array.from(byClassOf(pack), (each) => countsOf(facts, each)).flat()],
    capitals: new Set(texts.flatMap((text) => wordsLike(text, /\b[A-Z][a-z']{1,39}\b/g))),
    inNames: new Set(names.flatMap(({ value }) => wordsLike(value, /[a-z']{1,40}/gi))),
  };
}

function wordsLike(text: string, shape: RegExp): readonly string[] {
  return Array.from(text.matchAll(shape), ([word]) => word.toLowerCase());
}

function sizesOf({ chars }: MessageFacts): readonly string[] {
  return CHARS.filter((size) => chars >= size).map((size) => `@chars*${size}`);
}

function byClassOf({ detectors }: CompiledPack): ReadonlyMap<string, readonly string[]> {
  const made = detectors.filter(({ method }) => method.kind !== "weighed");
  const names = new Set(made.flatMap(({ classes }) => classes));
  return new Map(
    Array.from(names, (name) => [name, made.filter(({ classes }) => classes.includes(name)).map(({ id }) => id)]),
  );
}

function countsOf(facts: MessageFacts, [name, detectors]: readonly [string, readonly string[]]): readonly string[] {
  return SURE.flatMap((sure) => {
    const found = facts.distinct(detectors, sure, DISTINCT_MAX);
    return DISTINCT.filter((distinct) => found >= distinct).map((distinct) => `@${name}>=${sure}*${distinct}`);
  });
}

/** What is worth a weight, sorted. */
export function featuresWorthOf(samples: readonly WeighedSample[]): readonly string[] {
  const words = new Map<string, Tally>();
  for (const { set, words: own, capitals, inNames } of samples) {
    for (const word of own) {
      const tally = words.get(word) ?? { messages: 0, capitals: 0, inNames: 0, sets: new Set() };
      tally.messages += 1;
      tally.sets.add(set);
      if (capitals.has(word)) tally.capitals += 1;
      if (inNames.has(word)) tally.inNames += 1;
      words.set(word, tally);
    }
  }
  const worth = [...words].filter(([, tally]) => isWorth(tally)).map(([word]) => word);
  return [...worth, ...new Set(samples.flatMap(({ counts }) => counts))].toSorted();
}

type Tally = { messages: number; capitals: number; inNames: number; readonly sets: Set<string> };

function isWorth({ messages, capitals, inNames, sets }: Tally): boolean {
  if (messages < MESSAGES_MIN || sets.size < SETS_MIN || inNames > IN_NAMES_MAX * messages) return false;
  return capitals < MOSTLY * messages || (messages >= CAPITAL_MESSAGES_MIN && sets.size >= CAPITAL_SETS_MIN);
}
