/**
 * Where the phrases of a pack stand in one text.
 * Promises: a place is noted without looking at the sets its phrase belongs to, which may be many; the hits of a set are made
 * when they are first asked for, as most mail is clean and most sets are never asked for.
 */

/** A place where a phrase of a set was found. */
export type PhraseHit = {
  readonly start: number;
  readonly end: number;
  /** Index of the first token of the hit, for looking at its neighbours. */
  readonly token: number;
  readonly tokens: number;
  /** Index of the phrase in its set. */
  readonly phrase: number;
};

/** Hits by set number. */
export type PhraseHits = {
  has(set: number): boolean;
  /** In order of their place; of phrases that begin at one word the longest, and none that overlap. */
  of(set: number): readonly PhraseHit[];
};

/** A phrase, or what several begin with. */
export type PhraseNode = {
  next: Map<number, PhraseNode> | null;
  /** How many words lead here. */
  readonly words: number;
  /** The sets it is a phrase of, and which one there. */
  readonly entries: { readonly set: number; readonly phrase: number }[];
};

const NO_HITS: readonly PhraseHit[] = [];

export class FoundPhrases implements PhraseHits {
  /** Numbers of the sets of which something was found. */
  readonly sets: number[] = [];
  readonly #tokens: { readonly bounds: Int32Array };
  /** Each phrase found, and its first tokens in order. */
  readonly #places = new Map<PhraseNode, number[]>();
  /** By set. */
  readonly #phrases: (PhraseNode[] | undefined)[] = [];
  readonly #made: (readonly PhraseHit[] | undefined)[] = [];

  constructor(tokens: { readonly bounds: Int32Array }) {
    this.#tokens = tokens;
  }

  add(phrase: PhraseNode, token: number): void {
    const places = this.#places.get(phrase);
    if (places !== undefined) {
      places.push(token);
      return;
    }
    this.#places.set(phrase, [token]);
    for (const { set } of phrase.entries) {
      const known = this.#phrases[set];
      if (known !== undefined) known.push(phrase);
      else {
        this.#phrases[set] = [phrase];
        this.sets.push(set);
      }
    }
  }

  has(set: number): boolean {
    return this.#phrases[set] !== undefined;
  }

  of(set: number): readonly PhraseHit[] {
    const phrases = this.#phrases[set];
    return phrases === undefined ? NO_HITS : (this.#made[set] ??= this.#make(set, phrases));
  }

  #make(set: number, phrases: readonly PhraseNode[]): readonly PhraseHit[] {
    const hits: PhraseHit[] = [];
    for (const phrase of phrases) this.#addHits(hits, set, phrase);
    if (phrases.length > 1) hits.sort((a, b) => a.token - b.token || b.tokens - a.tokens);
    let free = 0;
    return hits.filter(({ token, tokens }) => {
      if (token < free) return false;
      free = token + tokens;
      return true;
    });
  }

  #addHits(hits: PhraseHit[], set: number, node: PhraseNode): void {
    const { bounds } = this.#tokens;
    const tokens = node.words;
    const phrase = node.entries.find((entry) => entry.set === set)?.phrase ?? 0;
    for (const token of this.#places.get(node) ?? []) {
      const start = bounds[token * 2] ?? 0;
      hits.push({ start, end: bounds[(token + tokens) * 2 - 1] ?? 0, token, tokens, phrase });
    }
  }
}
