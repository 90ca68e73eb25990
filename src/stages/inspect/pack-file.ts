/**
 * Loads a rule pack: reads, checks and compiles it, and runs its own tests.
 * Promises: a pack loads only when everything in it is understood and every inline test passes; otherwise all errors of
 * the first failing step are returned at once, each with its place. Never throws for what the text says. The hash of a pack is that
 * of its text and of every file it names.
 */
import { parseYamlFile } from "../../parts/config/yaml-document.ts";
import type { YamlFile } from "../../parts/config/yaml-document.ts";
import { formatYamlError, knownYaml } from "../../parts/config/yaml-source.ts";
import type { YamlError, YamlPath, YamlSource } from "../../parts/config/yaml-source.ts";
import { NO_KNOWN_PACKS, sha256Of } from "./built-packs.ts";
import type { KnownPacks } from "./built-packs.ts";
import { compileDetectors } from "./compile-detectors.ts";
import { NO_INDEXES } from "./compile-edm.ts";
import type { EdmIndexes } from "./compile-edm.ts";
import type { Report } from "./compile-detectors.ts";
import { compileRules } from "./compile-rules.ts";
import type { CompiledPack } from "./compiled-pack.ts";
import { extendPack, placesIn, reportAt } from "./extend-pack.ts";
import { joinLists, readLists } from "./pack-lists.ts";
import type { PackLists } from "./pack-lists.ts";
import { packSchema } from "./pack-schema.ts";
import type { PackFile } from "./pack-schema.ts";
import { besidePath, readDisk, readingFrom } from "./pack-source.ts";
import type { PackSource, ReadBeside } from "./pack-source.ts";
import { packTestResults, runPackTests } from "./pack-tests.ts";

export type PackError = YamlError;

export type PackLoading =
  | {
      readonly ok: true;
      readonly pack: CompiledPack;
      /** How many were run. */
      readonly tests: number;
      readonly source: PackSource;
      /** Files of the packs it extends, the nearest first. */
      readonly bases: readonly string[];
    }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** `file:line:col path: message` */
export const formatPackError = formatYamlError;

/** `fileName` stands in errors; files the pack names are given beside the text. */
export function loadPack(text: string, fileName: string, beside: PackSource["beside"] = {}): PackLoading {
  return load(new Opened({ text, fileName, indexes: NO_INDEXES, known: NO_KNOWN_PACKS }, readingFrom(beside)));
}

/** As loadPack, without running its tests, with the indexes it may name. */
export function compilePackSource(
  { text, fileName, beside = {} }: PackSource,
  { indexes, known }: PackSurroundings,
): PackCompiling {
  return compilePack(new Opened({ text, fileName, indexes, known }, readingFrom(beside)));
}

/** A test of the pack, with the places of its failures. */
export type TestedPart = { readonly name: string; readonly errors: readonly PackError[] };
export type PackTesting =
  | { readonly ok: true; readonly pack: CompiledPack; readonly results: readonly TestedPart[] }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** As loadPack, for a file on disk; one that cannot be read is an error like any other. */
export function loadPackFile(
  path: string,
  indexes: EdmIndexes = NO_INDEXES,
  known: KnownPacks = NO_KNOWN_PACKS,
): PackLoading {
  const opening = openPack(path, { indexes, known });
  return opening instanceof Opened ? load(opening) : opening;
}

/** As loadPackFile, but failing tests are results. */
export function testPackFile(path: string, indexes: EdmIndexes = NO_INDEXES): PackTesting {
  const opening = openPack(path, { indexes, known: NO_KNOWN_PACKS });
  if (!(opening instanceof Opened)) return opening;
  const compiling = compilePack(opening);
  if (!compiling.ok) return compiling;
  const { pack, tested, source } = compiling;
  const results = packTestResults(tested, pack).map(({ name, failures }) => ({
    name,
    errors: failures.map(({ path: place, message }) => source.errorAt(place, message)),
  }));
  return { ok: true, pack, results };
}

/** As testPackFile, without running the tests. */
export function compilePackFile(path: string, indexes: EdmIndexes = NO_INDEXES): PackCompiling {
  const opening = openPack(path, { indexes, known: NO_KNOWN_PACKS });
  return opening instanceof Opened ? compilePack(opening) : opening;
}

/** What there is around the texts of a pack. */
export type PackSurroundings = { readonly indexes: EdmIndexes; readonly known: KnownPacks };

/** Packs one on top of the other. */
const EXTENDED_MAX = 4;

type OpenedFile = Pick<PackSource, "text" | "fileName"> & PackSurroundings;

/** A pack while it is read: keeps the texts of the files it names. */
class Opened {
  readonly text: string;
  readonly fileName: string;
  readonly indexes: EdmIndexes;
  readonly known: KnownPacks;
  readonly #read: ReadBeside;
  readonly beside = new Map<string, string>();

  constructor(file: OpenedFile, read: ReadBeside) {
    this.text = file.text;
    this.fileName = file.fileName;
    this.indexes = file.indexes;
    this.known = file.known;
    this.#read = read;
  }

  /** A pack this one extends. Its files are its own until it is `joined`. */
  within(text: string, fileName: string): Opened {
    return new Opened({ text, fileName, indexes: this.indexes, known: this.known }, this.#read);
  }

  joined(base: Opened): void {
    for (const [path, text] of base.beside) this.beside.set(path, text);
  }

  readonly read: ReadBeside = (path) => {
    const reading = this.#read(path);
    if (reading.ok) this.beside.set(path, reading.text);
    return reading;
  };

  /** Of the text alone where there is nothing else. */
  sha256(): string {
    const own = sha256Of(this.text);
    if (this.beside.size === 0) return own;
    return sha256Of([own, ...Array.from(this.beside.values(), sha256Of)].join("\n"));
  }

  source(): PackSource {
    return { text: this.text, fileName: this.fileName, beside: Object.fromEntries(this.beside) };
  }
}

function openPack(
  path: string,
  surroundings: PackSurroundings,
): Opened | { readonly ok: false; readonly errors: readonly PackError[] } {
  const reading = readDisk(path);
  if (reading.ok) return new Opened({ text: reading.text, fileName: path, ...surroundings }, readDisk);
  const message = `PST-INS-002 cannot be read: ${reading.why}`;
  return { ok: false, errors: [{ file: path, line: 1, column: 1, path: "", message }] };
}

function load(opened: Opened): PackLoading {
  const compiling = compilePack(opened);
  if (!compiling.ok) return compiling;
  const { pack, bases } = compiling;
  const { tests, errors } = testPack(compiling, opened.known);
  return errors.length > 0 ? { ok: false, errors } : { ok: true, pack, tests, source: opened.source(), bases };
}

type TestRun = { readonly tests: number; readonly errors: readonly PackError[] };

/** Runs none where they are known to pass. */
function testPack({ pack, tested, source }: Extract<PackCompiling, { ok: true }>, known: KnownPacks): TestRun {
  if (known.isTested(pack.sha256)) return { tests: 0, errors: [] };
  const errors: PackError[] = [];
  const tests = runPackTests(tested, pack, (path, message) => errors.push(source.errorAt(path, message)));
  return { tests, errors: inOrder(errors) };
}

export type PackCompiling =
  | {
      readonly ok: true;
      readonly pack: CompiledPack;
      /** With what it extends; the tests are its own. */
      readonly file: PackFile;
      /** Of its detectors only its own, so that those of the base are not tested again. */
      readonly tested: PackFile;
      /** Where a place of `file` stands in the text; null for what it extends. */
      readonly placeOf: (path: YamlPath) => YamlPath | null;
      readonly lists: PackLists;
      readonly bases: readonly string[];
      readonly source: YamlSource;
      readonly text: string;
    }
  | { readonly ok: false; readonly errors: readonly PackError[] };

/** The pack that another extends, its own tests passed. */
function loadBase(
  given: string,
  opened: Opened,
  { source, depth }: { readonly source: YamlSource; readonly depth: number },
): PackCompiling {
  const refuse = (message: string): PackCompiling => ({ ok: false, errors: [source.errorAt(["extends"], message)] });
  if (depth > EXTENDED_MAX) return refuse(`more than ${EXTENDED_MAX} packs extend each other, or one extends itself`);
  const path = besidePath(opened.fileName, given);
  const reading = opened.read(path);
  if (!reading.ok) return refuse(`${path} cannot be read: ${reading.why}`);
  const base = opened.within(reading.text, path);
  const compiling = compilePack(base, depth);
  if (!compiling.ok) return compiling;
  opened.joined(base);
  const { errors } = testPack(compiling, opened.known);
  return errors.length > 0 ? { ok: false, errors } : { ...compiling, bases: [path, ...compiling.bases] };
}

function readPack({ text, fileName, known }: Opened): YamlFile<PackFile> {
  const value = known.read(text);
  return value === null
    ? parseYamlFile(text, fileName, packSchema)
    : { ok: true, value, source: knownYaml(text, fileName) };
}

/** All but the tests. */
function compilePack(opened: Opened, depth = 0): PackCompiling {
  const { text, fileName, read, indexes } = opened;
  const reading = readPack(opened);
  if (!reading.ok) return reading;
  const { value: own, source } = reading;
  const errors: PackError[] = [];
  const report: Report = (path, message) => errors.push(source.errorAt(path, message));
  const base = own.extends === undefined ? null : loadBase(own.extends, opened, { source, depth: depth + 1 });
  if (base?.ok === false) return base;
  if (base === null) reportMissing(own, report);
  const file = base === null ? own : extendPack(base.file, own, report);
  const placeOf = placesIn(own, file);
  const lists = joinLists(base?.lists, readLists(own.detectors, { fileName, read, report }));
  const reportHere = reportAt(placeOf, file, report);
  const { detectors, phrases } = compileDetectors(file.detectors, reportHere, { lists, indexes });
  const rules = compileRules(file, file.detectors, reportHere);
  if (detectors.length === file.detectors.length && file.rules.length > 0) reportUnused(own, file, report);
  if (errors.length > 0) return { ok: false, errors: inOrder(errors) };
  const byId = new Map(detectors.map((detector) => [detector.id, detector]));
  const pack = { id: file.pack, sha256: opened.sha256(), phrases, detectors, byId, rules };
  const tested = { ...file, detectors: own.detectors };
  return { ok: true, pack, file, tested, placeOf, lists, bases: base?.bases ?? [], source, text };
}

/** Without a pack to extend, both lists are needed. */
function reportMissing(file: PackFile, report: Report): void {
  for (const key of ["detectors", "rules"] as const) {
    if (file[key].length === 0) report([key], "missing; a list is required here");
  }
  if (file.without.length > 0) report(["without"], 'belongs beside "extends"');
}

/** A detector no rule reads finds things nobody acts on: mostly a misspelt class. */
function reportUnused(own: PackFile, file: PackFile, report: Report): void {
  const text = JSON.stringify(file.rules.map((rule) => rule.when));
  own.detectors.forEach((detector, index) => {
    const isRead = [detector.id, ...detector.classes].some((name) => text.includes(`"${name}"`));
    if (!isRead) report(["detectors", index, "id"], "no rule reads this detector, by its id or by one of its classes");
  });
}

function inOrder(errors: readonly PackError[]): readonly PackError[] {
  return errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
