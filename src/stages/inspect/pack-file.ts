/**
 * Loads a rule pack: reads, checks and compiles it, and runs its own tests.
 * Promises: a pack loads only when everything in it is understood and every inline test passes; otherwise all errors of
 * the first failing step are returned at once, each with its place. Never throws for what the text says.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseYamlFile } from "../../parts/config/yaml-document.ts";
import { formatYamlError } from "../../parts/config/yaml-source.ts";
import type { YamlError, YamlSource } from "../../parts/config/yaml-source.ts";
import { compileDetectors } from "./compile-detectors.ts";
import type { Report } from "./compile-detectors.ts";
import { compileRules } from "./compile-rules.ts";
import type { CompiledPack } from "./compiled-pack.ts";
import { packSchema } from "./pack-schema.ts";
import type { PackFile } from "./pack-schema.ts";
import { packTestResults, runPackTests } from "./pack-tests.ts";

export type PackError = YamlError;

export type PackLoading =
  | { readonly ok: true; readonly pack: CompiledPack; readonly tests: number }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** `file:line:col path: message` */
export const formatPackError = formatYamlError;

/** `fileName` stands in errors only; nothing is read from disk. */
export function loadPack(text: string, fileName: string): PackLoading {
  const compiling = compilePack(text, fileName);
  if (!compiling.ok) return compiling;
  const { pack, file, source } = compiling;
  const errors: PackError[] = [];
  const tests = runPackTests(file, pack, (path, message) => errors.push(source.errorAt(path, message)));
  return errors.length > 0 ? { ok: false, errors: inOrder(errors) } : { ok: true, pack, tests };
}

/** A test of the pack, with the places of its failures. */
export type TestedPart = { readonly name: string; readonly errors: readonly PackError[] };
export type PackTesting =
  | { readonly ok: true; readonly pack: CompiledPack; readonly results: readonly TestedPart[] }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** As loadPack, but failing tests are results. */
export function testPack(text: string, fileName: string): PackTesting {
  const compiling = compilePack(text, fileName);
  if (!compiling.ok) return compiling;
  const { pack, file, source } = compiling;
  const results = packTestResults(file, pack).map(({ name, failures }) => ({
    name,
    errors: failures.map(({ path, message }) => source.errorAt(path, message)),
  }));
  return { ok: true, pack, results };
}

export type PackCompiling =
  | {
      readonly ok: true;
      readonly pack: CompiledPack;
      readonly file: PackFile;
      readonly source: YamlSource;
      readonly text: string;
    }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** All but the tests. */
function compilePack(text: string, fileName: string): PackCompiling {
  const reading = parseYamlFile(text, fileName, packSchema);
  if (!reading.ok) return reading;
  const { value: file, source } = reading;
  const errors: PackError[] = [];
  const report: Report = (path, message) => errors.push(source.errorAt(path, message));
  const { detectors, phrases } = compileDetectors(file.detectors, report);
  const rules = compileRules(file.rules, file.detectors, report);
  if (detectors.length === file.detectors.length) reportUnused(file, report);
  if (errors.length > 0) return { ok: false, errors: inOrder(errors) };
  const sha256 = createHash("sha256").update(text).digest("hex");
  const byId = new Map(detectors.map((detector) => [detector.id, detector]));
  return { ok: true, pack: { id: file.pack, sha256, phrases, detectors, byId, rules }, file, source, text };
}

/** As loadPack, for a file on disk; one that cannot be read is an error like any other. */
export function loadPackFile(path: string): PackLoading {
  const reading = readPack(path);
  return reading.ok ? loadPack(reading.text, path) : reading;
}

/** As testPack, for a file on disk. */
export function testPackFile(path: string): PackTesting {
  const reading = readPack(path);
  return reading.ok ? testPack(reading.text, path) : reading;
}

/** For a file on disk, without its tests. */
export function compilePackFile(path: string): PackCompiling {
  const reading = readPack(path);
  return reading.ok ? compilePack(reading.text, path) : reading;
}

type PackReading =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly errors: readonly PackError[] };

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder; name a pack in it",
  EACCES: "this user may not read it",
};

function readPack(path: string): PackReading {
  try {
    return { ok: true, text: readFileSync(path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const message = `PST-INS-002 cannot be read: ${UNREADABLE[code] ?? code}`;
    return { ok: false, errors: [{ file: path, line: 1, column: 1, path: "", message }] };
  }
}

/** A detector no rule reads finds things nobody acts on: mostly a misspelt class. */
function reportUnused(file: PackFile, report: Report): void {
  const text = JSON.stringify(file.rules.map((rule) => rule.when));
  file.detectors.forEach((detector, index) => {
    const isRead = [detector.id, ...detector.classes].some((name) => text.includes(`"${name}"`));
    if (!isRead) report(["detectors", index, "id"], "no rule reads this detector, by its id or by one of its classes");
  });
}

function inOrder(errors: readonly PackError[]): readonly PackError[] {
  return errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
