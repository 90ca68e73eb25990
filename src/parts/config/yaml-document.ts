/**
 * Checks a YAML text against a strict zod schema, for the configuration and for rule packs.
 * Promises: the typed value, or every error at once with file, line, column, path and a suggestion for misspelt keys and
 * words. A value that failed is never repeated in a message unless the schema lists the words allowed in its place.
 */
import { z } from "zod";
import { didYouMean } from "./did-you-mean.ts";
import { readYaml } from "./yaml-source.ts";
import type { YamlError, YamlPath, YamlSource } from "./yaml-source.ts";

// Each schema is used once or twice in the life of a process: code made for it would never pay for itself.
z.config({ jitless: true });

export type YamlFile<T> =
  | { readonly ok: true; readonly value: T; readonly source: YamlSource }
  | { readonly ok: false; readonly errors: readonly YamlError[] };

/** `fileName` stands in the errors only; nothing is read from disk. An empty text is an empty mapping. */
export function parseYamlFile<S extends z.ZodType>(text: string, fileName: string, schema: S): YamlFile<z.output<S>> {
  const reading = readYaml(text, fileName);
  if (!reading.ok) return reading;
  const checked = checkShape(reading.source, schema);
  return checked.ok ? { ok: true, value: checked.value, source: reading.source } : checked;
}

export type ShapeCheck<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly YamlError[]; readonly paths: readonly YamlPath[] };

/** As parseYamlFile, for a source read already; `override` replaces the value, the places stay those of the source. */
export function checkShape<S extends z.ZodType>(
  source: YamlSource,
  schema: S,
  override: unknown = source.value,
): ShapeCheck<z.output<S>> {
  const parsed = schema.safeParse(override ?? {});
  if (parsed.success) return { ok: true, value: parsed.data };
  const shape = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonShape;
  const issues = parsed.error.issues.flatMap((issue) => flatten(issue, []));
  return {
    ok: false,
    errors: inOrder(issues.flatMap((issue) => describe(issue, { source, shape }))),
    paths: issues.flatMap(({ path, issue }) =>
      issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path],
    ),
  };
}

/** By place in the file, so that an operator works from top to bottom. */
export function inOrder(errors: readonly YamlError[]): readonly YamlError[] {
  return errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

type JsonShape = {
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonShape>>;
  readonly additionalProperties?: JsonShape | boolean;
  readonly items?: JsonShape | boolean;
  readonly prefixItems?: readonly JsonShape[];
  readonly anyOf?: readonly JsonShape[];
  readonly oneOf?: readonly JsonShape[];
  readonly allOf?: readonly JsonShape[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonShape>>;
};

type Issue = { readonly path: YamlPath; readonly issue: z.core.$ZodIssue };
type Context = { readonly source: YamlSource; readonly shape: JsonShape };

/** Of a union's branches, the one the writer most likely meant: it agrees at its own root and has the fewest issues. */
function flatten(issue: z.core.$ZodIssue, prefix: YamlPath): readonly Issue[] {
  const path = [...prefix, ...(issue.path as (string | number)[])];
  if (issue.code !== "invalid_union") return [{ path, issue }];
  const branches = issue.errors.filter(
    (branch) => !branch.some((inner) => inner.path.length === 0 && isMismatch(inner)),
  );
  const [best] = branches.toSorted((a, b) => a.length - b.length);
  return best === undefined ? [{ path, issue }] : best.flatMap((inner) => flatten(inner, path));
}

function isMismatch(issue: z.core.$ZodIssue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value";
}

function describe({ path, issue }: Issue, context: Context): readonly YamlError[] {
  const { source } = context;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(context.shape, path, valueAt(source.value, path));
    return issue.keys.map((key) =>
      source.errorAtKey([...path, key], `unknown key.${didYouMean(key, known) || listed(known)}`),
    );
  }
  const given = valueAt(source.value, path);
  if (issue.code === "invalid_type" && given === undefined && path.length > 0) {
    return [source.errorAt(path, `missing; ${expectedText(issue.expected)} is required here`)];
  }
  if (issue.code === "invalid_value" && given === undefined) {
    return [source.errorAt(path, `missing; one of ${issue.values.map(String).join(", ")} is required here`)];
  }
  if (issue.code === "invalid_union" && (typeof given === "string" || given === undefined)) {
    const words = wordsAt(context.shape, path);
    const missing = words.length > 0 ? `missing; one of ${words.join(", ")} is required here` : "missing";
    if (given === undefined) return [source.errorAt(path, missing)];
    if (words.length > 0) return [source.errorAt(path, notOneOf(given, words))];
  }
  return [source.errorAt(path, messageFor(issue, given))];
}

function notOneOf(given: unknown, words: readonly string[]): string {
  const subject = typeof given === "string" || typeof given === "number" ? JSON.stringify(given) : kindOf(given);
  const hint = typeof given === "string" ? didYouMean(given, words) : "";
  return `${subject.slice(0, 60)} is not one of ${words.join(", ")}.${hint}`;
}

function messageFor(issue: z.core.$ZodIssue, given: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${expectedText(issue.expected)}, found ${kindOf(given)}${quotesHint(issue.expected, given)}`;
    case "invalid_value":
      if (
        typeof given === "string" &&
        issue.values.some((value) => typeof value === "number" && String(value) === given)
      )
        return "expected a number, found a text; write it without quotes";
      return notOneOf(given, issue.values.map(String));
    case "too_big":
      return `${SIZES[issue.origin]?.over ?? "too large"}: at most ${issue.maximum}${measure(issue)}`;
    case "too_small":
      return `${SIZES[issue.origin]?.under ?? "too small"}: at least ${issue.minimum}${measure(issue)}`;
    case "invalid_union":
      return "none of the forms allowed here";
    case "custom":
    case "invalid_format":
    case "not_multiple_of":
    case "invalid_key":
    case "invalid_element":
    case "unrecognized_keys":
      return issue.message;
    default:
      return "not allowed here";
  }
}

/** YAML reads 911 as a number and true as no text. */
function quotesHint(expected: string, given: unknown): string {
  const isBare = typeof given === "number" || typeof given === "boolean";
  return expected === "string" && isBare ? "; put it in quotes" : "";
}

/** Of what has no size but itself, a number, there is nothing to add. */
const SIZES: Readonly<
  Record<string, { readonly under: string; readonly over: string; readonly one: string; readonly many: string }>
> = {
  string: { under: "too short", over: "too long", one: "character", many: "characters" },
  array: { under: "too few", over: "too many", one: "entry", many: "entries" },
};

function measure(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string {
  const size = SIZES[issue.origin];
  if (size === undefined) return "";
  const limit = issue.code === "too_big" ? issue.maximum : issue.minimum;
  return ` ${Number(limit) === 1 ? size.one : size.many}`;
}

function expectedText(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    string: "a text",
    number: "a number",
    int: "a whole number",
    boolean: "true or false",
    array: "a list",
    object: "a mapping",
    record: "a mapping",
    date: "a date",
  };
  return words[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return "a text";
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : "a number with a fraction";
  return typeof value === "boolean" ? "true or false" : typeof value;
}

function valueAt(value: unknown, path: YamlPath): unknown {
  let here: unknown = value;
  for (const segment of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Readonly<Record<string | number, unknown>>)[segment];
  }
  return here;
}

function listed(known: readonly string[]): string {
  return known.length === 0 || known.length > 30 ? "" : ` Known here: ${known.join(", ")}.`;
}

/** The keys the schema knows at a path, for a value that says itself which branch of a union it is. */
function keysAt(root: JsonShape, path: YamlPath, given: unknown): readonly string[] {
  const shapes = shapesAt(root, path).filter((shape) => !contradicts(shape, given));
  return [...new Set(shapes.flatMap((shape) => Object.keys(shape.properties ?? {})))].toSorted();
}

function contradicts({ properties = {} }: JsonShape, given: unknown): boolean {
  return Object.entries(properties).some(([key, { const: expected }]) => {
    const value = valueAt(given, [key]);
    return expected !== undefined && value !== undefined && value !== expected;
  });
}

/** The words the schema allows at a path, such as the discriminators of a union. */
function wordsAt(root: JsonShape, path: YamlPath): readonly string[] {
  const words = shapesAt(root, path).flatMap((shape) => [...(shape.enum ?? []), shape.const]);
  return [...new Set(words.filter((word) => typeof word === "string"))].toSorted();
}

/** Every branch of the schema that leads to a path. */
function shapesAt(root: JsonShape, path: YamlPath): readonly JsonShape[] {
  let here = alternatives(root, root);
  for (const segment of path)
    here = here.flatMap((shape) => stepInto(shape, segment)).flatMap((s) => alternatives(s, root));
  return here;
}

function alternatives(shape: JsonShape, root: JsonShape): readonly JsonShape[] {
  if (shape.$ref !== undefined) {
    const target = shape.$ref === "#" ? root : root.$defs?.[shape.$ref.replace("#/$defs/", "")];
    return target === undefined || target === shape ? [] : alternatives(target, root);
  }
  const branches = [...(shape.anyOf ?? []), ...(shape.oneOf ?? []), ...(shape.allOf ?? [])];
  return [shape, ...branches.flatMap((branch) => alternatives(branch, root))];
}

function stepInto(shape: JsonShape, segment: string | number): readonly JsonShape[] {
  if (typeof segment === "number") {
    const item = shape.prefixItems?.[segment] ?? shape.items;
    return typeof item === "object" ? [item] : [];
  }
  const named = shape.properties?.[segment];
  if (named !== undefined) return [named];
  return typeof shape.additionalProperties === "object" ? [shape.additionalProperties] : [];
}
