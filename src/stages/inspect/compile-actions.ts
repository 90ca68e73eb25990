/**
 * Turns the `action` of a rule, one or a list, into one action and what the rule does beside it.
 * Promises: of several the strongest counts, as among rules; a list that says a thing twice is reported.
 */
import type { RuleAction, SideAction } from "../../core/findings.ts";
import { strongerProfile } from "../../core/floor-order.ts";
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import type { Report } from "./compile-detectors.ts";
import type { ActionEntry, RuleEntry } from "./pack-schema.ts";

export type CompiledActions = { readonly action: RuleAction; readonly also: readonly SideAction[] };

const STRENGTH: readonly RuleAction["kind"][] = ["pass", "protect", "hold", "refuse"];

export function compileActions(
  { id, action: entry }: Pick<RuleEntry, "id" | "action">,
  path: YamlPath,
  report: Report,
): CompiledActions {
  const read = (Array.isArray(entry) ? entry : [entry]).map((each) => readAction(each, id));
  const seen = new Set<string>();
  read.forEach((each, index) => {
    const text = JSON.stringify(each);
    if (seen.has(text)) report([...path, "action", index], "stands twice in this list");
    seen.add(text);
  });
  const also = read.filter((each) => isSide(each));
  const ways = read.filter((each) => !isSide(each));
  return { action: ways.reduce(strongerAction, { kind: "pass" }), also };
}

function readAction(entry: ActionEntry, id: string): RuleAction | SideAction {
  switch (entry) {
    case "pass":
    case "hold":
    case "refuse":
    case "copy":
      return { kind: entry };
    case "protect":
      // The weakest named floor: what the policy demands for the verdict and its tier comes on top.
      return { kind: "protect", profile: "minimum" };
    case "content":
    case "portal":
      return { kind: "protect", profile: entry };
    case "tag":
      return { kind: "tag", word: id };
    case "notify":
      return { kind: "notify", whom: "sender" };
    default:
      if ("protect" in entry) return { kind: "protect", profile: entry.protect };
      return "tag" in entry ? { kind: "tag", word: entry.tag } : { kind: "notify", whom: entry.notify };
  }
}

function isSide(action: RuleAction | SideAction): action is SideAction {
  return action.kind === "tag" || action.kind === "notify" || action.kind === "copy";
}

/** Of two actions the one that does all the other does, and more. */
export function strongerAction(a: RuleAction, b: RuleAction): RuleAction {
  if (a.kind === "protect" && b.kind === "protect") {
    return { kind: "protect", profile: strongerProfile(a.profile, b.profile) };
  }
  return STRENGTH.indexOf(b.kind) > STRENGTH.indexOf(a.kind) ? b : a;
}
