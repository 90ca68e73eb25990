/**
 * Says what is legal in a rule pack but probably wrong, each with its place, why and what to do. Pure: reads no file, runs no mail.
 * A comment `# lint: ok CHECK` at the end of the line, or on a line of its own before it, says that something is meant so.
 */
import type { YamlPath, YamlSource } from "../../../parts/config/yaml-source.ts";
import type { CompiledPack } from "../../../stages/inspect/compiled-pack.ts";
import type { PackLists } from "../../../stages/inspect/pack-lists.ts";
import type { PackFile } from "../../../stages/inspect/pack-schema.ts";
import { lintDetectors } from "./lint-detectors.ts";
import { lintRules } from "./lint-rules.ts";
import { lintTerms } from "./lint-terms.ts";
import { lintTests } from "./lint-tests.ts";

/** A warning is most likely a mistake; a note is worth a look. */
export type Severity = "warning" | "note";

export type Doubt = {
  readonly severity: Severity;
  /** Name of the check. */
  readonly check: string;
  readonly path: YamlPath;
  readonly why: string;
  readonly next: string;
};

export type LintSubject = { readonly file: PackFile; readonly pack: CompiledPack; readonly lists: PackLists };
type PlaceOf = (path: YamlPath) => YamlPath | null;

export type LintRow = Omit<Doubt, "path"> & {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
};

/** In order of their places. What stands in a pack that is extended is a matter of that one; `placeOf` tells it by null. */
export function lintPack(
  subject: LintSubject & { readonly placeOf: PlaceOf },
  source: YamlSource,
  text: string,
): readonly LintRow[] {
  const doubts = [lintTerms, lintDetectors, lintRules, lintTests].flatMap((check) => check(subject));
  const lines = text.split("\n");
  return doubts
    .flatMap(({ path, why, ...rest }): readonly LintRow[] => {
      const own = subject.placeOf(path);
      if (own === null) return [];
      const place = source.errorAt(own, why);
      return [{ file: place.file, line: place.line, column: place.column, path: place.path, ...rest, why }];
    })
    .filter(({ line, check }) => !isMeantSo(lines, line, check))
    .toSorted((a, b) => a.line - b.line || a.column - b.column || (a.check < b.check ? -1 : 1));
}

function isMeantSo(lines: readonly string[], line: number, check: string): boolean {
  const before = lines[line - 2] ?? "";
  const comments = [lines[line - 1] ?? "", /^\s*#/.test(before) ? before : ""];
  return comments.some((text) => /# lint: ok ([a-z, -]+)/.exec(text)?.[1]?.split(/[ ,]+/).includes(check) === true);
}
