/**
 * Reads the subset of regular expressions that rule packs may use and says why anything else is refused.
 * Promises: what is accepted means the same to the RegExp of JavaScript (flags g, m, y and i). Pure.
 * The subset has no unbounded repeat, no look-around and no back-reference; linear-pattern.ts proves the rest.
 */

/** Bits 0 to 255 are Latin-1 characters, bit 256 stands for every other one. */
export type CharSet = bigint;

export type PatternNode =
  | { readonly kind: "chars"; readonly set: CharSet }
  | { readonly kind: "assertion" }
  | { readonly kind: "sequence"; readonly items: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly branches: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly item: PatternNode; readonly min: number; readonly max: number };

export class PatternError extends Error {}

export const ALL_CHARS: CharSet = (1n << 257n) - 1n;
const OTHER = 256;
const REPEAT_MAX = 256;
const GROUP_DEPTH_MAX = 8;

const bit = (code: number): CharSet => 1n << BigInt(Math.min(code, OTHER));
const range = (from: number, to: number): CharSet => {
  if (from >= OTHER) return bit(OTHER);
  const latin = (1n << BigInt(Math.min(to, 255) + 1)) - (1n << BigInt(from));
  return to >= OTHER ? latin | bit(OTHER) : latin;
};

export const DIGIT: CharSet = range(48, 57);
const WORD = DIGIT | range(65, 90) | range(97, 122) | bit(95);
const SPACE = range(9, 13) | bit(32) | bit(160) | bit(OTHER);
/** Sets of the class escapes. The complement keeps OTHER wherever the set itself may or may not hold such characters. */
const CLASS_ESCAPES: Readonly<Record<string, CharSet>> = {
  d: DIGIT,
  D: ALL_CHARS & ~DIGIT,
  w: WORD,
  W: ALL_CHARS & ~WORD,
  s: SPACE,
  S: (ALL_CHARS & ~SPACE) | bit(OTHER),
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, r: 13, f: 12, v: 11 };

export function parsePattern(source: string, ignoreCase: boolean): PatternNode {
  return new Parser(source, ignoreCase).parse();
}

class Parser {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new PatternError(`unmatched ")" at character ${this.#at + 1}`);
    return node;
  }

  #choice(): PatternNode {
    const branches = [this.#sequence()];
    while (this.#eat("|")) branches.push(this.#sequence());
    return branches.length === 1 && branches[0] !== undefined ? branches[0] : { kind: "choice", branches };
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#peek())) items.push(this.#repeated());
    return { kind: "sequence", items };
  }

  #repeated(): PatternNode {
    const item = this.#atom();
    const mark = this.#peek();
    if (mark === "*" || mark === "+")
      throw new PatternError(`"${mark}" repeats without end; write a bound such as {0,40}`);
    let bounds: { readonly min: number; readonly max: number } | null = null;
    if (this.#eat("?")) bounds = { min: 0, max: 1 };
    else if (mark === "{") bounds = this.#bounds();
    if (bounds === null) return item;
    if (item.kind === "assertion") throw new PatternError("an anchor cannot be repeated");
    this.#eat("?");
    if ("*+?{".includes(this.#peek()) && this.#peek() !== "") throw new PatternError("a repeat follows a repeat");
    return { kind: "repeat", item, ...bounds };
  }

  #bounds(): { readonly min: number; readonly max: number } {
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.#at, this.#at + 12));
    if (match === null) throw new PatternError('"{" is neither a repeat nor escaped');
    this.#at += match[0].length;
    const min = Number(match[1]);
    if (match[2] !== undefined && match[3] === "") {
      throw new PatternError(`"${match[0]}" repeats without end; write a bound such as {${min},40}`);
    }
    const max = match[3] === undefined ? min : Number(match[3]);
    if (max < min) throw new PatternError(`"${match[0]}" ends before it begins`);
    if (max > REPEAT_MAX) throw new PatternError(`"${match[0]}" repeats more than ${REPEAT_MAX} times`);
    return { min, max };
  }

  #atom(): PatternNode {
    const character = this.#take();
    switch (character) {
      case "^":
      case "$":
        return { kind: "assertion" };
      case ".":
        return { kind: "chars", set: ALL_CHARS & ~(bit(10) | bit(13)) };
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw new PatternError(`"${character}" repeats nothing`);
      case "]":
      case "}":
        throw new PatternError(`"${character}" must be escaped`);
      default:
        return this.#literal(character.charCodeAt(0));
    }
  }

  #group(): PatternNode {
    if (this.#eat("?")) {
      const named = /^<value>/.exec(this.#source.slice(this.#at, this.#at + 7));
      if (named !== null) this.#at += named[0].length;
      else if (!this.#eat(":")) {
        throw new PatternError("only (…), (?:…) and (?<value>…) groups are known; look-around is not");
      }
    }
    this.#depth += 1;
    if (this.#depth > GROUP_DEPTH_MAX) throw new PatternError(`groups nest deeper than ${GROUP_DEPTH_MAX}`);
    const node = this.#choice();
    if (!this.#eat(")")) throw new PatternError('a "(" is never closed');
    this.#depth -= 1;
    return node;
  }

  #class(): PatternNode {
    const negated = this.#eat("^");
    let set: CharSet = 0n;
    for (;;) {
      if (this.#at >= this.#source.length) throw new PatternError('a "[" is never closed');
      if (this.#eat("]")) break;
      const from = this.#classItem();
      if (typeof from === "bigint") {
        set |= from;
        continue;
      }
      const isRange = this.#peek() === "-" && this.#source[this.#at + 1] !== "]";
      if (!isRange) {
        set |= bit(from);
        continue;
      }
      this.#at += 1;
      const to = this.#classItem();
      if (typeof to === "bigint" || to < from) throw new PatternError("a range in [ ] has no order");
      set |= range(from, to);
    }
    const folded = this.#fold(set);
    // Which of the other characters a negated class holds is not known: it may hold them.
    return { kind: "chars", set: negated ? (ALL_CHARS & ~folded) | bit(OTHER) : folded };
  }

  #classItem(): number | CharSet {
    const character = this.#take();
    if (character !== "\\") return character.charCodeAt(0);
    const node = this.#escape(true);
    if (node.kind !== "chars") throw new PatternError("an anchor stands in [ ]");
    return this.#lastCode ?? node.set;
  }

  /** Code of the last escape when it named one character. */
  #lastCode: number | null = null;

  #escape(inClass = false): PatternNode {
    this.#lastCode = null;
    const character = this.#take();
    const known = CLASS_ESCAPES[character];
    if (known !== undefined) return { kind: "chars", set: known };
    if (!inClass && (character === "b" || character === "B")) return { kind: "assertion" };
    const control = CONTROL_ESCAPES[character];
    if (control !== undefined) return this.#literal(control);
    const digits = { x: 2, u: 4 }[character];
    if (digits !== undefined) {
      const hex = this.#source.slice(this.#at, this.#at + digits);
      if (!/^[0-9a-f]+$/i.test(hex) || hex.length !== digits)
        throw new PatternError(`"\\${character}" needs ${digits} hex digits`);
      this.#at += digits;
      return this.#literal(Number.parseInt(hex, 16));
    }
    if (/[0-9k]/.test(character)) throw new PatternError("back-references are not known");
    if (/[a-z]/i.test(character)) throw new PatternError(`"\\${character}" is not known`);
    return this.#literal(character.charCodeAt(0));
  }

  #literal(code: number): PatternNode {
    this.#lastCode = code;
    return { kind: "chars", set: this.#fold(bit(code)) };
  }

  #fold(set: CharSet): CharSet {
    if (!this.#ignoreCase) return set;
    const upper = set & range(65, 90);
    const lower = set & range(97, 122);
    const beyond = ALL_CHARS & ~range(0, 127);
    return set | (upper << 32n) | (lower >> 32n) | ((set & beyond) === 0n ? 0n : beyond);
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #take(): string {
    const character = this.#source[this.#at];
    if (character === undefined) throw new PatternError("the pattern ends too early");
    this.#at += 1;
    return character;
  }

  #eat(character: string): boolean {
    if (this.#source[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }
}
