/**
 * Turns the rules of a pack file into what the engine runs.
 * Promises: every fault of every rule is reported with its place: unknown detectors and classes, conditions that say
 * nothing or two things, windows without an anchor, contradicting recipients.
 */
import { isDemand } from "../../core/rule-action.ts";
import type { Between, RuleScope } from "../../core/findings.ts";
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { NO_ADDRESS_PATTERN, readAddressPattern } from "../../parts/smtp/address-pattern.ts";
import type { Report } from "./compile-detectors.ts";
import { compileActions } from "./compile-actions.ts";
import { compileSuppressions, detectorsOfClass, isKnownId } from "./compile-suppressions.ts";
import type { KnownNames } from "./compile-suppressions.ts";
import type { CompiledRule, Condition, CountCondition, Suppression } from "./compiled-pack.ts";
import type { BetweenEntry, ConditionEntry, DetectorEntry, RuleEntry, SuppressionEntry } from "./pack-schema.ts";
import { NeedTable, pricesOf } from "./rule-need.ts";
import type { PricedDetector } from "./rule-need.ts";
import type { PlaceFilter } from "./text-places.ts";

const FORMS = ["all", "any", "not", "any_of", "class"] as const;
const COUNT_KEYS = ["min_confidence", "distinct", "distinct_terms", "weight", "within", "scope", "not_in"] as const;

/** One that has a fault of its own is known all the same. */
type KnownDetector = PricedDetector & Pick<DetectorEntry, "classes">;

type ScopeEntry = Pick<ConditionEntry, "scope" | "not_in">;

type Known = KnownNames & { readonly needs: NeedTable };

export function compileRules(
  {
    rules: entries,
    suppress,
  }: { readonly rules: readonly RuleEntry[]; readonly suppress: readonly SuppressionEntry[] },
  detectors: readonly KnownDetector[],
  report: Report,
): readonly CompiledRule[] {
  const known = knownOf(detectors);
  const compiler = new RuleCompiler(known, compileSuppressions(suppress, known, report), report);
  const seen = new Set<string>();
  return entries.flatMap((entry, index) => {
    const path = ["rules", index];
    if (seen.has(entry.id)) report([...path, "id"], `the id "${entry.id}" stands twice`);
    seen.add(entry.id);
    return compiler.compile(entry, path) ?? [];
  });
}

function knownOf(detectors: readonly KnownDetector[]): Known {
  const byClass = new Map<string, string[]>();
  for (const { id, classes } of detectors) {
    for (const name of new Set(classes)) byClass.set(name, [...(byClass.get(name) ?? []), id]);
  }
  return { ids: detectors.map(({ id }) => id), byClass, needs: new NeedTable(pricesOf(detectors)) };
}

class RuleCompiler {
  readonly #known: Known;
  readonly #suppressions: readonly Suppression[];
  readonly #report: Report;
  /** Of the rule at hand. */
  #ruleScope: ScopeEntry = {};

  constructor(known: Known, suppressions: readonly Suppression[], report: Report) {
    this.#known = known;
    this.#suppressions = suppressions;
    this.#report = report;
  }

  /** null: switched off, or faulty and reported. */
  compile(entry: RuleEntry, path: YamlPath): CompiledRule | null {
    this.#ruleScope = entry;
    this.#placesOf(entry, path);
    const when = this.#condition(entry.when, [...path, "when"], false);
    const scope = this.#scope(entry, path);
    if (when === null || entry.status === "off") return null;
    if (!demandsSomething(when)) this.#report([...path, "when"], 'holds for every mail: it asks for nothing but "not"');
    const { action, also } = compileActions(entry, path, this.#report);
    const tier = isDemand(action) ? entry.tier : "none";
    const need = this.#known.needs.needOf(when);
    return { id: entry.id, status: entry.status, tier, action, also, scope, when, need, reads: readsOf(when) };
  }

  #condition(entry: ConditionEntry, path: YamlPath, hasAnchor: boolean): Condition | null {
    const forms = FORMS.filter((form) => entry[form] !== undefined);
    const [form] = forms;
    if (form === undefined || forms.length > 1) {
      this.#report(
        path,
        `needs exactly one of ${FORMS.join(", ")}; it has ${forms.length === 0 ? "none" : forms.join(" and ")}`,
      );
      return null;
    }
    if (form === "any_of" || form === "class") return this.#count(entry, path, hasAnchor);
    for (const key of COUNT_KEYS) {
      if (entry[key] !== undefined) this.#report([...path, key], `belongs beside any_of or class, not beside ${form}`);
    }
    if (entry.not !== undefined) {
      const condition = this.#condition(entry.not, [...path, "not"], hasAnchor);
      return condition === null ? null : { kind: "not", condition };
    }
    if (entry.any !== undefined) {
      const conditions = entry.any.map((each, index) => this.#condition(each, [...path, "any", index], hasAnchor));
      return conditions.every((each) => each !== null) ? { kind: "any", conditions } : null;
    }
    return this.#all(entry.all ?? [], path, hasAnchor);
  }

  #all(entries: readonly ConditionEntry[], path: YamlPath, hasAnchor: boolean): Condition | null {
    const [first] = entries;
    const isAnchor = first !== undefined && (first.any_of ?? first.class) !== undefined && first.within === undefined;
    const conditions = entries.map((each, index) =>
      this.#condition(each, [...path, "all", index], index === 0 ? hasAnchor : hasAnchor || isAnchor),
    );
    return conditions.every((each) => each !== null) ? allOf(conditions) : null;
  }

  #count(entry: ConditionEntry, path: YamlPath, hasAnchor: boolean): CountCondition | null {
    const detectors =
      entry.any_of === undefined ? this.#ofClass(entry.class ?? "", path) : this.#ofIds(entry.any_of, path);
    if (entry.within !== undefined && !hasAnchor) {
      this.#report(
        [...path, "within"],
        'measures from the first condition of the same "all", which must be any_of or class without within',
      );
      return null;
    }
    if (entry.distinct !== undefined && entry.distinct_terms !== undefined) {
      this.#report([...path, "distinct_terms"], "says the same as distinct; keep one");
    }
    const places = this.#placesOf(entry, path);
    if (detectors === null) return null;
    const minConfidence = entry.min_confidence ?? 1;
    return {
      kind: "count",
      asked: entry.any_of === undefined ? `class ${entry.class ?? ""}` : entry.any_of.join(", "),
      detectors,
      key: `${minConfidence} ${detectors.join(" ")}${places === null ? "" : ` ${JSON.stringify(places)}`}`,
      minConfidence,
      distinct: entry.distinct ?? entry.distinct_terms ?? 1,
      weight: entry.weight ?? 0,
      withinChars: entry.within ?? null,
      places,
      suppressions: this.#suppressions.filter((each) => detectors.some((id) => each.detectors.has(id))),
    };
  }

  /** Of a condition, and what it leaves to its rule. */
  #placesOf(entry: ScopeEntry, path: YamlPath): PlaceFilter | null {
    const scope = entry.scope ?? this.#ruleScope.scope ?? null;
    const notIn = entry.not_in ?? this.#ruleScope.not_in ?? [];
    const both = scope?.find((place) => notIn.includes(place));
    const own = entry.not_in === undefined ? "scope" : "not_in";
    // What both leave to the rule was said of the rule.
    if (both !== undefined && entry[own] !== undefined) {
      this.#report([...path, own], `"${both}" stands in scope and in not_in; keep one`);
    }
    return scope === null && notIn.length === 0 ? null : { in: scope, notIn };
  }

  #ofIds(ids: readonly string[], path: YamlPath): readonly string[] | null {
    const isKnown = ids.map((id, index) => isKnownId(id, this.#known, this.#reportAt([...path, "any_of", index])));
    return isKnown.every(Boolean) ? [...new Set(ids)].toSorted() : null;
  }

  #ofClass(name: string, path: YamlPath): readonly string[] | null {
    const found = detectorsOfClass(name, this.#known, this.#reportAt([...path, "class"]));
    return found?.toSorted() ?? null;
  }

  #reportAt(path: YamlPath): (message: string) => void {
    return (message) => this.#report(path, message);
  }

  #scope(entry: RuleEntry, path: YamlPath): RuleScope {
    if (entry.only === undefined && entry.except === undefined) return { kind: "all" };
    const read = (key: "only" | "except"): readonly Between[] | null =>
      entry[key]?.map((each, index) => this.#between(each, [...path, key, index])) ?? null;
    return { kind: "between", only: read("only"), except: read("except") ?? [] };
  }

  #between({ senders, recipients, recipients_in: older }: BetweenEntry[number], path: YamlPath): Between {
    if (senders === undefined && recipients === undefined && older === undefined) {
      this.#report(path, "names nobody; give senders, recipients, or both");
    }
    if (recipients !== undefined && older !== undefined) {
      this.#report([...path, "recipients_in"], "says the same as recipients; keep one");
    }
    const read = (key: string, texts: readonly string[]): readonly string[] =>
      texts.map((text, position) => {
        const pattern = readAddressPattern(text);
        if (pattern === null) this.#report([...path, key, position], NO_ADDRESS_PATTERN);
        return pattern ?? text;
      });
    const named = recipients ?? older;
    return {
      ...(senders !== undefined && { senders: read("senders", senders) }),
      ...(named !== undefined && {
        recipients: read(recipients === undefined ? "recipients_in" : "recipients", named),
      }),
    };
  }
}

/** Windows are measured from each match of the first condition. */
function allOf(conditions: readonly Condition[]): Condition {
  const [first, ...rest] = conditions;
  const windowed = rest.filter(readsWindow);
  if (first?.kind !== "count" || first.withinChars !== null || windowed.length === 0)
    return { kind: "all", conditions };
  return { kind: "near", anchor: first, windowed, others: rest.filter((condition) => !readsWindow(condition)) };
}

function readsWindow(condition: Condition): boolean {
  switch (condition.kind) {
    case "count":
      return condition.withinChars !== null;
    case "not":
      return readsWindow(condition.condition);
    case "near":
      return true;
    case "all":
    case "any":
      return condition.conditions.some(readsWindow);
    default:
      return condition satisfies never;
  }
}

/** A condition that only says what must be missing would hold for nearly every mail. */
function demandsSomething(condition: Condition): boolean {
  switch (condition.kind) {
    case "count":
    case "near":
      return true;
    case "not":
      return false;
    case "all":
      return condition.conditions.some(demandsSomething);
    case "any":
      return condition.conditions.every(demandsSomething);
    default:
      return condition satisfies never;
  }
}

function readsOf(condition: Condition): ReadonlySet<string> {
  switch (condition.kind) {
    case "count":
      return new Set(condition.detectors);
    case "not":
      return new Set();
    case "near":
      return readsOfAll([condition.anchor, ...condition.windowed, ...condition.others]);
    case "all":
    case "any":
      return readsOfAll(condition.conditions);
    default:
      return condition satisfies never;
  }
}

function readsOfAll(conditions: readonly Condition[]): ReadonlySet<string> {
  return new Set(conditions.flatMap((each) => Array.from(readsOf(each))));
}
