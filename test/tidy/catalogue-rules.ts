/** Rules about the error catalogue: code, documentation and use tell the same story. */
import type { Tree, Violation } from "./tree.ts";

const CODE = /PST-[A-Z]{3}-\d{3}/g;
const ENTRY =
  /^\s*"(PST-[A-Z]{3}-\d{3})":\s*\{\s*what:\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'),\s*next:\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')/gm;
const CATALOGUE = "src/core/codes/";
const PAGE = "docs/errors.md";

export type CatalogueEntry = {
  readonly code: string;
  readonly what: string;
  readonly next: string;
  readonly path: string;
  readonly line: number;
};

export function readCatalogue(tree: Tree): readonly CatalogueEntry[] {
  return tree.sources
    .filter(({ path }) => path.startsWith(CATALOGUE))
    .flatMap(({ path, text }) =>
      [...text.matchAll(ENTRY)].map((match) => ({
        code: match[1] ?? "",
        what: unescaped(match[2] ?? match[3] ?? ""),
        next: unescaped(match[4] ?? match[5] ?? ""),
        path,
        line: lineAt(text, match.index) + (match[0].startsWith("\n") ? 1 : 0),
      })),
    );
}

/** Every code in src exists, and every code of the catalogue is used somewhere beside it. */
export function checkCodes(tree: Tree): readonly Violation[] {
  const catalogue = readCatalogue(tree);
  const known = new Set(catalogue.map(({ code }) => code));
  const used = new Set<string>();
  const unknown = tree.sources
    .filter(({ path, isTest }) => path.startsWith("src/") && !path.startsWith(CATALOGUE) && !isTest)
    .flatMap(({ path, code }) =>
      [...code.matchAll(CODE)].flatMap((match) => {
        used.add(match[0]);
        if (known.has(match[0])) return [];
        return [
          {
            rule: "code-unknown",
            path,
            line: lineAt(code, match.index),
            message: `${match[0]} is not in the catalogue`,
          },
        ];
      }),
    );
  const unused = catalogue
    .filter(({ code }) => !used.has(code))
    .map(({ code, path, line }) => ({ rule: "code-unused", path, line, message: `${code} is used nowhere` }));
  const seen = new Set<string>();
  const twice = catalogue
    .filter(({ code }) => seen.size === seen.add(code).size)
    .map(({ code, path, line }) => ({ rule: "code-twice", path, line, message: `${code} stands twice` }));
  return [...unknown, ...unused, ...twice];
}

/** docs/errors.md has one row for each code, with its words. */
export function checkErrorPage(tree: Tree): readonly Violation[] {
  const page = tree.texts.find(({ path }) => path === PAGE);
  const catalogue = readCatalogue(tree);
  if (page === undefined) {
    return catalogue.length === 0 ? [] : [{ rule: "errors-page", path: PAGE, line: 1, message: "is missing" }];
  }
  const rows = page.text.split("\n").flatMap((text, i) => (text.startsWith("| `PST-") ? [{ text, line: i + 1 }] : []));
  const expected = new Map(catalogue.map((entry) => [entry.code, errorRow(entry)]));
  const wrong = rows.flatMap(({ text, line }) => {
    const code = /PST-[A-Z]{3}-\d{3}/.exec(text)?.[0] ?? "";
    if (expected.get(code) === text) return [];
    const message = expected.has(code)
      ? `${code} does not say what the catalogue says`
      : `${code} is not in the catalogue`;
    return [{ rule: "errors-page", path: PAGE, line, message }];
  });
  const documented = rows.map(({ text }) => /PST-[A-Z]{3}-\d{3}/.exec(text)?.[0] ?? "");
  const missing = catalogue
    .filter(({ code }) => !documented.includes(code))
    .map(({ code }) => ({ rule: "errors-page", path: PAGE, line: 1, message: `${code} has no row` }));
  return [...wrong, ...missing];
}

/** The row of docs/errors.md for one entry. */
export function errorRow({ code, what, next }: Pick<CatalogueEntry, "code" | "what" | "next">): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  return `| \`${code}\` | ${cell(what)} | ${cell(next)} |`;
}

function unescaped(text: string): string {
  return text.replace(/\\(["'\\])/g, "$1");
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
