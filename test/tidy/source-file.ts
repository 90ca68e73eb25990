/** One TypeScript file as the tidy rules see it: its imports, functions and members, with their lines. */
import { parseSync } from "oxc-parser";
import { logUsesOf } from "./log-uses.ts";
import type { LogUse } from "./log-uses.ts";

export type Import = {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
  readonly line: number;
};

export type FunctionFacts = {
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
  /** Handed straight to a call, whose callee then says how many parameters there are. */
  readonly isCallback: boolean;
  /** Handed to `describe`, or holds tests itself: it groups and computes nothing. */
  readonly isGroup: boolean;
};
export type MemberUse = { readonly text: string; readonly line: number };

export type SourceFile = {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionFacts[];
  readonly members: readonly MemberUse[];
  readonly defaultExports: readonly number[];
  readonly logs: readonly LogUse[];
  /** The text without comments: the same length, blanks in their place. */
  readonly code: string;
};

export type Node = Readonly<Record<string, unknown>> & {
  readonly type: string;
  readonly start: number;
  readonly end: number;
};

/** Throws where the parser finds a syntax error: what cannot be read was not checked. */
export function readSource(path: string, text: string): SourceFile {
  const { program, module, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} cannot be parsed`);
  const lineOf = lineCounter(text);
  const nodes = allNodes(program as unknown as Node);
  const imports = [
    ...module.staticImports.map((found) => ({
      specifier: found.moduleRequest.value,
      isTypeOnly: found.entries.length > 0 && found.entries.every((entry) => entry.isType),
      line: lineOf(found.start),
    })),
    ...module.staticExports.flatMap((found) =>
      found.entries.flatMap((entry) =>
        entry.moduleRequest
          ? [{ specifier: entry.moduleRequest.value, isTypeOnly: entry.isType, line: lineOf(found.start) }]
          : [],
      ),
    ),
    ...module.dynamicImports.map((found) => ({
      specifier: text.slice(found.moduleRequest.start, found.moduleRequest.end).replace(/^["'`]|["'`]$/g, ""),
      isTypeOnly: false,
      line: lineOf(found.start),
    })),
    ...nodes
      .filter((node) => node.type === "TSImportType")
      .map((node) => ({
        specifier: stringOf(node["source"]) ?? "",
        isTypeOnly: true,
        line: lineOf(node.start),
      })),
  ];
  return {
    path,
    text,
    isTest: /\.(?:test|suite|samples|fixture)\.ts$/.test(path) || path.startsWith("test/") || path.startsWith("bench/"),
    imports,
    functions: functionsOf(nodes, lineOf),
    members: nodes.flatMap((node) => memberOf(node, lineOf)),
    defaultExports: nodes.filter((node) => node.type === "ExportDefaultDeclaration").map((node) => lineOf(node.start)),
    logs: logUsesOf(nodes, lineOf),
    code: comments.reduce((code, { start, end }) => blank(code, start, end), text),
  };
}

function blank(code: string, start: number, end: number): string {
  return code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, " ") + code.slice(end);
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function allNodes(root: Node): readonly Node[] {
  const nodes: Node[] = [];
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    nodes.push(node);
    for (const value of Object.values(node)) {
      if (Array.isArray(value)) waiting.push(...value.filter(isNode));
      else if (isNode(value)) waiting.push(value);
    }
  }
  return nodes;
}

function isFunction(node: Node): boolean {
  return ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"].includes(node.type);
}

function functionsOf(nodes: readonly Node[], lineOf: (offset: number) => number): readonly FunctionFacts[] {
  const callees = new Map<Node, unknown>();
  for (const call of nodes.filter((node) => node.type === "CallExpression")) {
    for (const argument of call["arguments"] as readonly Node[]) callees.set(argument, call["callee"]);
  }
  return nodes.filter(isFunction).map((node) => {
    const line = lineOf(node.start);
    return {
      line,
      lines: lineOf(node.end) - line + 1,
      parameters: (node["params"] as readonly unknown[]).length,
      isCallback: callees.has(node),
      isGroup: rootName(callees.get(node)) === "describe" || holdsTests(node),
    };
  });
}

/** A suite for several implementations: `test(...)` or `describe(...)` stands among its statements. */
function holdsTests(node: Node): boolean {
  const body = isNode(node["body"]) ? node["body"]["body"] : [];
  return (Array.isArray(body) ? body.filter(isNode) : []).some((statement) => {
    const call = statement["expression"];
    return (
      isNode(call) && call.type === "CallExpression" && /^(?:test|it|describe)$/.test(rootName(call["callee"]) ?? "")
    );
  });
}

/** `describe` of `describe.each(rows)`. */
function rootName(callee: unknown): string | null {
  if (!isNode(callee)) return null;
  return nameOf(callee) ?? rootName(callee["object"] ?? callee["callee"]);
}

/** `Date.now`, `process.env`, `new Date()`, and `console` for any member of it. */
function memberOf(node: Node, lineOf: (offset: number) => number): readonly MemberUse[] {
  const line = lineOf(node.start);
  if (node.type === "NewExpression") {
    const isNow = nameOf(node["callee"]) === "Date" && (node["arguments"] as readonly unknown[]).length === 0;
    return isNow ? [{ text: "new Date()", line }] : [];
  }
  if (node.type === "VariableDeclarator" && nameOf(node["init"]) === "process") return [{ text: "process.env", line }];
  if (node.type !== "MemberExpression") return [];
  const object = nameOf(node["object"]);
  const property = nameOf(node["property"]) ?? stringOf(node["property"]);
  if (object === null || property === null) return [];
  return [{ text: object === "console" ? "console" : `${object}.${property}`, line }];
}

function nameOf(value: unknown): string | null {
  return isNode(value) && value.type === "Identifier" ? String(value["name"]) : null;
}

function stringOf(value: unknown): string | null {
  return isNode(value) && value.type === "Literal" ? String(value["value"]) : null;
}
