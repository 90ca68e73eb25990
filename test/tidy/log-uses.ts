/** Calls of the log in a source: `log.warn("event", { … })`, and `log("warn", "event", { … })` of who adds fields of its own. */
import type { Node } from "./source-file.ts";

export type LogUse = {
  /** null where the name is not written out. */
  readonly event: string | null;
  /** Levels written out in the call. */
  readonly levels: readonly string[];
  /** Names of the fields written out in the call. */
  readonly fields: readonly string[];
  readonly line: number;
};

const LEVELS: readonly string[] = ["debug", "info", "warn", "error"];

export function logUsesOf(nodes: readonly Node[], lineOf: (offset: number) => number): readonly LogUse[] {
  return nodes.flatMap((node) => {
    if (node.type !== "CallExpression") return [];
    const found = calledOn(node["callee"] as Node);
    if (found === null) return [];
    const args = node["arguments"] as readonly Node[];
    const event = args[found.levels === null ? 1 : 0];
    // Handed through by who was given it.
    if (event === undefined || event["name"] === "event") return [];
    return [
      {
        event: event.type === "Literal" ? String(event["value"]) : null,
        levels: found.levels ?? literalsOf(args[0]).filter((text) => LEVELS.includes(text)),
        fields: fieldsOf(args.at(-1)),
        line: lineOf(node.start),
      },
    ];
  });
}

/** `levels` null: the first argument says it. */
function calledOn(callee: Node): { readonly levels: readonly string[] | null } | null {
  if (callee.type !== "MemberExpression") return null;
  const object = callee["object"] as Node;
  const property = callee["property"] as Node;
  const name = wordOf(property);
  if (callee["computed"] !== true && name === "log" && nameOf(object) !== "Math") return { levels: null };
  if (!/^log$/i.test(nameOf(object))) return null;
  if (callee["computed"] === true) return { levels: [] };
  return LEVELS.includes(name) ? { levels: [name] } : null;
}

/** The last word of `a.b.#log`. */
function nameOf(node: Node): string {
  const last = node.type === "MemberExpression" ? (node["property"] as Node) : node;
  return wordOf(last);
}

function wordOf(node: Node): string {
  const { name } = node as { readonly name?: unknown };
  return typeof name === "string" ? name : "";
}

function literalsOf(node: Node | undefined): readonly string[] {
  if (node === undefined) return [];
  if (node.type === "Literal") return [String(node["value"])];
  if (node.type !== "ConditionalExpression") return [];
  return [...literalsOf(node["consequent"] as Node), ...literalsOf(node["alternate"] as Node)];
}

function fieldsOf(node: Node | undefined): readonly string[] {
  if (node?.type !== "ObjectExpression") return [];
  const properties = node["properties"] as readonly Node[];
  return properties.flatMap((one) => {
    const key = one["key"] as Node | undefined;
    return one.type === "Property" && key !== undefined ? [String(key["name"] ?? key["value"])] : [];
  });
}
