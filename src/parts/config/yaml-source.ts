/**
 * Reads one YAML 1.2 text and remembers where everything stands, so that an error can name file, line and column.
 * Promises: all syntax errors at once; bounded size and alias expansion; no text of the file in an error except key
 * names. Leaves the meaning of the values to a schema (yaml-document.ts).
 */
import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Node } from "yaml";

/** Largest YAML text read, configuration or rule pack. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024;
/** Alias expansions allowed in one text, against "billion laughs". */
const ALIASES_MAX = 100;
/** Errors reported for one text. */
const SYNTAX_ERRORS_MAX = 100;

export type YamlPath = readonly (string | number)[];

/** One error with its place; lines and columns count from 1. `path` is empty for the whole file. */
export type YamlError = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
};

export type YamlSource = {
  readonly fileName: string;
  /** Plain values as the YAML 1.2 core schema reads them. */
  readonly value: unknown;
  /** An error at the value of `path`, or at the nearest thing above it that exists. */
  errorAt(path: YamlPath, message: string): YamlError;
  /** An error at the key `path` ends in. */
  errorAtKey(path: YamlPath, message: string): YamlError;
};

export type YamlReading =
  { readonly ok: true; readonly source: YamlSource } | { readonly ok: false; readonly errors: readonly YamlError[] };

/** `file:line:col path: message`, the form every tool and editor can jump to. */
export function formatYamlError(error: YamlError): string {
  const place = `${error.file}:${error.line}:${error.column}`;
  return error.path === "" ? `${place}: ${error.message}` : `${place} ${error.path}: ${error.message}`;
}

/** `submitters[0].proof` */
export function formatYamlPath(path: YamlPath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else text += text === "" ? segment : `.${segment}`;
  }
  return text;
}

export function readYaml(text: string, fileName: string): YamlReading {
  const whole = (message: string): YamlReading => ({
    ok: false,
    errors: [{ file: fileName, line: 1, column: 1, path: "", message }],
  });
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) return whole(`the file is larger than ${TEXT_BYTES_MAX} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { version: "1.2", strict: true, uniqueKeys: true, lineCounter: lines });
  const faults = [...document.errors, ...document.warnings].slice(0, SYNTAX_ERRORS_MAX);
  const errors = [
    ...faults.map((fault) => ({ offset: fault.pos[0], message: syntaxMessage(fault.code, fault.message) })),
    ...oddKeys(document).map((offset) => ({ offset, message: "a key must be a plain word" })),
  ].map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return { file: fileName, line: Math.max(line, 1), column: Math.max(col, 1), path: "", message };
  });
  if (errors.length > 0) return { ok: false, errors };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // The library throws for aliases only: everything else was in document.errors.
    const unknown = error instanceof ReferenceError && error.message.startsWith("Unresolved alias");
    return whole(unknown ? "an alias names no anchor" : `more than ${ALIASES_MAX} aliases are expanded`);
  }
  return { ok: true, source: sourceOf(document, { fileName, lines, value }) };
}

/** Of a text that was read without an error before: it is read again only where a place in it is asked for. */
export function knownYaml(text: string, fileName: string): YamlSource {
  let read: YamlSource | null = null;
  const source = (): YamlSource => {
    if (read !== null) return read;
    const reading = readYaml(text, fileName);
    if (!reading.ok) throw new Error(reading.errors.map(formatYamlError).join("\n"));
    return (read = reading.source);
  };
  return {
    fileName,
    get value() {
      return source().value;
    },
    errorAt: (path, message) => source().errorAt(path, message),
    errorAtKey: (path, message) => source().errorAtKey(path, message),
  };
}

/** Where lists, mappings or aliases stand as keys. */
function oddKeys(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Pair: (_, pair) => {
      if (isNode(pair.key) && !isScalar(pair.key)) offsets.push(startOf(pair.key));
    },
  });
  return offsets.slice(0, SYNTAX_ERRORS_MAX);
}

/** The library quotes the source in some messages; only its first line, without the quotation, is kept. */
function syntaxMessage(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "the same key stands twice in one mapping";
  if (code === "MULTIPLE_DOCS") return "the file holds more than one YAML document";
  if (code === "TAB_AS_INDENT") return "tabs cannot indent YAML; use spaces";
  if (code === "TAG_RESOLVE_FAILED") return "a value carries a tag that YAML 1.2 core does not know";
  if (code === "BAD_DQ_ESCAPE") return "a backslash in double quotes is an escape; write patterns in single quotes";
  if (message.startsWith("Missing , or :")) {
    return "not valid YAML: a comma or the closing bracket is missing before this, or quotes around a text";
  }
  if (code === "BLOCK_IN_FLOW" || code === "BLOCK_AS_IMPLICIT_KEY") {
    return 'a list or mapping cannot begin here; a text that holds ": " or begins with "- " needs quotes';
  }
  const first = message.split("\n", 1)[0] ?? "";
  return `not valid YAML: ${first.replace(/ at line \d+, column \d+:?$/, "").replace(/: .*$/, "")}`;
}

type Parsed = { readonly fileName: string; readonly lines: LineCounter; readonly value: unknown };

function sourceOf(document: Document, parsed: Parsed): YamlSource {
  const at = (offset: number, path: YamlPath, message: string): YamlError => {
    const { line, col } = parsed.lines.linePos(offset);
    return {
      file: parsed.fileName,
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      path: formatYamlPath(path),
      message,
    };
  };
  const root: Node | null = document.contents;
  return {
    fileName: parsed.fileName,
    value: parsed.value,
    errorAt: (path, message) => at(locate(document, root, path).value, path, message),
    errorAtKey: (path, message) => at(locate(document, root, path).key, path, message),
  };
}

type Place = { readonly key: number; readonly value: number };

/** Walks as deep as the path leads; where it ends early, the place is the last key that exists. */
function locate(document: Document, root: Node | null, path: YamlPath): Place {
  let node: Node | null = root;
  let place: Place = { key: startOf(root), value: startOf(root) };
  for (const segment of path) {
    const here: Node | null = isAlias(node) ? (node.resolve(document) ?? null) : node;
    const next = childOf(here, segment);
    if (next === null) return { key: place.key, value: place.key };
    place = { key: next.key, value: next.value === null ? next.key : startOf(next.value) };
    node = next.value;
  }
  return place;
}

function childOf(
  node: Node | null,
  segment: string | number,
): { readonly key: number; readonly value: Node | null } | null {
  if (isSeq(node)) {
    const item = node.items[Number(segment)];
    return item === undefined || isPair(item) ? null : { key: startOf(item as Node), value: item as Node };
  }
  if (!isMap(node)) return null;
  for (const pair of node.items) {
    if (isScalar(pair.key) && String(pair.key.value) === String(segment)) {
      return { key: startOf(pair.key), value: pair.value as Node | null };
    }
  }
  return null;
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
