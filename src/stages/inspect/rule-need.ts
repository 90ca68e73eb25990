/**
 * What a message must hold somewhere, in whatever place, for a rule to hold at all: asked before windows are measured.
 * Promises: a rule whose need is not met does not hold; what is cheap to find is asked for first, so that most detectors have
 * nothing to do in most mail. Pure.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { Condition, CountCondition } from "./compiled-pack.ts";
import type { DetectorEntry } from "./pack-schema.ts";

export type Need =
  | { readonly kind: "count"; readonly condition: CountCondition }
  | { readonly kind: "all"; readonly needs: readonly Need[] }
  | { readonly kind: "any"; readonly needs: readonly Need[] };

export type PricedDetector = Pick<DetectorEntry, "id" | "type" | "confidence"> & {
  readonly keywords?: readonly string[];
};

/** What it costs to find all of a detector, against the others. */
export type Price = (detector: string) => number;

/** Nothing is needed where a condition only says what must be missing. */
const NOTHING: Need = { kind: "all", needs: [] };
/** Searched for in the text itself wherever a digit stands, unless it waits for a word; all others start from words that were seen. */
const SEARCHED_TYPES: ReadonlySet<DetectorEntry["type"]> = new Set(["regex", "validator"]);
const SEARCH_PRICE = 20;
/** Every capital is looked at: asked for when all else is there. */
const SHAPE_PRICE = 200;
/** Made of all the others: never asked for before windows are measured. */
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

export function needOf(condition: Condition, price: Price): Need {
  switch (condition.kind) {
    case "count":
      return isWeighed(condition, price) ? NOTHING : { kind: "count", condition };
    case "not":
      return NOTHING;
    case "near":
      return allOf([condition.anchor, ...condition.windowed, ...condition.others], price);
    case "all":
      return allOf(condition.conditions, price);
    case "any":
      return { kind: "any", needs: needsOf(condition.conditions, price) };
    default:
      return assertNever(condition);
  }
}

function allOf(conditions: readonly Condition[], price: Price): Need {
  return { kind: "all", needs: needsOf(conditions, price) };
}

function needsOf(conditions: readonly Condition[], price: Price): readonly Need[] {
  return conditions.map((each) => needOf(each, price)).toSorted((a, b) => totalOf(a, price) - totalOf(b, price));
}

function totalOf(need: Need, price: Price): number {
  if (need.kind === "count") return need.condition.detectors.reduce((sum, detector) => sum + price(detector), 0);
  return need.needs.reduce((sum, each) => sum + totalOf(each, price), 0);
}
