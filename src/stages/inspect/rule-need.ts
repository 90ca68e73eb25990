/**
 * What a message must hold somewhere, in whatever place, for a rule to hold at all: asked before windows are measured.
 * Promises: a rule whose need is not met does not hold; what is cheap to find is asked for first, so that most detectors have
 * nothing to do in most mail. Pure.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Condition, CountCondition } from "./compiled-pack.ts";
import type { DetectorEntry } from "./pack-schema.ts";

/** Needs of one pack that ask for the same have the same `slot`, so that the answer is found once for a message. */
export type Need = { readonly slot: number } & (
  | { readonly kind: "count"; readonly condition: CountCondition }
  | { readonly kind: "all" | "any"; readonly needs: readonly Need[] }
);

export type PricedDetector = Pick<DetectorEntry, "id" | "type" | "confidence"> & {
  readonly keywords?: readonly string[];
};

/** What it costs to find all of a detector, against the others. */
export type Price = (detector: string) => number;

/** Searched for in the text itself wherever a digit stands, unless it waits for a word; all others start from words that were seen. */
const SEARCHED_TYPES: ReadonlySet<DetectorEntry["type"]> = new Set(["regex", "validator"]);
const SEARCH_PRICE = 20;
/** Every capital is looked at: asked for when all else is there. */
const SHAPE_PRICE = 200;
/** Made of all the others: nothing is asked of it before windows are measured. */
const WEIGHED_PRICE = 5_000;

export function pricesOf(detectors: readonly PricedDetector[]): Price {
  const prices = new Map(detectors.map((detector) => [detector.id, priceOf(detector)]));
  return (detector) => prices.get(detector) ?? 1;
}

function priceOf(detector: PricedDetector): number {
  if (detector.type === "weighed") return WEIGHED_PRICE;
  if (detector.type === "name_shape") return SHAPE_PRICE;
  if (detector.type === "sender") return 0;
  return isSearched(detector) ? SEARCH_PRICE : 1;
}

function isSearched({ type, keywords = [], confidence = [] }: PricedDetector): boolean {
  if (!SEARCHED_TYPES.has(type) || keywords.length > 0) return false;
  const levels = confidence.filter(({ level }) => level !== undefined);
  return levels.length === 0 || levels.some(({ near }) => near === undefined);
}

function isWeighed({ detectors }: CountCondition, price: Price): boolean {
  return detectors.some((detector) => price(detector) === WEIGHED_PRICE);
}

/** The needs of one pack, each asked for once. */
export class NeedTable {
  readonly #price: Price;
  readonly #bySaying = new Map<string, Need>();
  /** Nothing is needed where a condition only says what must be missing. */
  readonly #nothing = this.#combined("all", []);

  constructor(price: Price) {
    this.#price = price;
  }

  needOf(condition: Condition): Need {
    switch (condition.kind) {
      case "count":
        return isWeighed(condition, this.#price) ? this.#nothing : this.#count(condition);
      case "not":
        return this.#nothing;
      case "near":
        return this.#allOf([condition.anchor, ...condition.windowed, ...condition.others]);
      case "all":
        return this.#allOf(condition.conditions);
      case "any":
        return this.#anyOf(condition.conditions);
      default:
        return assertNever(condition);
    }
  }

  #allOf(conditions: readonly Condition[]): Need {
    return this.#combined(
      "all",
      this.#needsOf(conditions).filter((need) => need !== this.#nothing),
    );
  }

  #anyOf(conditions: readonly Condition[]): Need {
    const needs = this.#needsOf(conditions);
    return needs.includes(this.#nothing) ? this.#nothing : this.#combined("any", needs);
  }

  /** The cheapest first. */
  #needsOf(conditions: readonly Condition[]): readonly Need[] {
    const needs = new Set(conditions.map((each) => this.needOf(each)));
    return Array.from(needs).toSorted((a, b) => totalOf(a, this.#price) - totalOf(b, this.#price));
  }

  #count(condition: CountCondition): Need {
    const { key, distinct, weight } = condition;
    return this.#interned(`${distinct} ${weight} ${key}`, (slot) => ({ slot, kind: "count", condition }));
  }

  #combined(kind: "all" | "any", needs: readonly Need[]): Need {
    const [only] = needs;
    if (only !== undefined && needs.length === 1) return only;
    return this.#interned(`${kind} ${needs.map(({ slot }) => slot).join(" ")}`, (slot) => ({ slot, kind, needs }));
  }

  #interned(saying: string, make: (slot: number) => Need): Need {
    const known = this.#bySaying.get(saying);
    if (known !== undefined) return known;
    const need = make(this.#bySaying.size);
    this.#bySaying.set(saying, need);
    return need;
  }
}

function totalOf(need: Need, price: Price): number {
  if (need.kind === "count") return need.condition.detectors.reduce((sum, detector) => sum + price(detector), 0);
  return need.needs.reduce((sum, each) => sum + totalOf(each, price), 0);
}
