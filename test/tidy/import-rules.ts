/** Rules about imports: the import law, circles among parts, homes of packages, imports that lead nowhere. */
import { dirname, posix } from "node:path";
import { HEAVY_MODULES, PACKAGE_HOMES, PART_IMPORTS } from "./laws.ts";
import type { Import, SourceFile } from "./source-file.ts";
import type { Tree, Violation } from "./tree.ts";

/** A file's place in the house: `core`, `parts/dns`, `stages/accept`, `cli`, `pipeline`, or `root` for what sees all. */
function placeOf(path: string): string {
  const [, first = "", second = ""] = path.split("/");
  if (first === "stages" || first === "parts") return `${first}/${second}`;
  if (first === "core" || first === "cli") return first;
  return first === "pipeline.ts" || first === "pipeline-seams.ts" ? "pipeline" : "root";
}

type Edge = { readonly from: SourceFile; readonly to: string; readonly found: Import };

/** Relative imports within src, from files that are no tests. */
function edgesOf(tree: Tree): readonly Edge[] {
  return tree.sources
    .filter((file) => file.path.startsWith("src/") && !file.isTest)
    .flatMap((from) =>
      from.imports
        .filter((found) => found.specifier.startsWith("."))
        .map((found) => ({ from, to: posix.join(dirname(from.path), found.specifier), found })),
    );
}

export function countEdges(tree: Tree): number {
  return edgesOf(tree).length;
}

export function checkImportLaw(tree: Tree): readonly Violation[] {
  return edgesOf(tree).flatMap(({ from, to, found }) => {
    const message = unlawful(placeOf(from.path), to, found);
    return message === null ? [] : [{ rule: "import-law", path: from.path, line: found.line, message }];
  });
}

function unlawful(from: string, to: string, found: Import): string | null {
  if (/\.(?:test|suite|samples|fixture)\.ts$/.test(to) || !to.startsWith("src/")) return `${to} is for tests only`;
  const target = placeOf(to);
  if (from === "root" || from === "cli" || from === target || target === "core") return null;
  if (from === "core") return "core imports nothing but core";
  if (from === "pipeline") {
    return target.startsWith("stages/") && found.isTypeOnly
      ? null
      : "pipeline.ts imports core and types of the verbs only";
  }
  if (!target.startsWith("stages/") && !target.startsWith("parts/")) return `${from} may not import ${target}`;
  if (from === "stages/decide") return "decide imports only core";
  if (from.startsWith("stages/")) return target.startsWith("parts/") ? null : "a verb never imports a verb";
  if (target.startsWith("stages/")) return "a part never imports a verb";
  const allowed = PART_IMPORTS[from.slice(6)] ?? [];
  return allowed.includes(target.slice(6)) ? null : `the table of parts does not let ${from} import ${target}`;
}

export function checkCircles(tree: Tree): readonly Violation[] {
  const graph = new Map<string, Map<string, Edge>>();
  for (const edge of edgesOf(tree)) {
    const [from, to] = [placeOf(edge.from.path), placeOf(edge.to)];
    if (!from.startsWith("parts/") || !to.startsWith("parts/") || from === to) continue;
    const edges = graph.get(from) ?? new Map<string, Edge>();
    graph.set(from, edges.set(to, edges.get(to) ?? edge));
  }
  return [...graph].flatMap(([from, edges]) =>
    [...edges].flatMap(([to, edge]) =>
      reaches(graph, to, from)
        ? [
            {
              rule: "circle",
              path: edge.from.path,
              line: edge.found.line,
              message: `${from} and ${to} import each other`,
            },
          ]
        : [],
    ),
  );
}

function reaches(graph: ReadonlyMap<string, ReadonlyMap<string, Edge>>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [from];
  for (let here = waiting.pop(); here !== undefined; here = waiting.pop()) {
    if (here === to) return true;
    if (seen.has(here)) continue;
    seen.add(here);
    waiting.push(...(graph.get(here)?.keys() ?? []));
  }
  return false;
}

export function checkPackageHomes(tree: Tree): readonly Violation[] {
  const files = tree.sources.filter((file) => file.path.startsWith("src/") && !file.isTest);
  return files.flatMap((file) =>
    file.imports.flatMap((found) => {
      const message = homeless(file.path, found);
      return message === null ? [] : [{ rule: "package-home", path: file.path, line: found.line, message }];
    }),
  );
}

function homeless(path: string, found: Import): string | null {
  const { specifier } = found;
  if (specifier.startsWith(".")) return null;
  if (specifier.startsWith("node:")) {
    if (path.startsWith("src/core/") && !found.isTypeOnly) return `core takes types only, also from ${specifier}`;
    if (HEAVY_MODULES.has(specifier) && !found.isTypeOnly) {
      return `take ${specifier} by process.getBuiltinModule: as an ES module it loads fetch, WebSocket and HTTP/2 with it`;
    }
    return path.startsWith("src/stages/decide/") ? "decide imports only core" : null;
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const homes = PACKAGE_HOMES[name];
  if (homes === undefined) return `${name} has no home in the table`;
  return homes.some((home) => path.startsWith(`src/${home}/`)) ? null : `${name} lives in ${homes.join(", ")}`;
}

export function checkResolution(tree: Tree): readonly Violation[] {
  const known = new Set(tree.texts.map(({ path }) => path));
  return tree.sources.flatMap((file) =>
    file.imports
      .filter((found) => found.specifier.startsWith(".") && !known.has(posix.join(dirname(file.path), found.specifier)))
      .map(({ line, specifier }) => ({
        rule: "unresolved",
        path: file.path,
        line,
        message: `${specifier} leads to no file; relative imports carry their .ts`,
      })),
  );
}
