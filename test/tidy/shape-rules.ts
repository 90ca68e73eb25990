/** Rules about the shape of files: size, names, headers, and expressions that have their place. */
import {
  FILE_LINES_MAX,
  FORBIDDEN_FOLDERS,
  FUNCTION_LINES_MAX,
  HEADER_EXEMPT,
  PLACED_MEMBERS,
  PLACES,
  POSITIONAL_PARAMETERS_MAX,
} from "./laws.ts";
import type { SourceFile } from "./source-file.ts";
import type { Tree, Violation } from "./tree.ts";

function each(tree: Tree, check: (file: SourceFile) => readonly Violation[]): readonly Violation[] {
  return tree.sources.flatMap(check);
}

export function checkSizes(tree: Tree): readonly Violation[] {
  return each(tree, (file) => {
    const lines = file.text.trimEnd().split("\n").length;
    const { path } = file;
    const long = lines > FILE_LINES_MAX ? [{ rule: "file-size", path, line: 1, message: `has ${lines} lines` }] : [];
    const functions = file.functions.flatMap((facts) => [
      ...(facts.lines > FUNCTION_LINES_MAX && !facts.isGroup
        ? [{ rule: "function-size", path, line: facts.line, message: `the function has ${facts.lines} lines` }]
        : []),
      ...(facts.parameters > POSITIONAL_PARAMETERS_MAX && !facts.isCallback
        ? [{ rule: "parameters", path, line: facts.line, message: `the function has ${facts.parameters} parameters` }]
        : []),
    ]);
    return [...long, ...functions];
  });
}

export function checkPlaces(tree: Tree): readonly Violation[] {
  return each(tree, (file) => {
    if (PLACES.some((place) => place.test(file.path))) return [];
    return file.members
      .filter(({ text }) => text === "new Date()" || PLACED_MEMBERS.includes(text))
      .map(({ text, line }) => ({
        rule: "place",
        path: file.path,
        line,
        message: `${text} belongs to main.ts, cli and tests; take Clock, Chance or Log as an argument`,
      }));
  });
}

export function checkNames(tree: Tree): readonly Violation[] {
  return each(tree, (file) => {
    const { path } = file;
    const folders = path.split("/").slice(0, -1);
    const name = path.split("/").at(-1) ?? "";
    const messages = [
      ...folders
        .filter((folder) => FORBIDDEN_FOLDERS.test(folder))
        .map((folder) => `a folder named ${folder} says nothing`),
      ...(name === "index.ts" ? ["a barrel hides where a name is defined"] : []),
      ...(/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*\.ts$/.test(name) ? [] : ["file names are kebab-case"]),
    ];
    const defaults = path.startsWith("src/") ? file.defaultExports : [];
    return [
      ...messages.map((message) => ({ rule: "name", path, line: 1, message })),
      ...defaults.map((line) => ({ rule: "default-export", path, line, message: "exports are named" })),
    ];
  });
}

/** After `#!`, a source begins with a doc comment of at least one whole sentence. */
export function checkHeaders(tree: Tree): readonly Violation[] {
  return each(tree, (file) => {
    const { path } = file;
    if (!path.startsWith("src/") || file.isTest || HEADER_EXEMPT.test(path)) return [];
    const header = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(file.text)?.[1] ?? "";
    if (header.replace(/[\s*]+/g, " ").trim().length >= 20) return [];
    return [
      {
        rule: "header",
        path,
        line: 1,
        message: "begins without a doc comment: what it promises, what it leaves to others",
      },
    ];
  });
}
