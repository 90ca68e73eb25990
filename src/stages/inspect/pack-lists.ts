/**
 * The lists a pack keeps in files of their own: terms of dictionaries, words of names and weights (`file`), codes that confirm a value (`among`).
 * Promises: a file that cannot be read, or was changed since it was built, is an error at the key that names it.
 */
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import type { Report } from "./compile-detectors.ts";
import type { DetectorEntry } from "./pack-schema.ts";
import { besidePath } from "./pack-source.ts";
import type { ReadBeside } from "./pack-source.ts";
import { readTermList } from "./term-list.ts";
import type { ListKind } from "./term-list.ts";

/** By the entry that names the file. */
export type PackLists = {
  readonly terms: ReadonlyMap<DetectorEntry, readonly string[]>;
  readonly codes: ReadonlyMap<DetectorEntry, ReadonlySet<string>>;
};

export const NO_LISTS: PackLists = { terms: new Map(), codes: new Map() };

type ListReader = { readonly fileName: string; readonly read: ReadBeside; readonly report: Report };

/** `fileName` is the pack that holds the entries. */
export function readLists(entries: readonly DetectorEntry[], reader: ListReader): PackLists {
  const terms = new Map<DetectorEntry, readonly string[]>();
  const codes = new Map<DetectorEntry, ReadonlySet<string>>();
  entries.forEach((entry, index) => {
    const path = ["detectors", index];
    if ("file" in entry && entry.file !== undefined) {
      const kind = entry.type === "weighed" ? "weights" : "terms";
      terms.set(entry, readList(entry.file, { kind, path: [...path, "file"] }, reader));
    }
    if ((entry.type === "regex" || entry.type === "label_id") && entry.among !== undefined) {
      const { file, first } = entry.among;
      const list = readList(file, { kind: "codes", path: [...path, "among", "file"] }, reader);
      codes.set(entry, new Set(list.map((code) => code.slice(0, first))));
    }
  });
  return { terms, codes };
}

/** Of a pack and what it extends. */
export function joinLists(a: PackLists = NO_LISTS, b: PackLists): PackLists {
  return { terms: new Map([...a.terms, ...b.terms]), codes: new Map([...a.codes, ...b.codes]) };
}

type Wanted = { readonly kind: ListKind; readonly path: YamlPath };

function readList(given: string, wanted: Wanted, { fileName, read, report }: ListReader): readonly string[] {
  const path = besidePath(fileName, given);
  const reading = read(path);
  if (!reading.ok) {
    report(wanted.path, `${path} cannot be read: ${reading.why}`);
    return [];
  }
  const { ok, ...result } = readTermList(reading.text);
  if (!ok || !("list" in result)) {
    const faults = "faults" in result ? result.faults : [];
    for (const { line, message } of faults.slice(0, 5)) report(wanted.path, `${path}:${line}: ${message}`);
    return [];
  }
  if (result.list.kind === wanted.kind) return result.list.terms;
  report(wanted.path, `${path} holds ${result.list.kind}; ${wanted.kind} are needed here`);
  return [];
}
