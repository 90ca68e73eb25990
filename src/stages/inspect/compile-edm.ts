/**
 * Turns a detector of type `edm` into what the engine runs: the index it names, opened by whoever loads the pack, and a small
 * one of the detector's own invented rows for the tests of the pack.
 * Promises: a field the index does not hold and an index nobody knows are errors with their place.
 */
import { didYouMean } from "../../parts/config/did-you-mean.ts";
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { EdmBuilder } from "../../parts/edm/edm-builder.ts";
import { COLUMN_KINDS, EDM_FIELDS, fieldSet, fieldsOfKinds } from "../../parts/edm/edm-fields.ts";
import type { ColumnKind } from "../../parts/edm/edm-fields.ts";
import { EdmKey } from "../../parts/edm/edm-hash.ts";
import { EdmIndex } from "../../parts/edm/edm-index.ts";
import { addRow } from "../../parts/edm/patient-row.ts";
import type { DetectorEntryOf, Report } from "./compile-detectors.ts";
import type { ExactMethod } from "./exact-match.ts";

/** The indexes a pack may name. */
export interface EdmIndexes {
  readonly names: readonly string[];
  /** null: there is none of this name. */
  find(name: string): EdmIndex | null;
}

export const NO_INDEXES: EdmIndexes = { names: [], find: () => null };

type EdmEntry = DetectorEntryOf<"edm">;

const SAMPLE_KEY = new EdmKey(Buffer.alloc(32, 1));
const SAMPLE_VALUES_MAX = 1_000;
/** Of the dates of samples, whose years have four digits. */
const SAMPLE_YEAR_MAX = 2000;
const EMPTY = sampleOf([], () => undefined);
/** Where packs are looked at without the gateway's configuration: whatever they name is there, and holds nobody. */
export const ASSUMED_INDEXES: EdmIndexes = { names: [], find: () => EMPTY };

export function indexesOf(indexes: ReadonlyMap<string, EdmIndex>): EdmIndexes {
  return { names: [...indexes.keys()], find: (name) => indexes.get(name) ?? null };
}

export function compileEdm(
  entry: EdmEntry,
  path: YamlPath,
  { indexes, report }: { readonly indexes: EdmIndexes; readonly report: Report },
): ExactMethod | null {
  const index = indexes.find(entry.index);
  const sample = sampleOf(entry.sample, (position, kind) =>
    report([...path, "sample", position, kind], `is no ${kind} that could be found in a text`),
  );
  if (index === null) {
    const hint = didYouMean(entry.index, indexes.names);
    report([...path, "index"], `no index is called "${entry.index}" under dlp.edm of the configuration.${hint}`);
    return null;
  }
  (entry.fields ?? []).forEach((field, position) => {
    if (index.holds(field)) return;
    report([...path, "fields", position], `the index "${entry.index}" holds no ${field}`);
  });
  const fields = fieldSet(entry.fields ?? EDM_FIELDS.filter((field) => field !== "surname"));
  entry.alone.forEach((field, position) => {
    if ((fields & fieldSet([field])) === 0) report([...path, "alone", position], `${field} must stand in fields too`);
  });
  return {
    kind: "edm",
    index,
    sample,
    fields,
    alone: fieldSet(entry.alone),
    minFields: entry.min_fields,
    withinChars: entry.within,
  };
}

type Sample = EdmEntry["sample"];

function sampleOf(rows: Sample, onUnreadable: (position: number, kind: ColumnKind) => void): EdmIndex {
  const keys = SAMPLE_KEY.lookupKeys();
  const builder = new EdmBuilder(keys, SAMPLE_VALUES_MAX);
  rows.forEach((row, position) => {
    const cells = COLUMN_KINDS.map((kind) => row[kind] ?? "");
    addRow(builder, cells, {
      kinds: COLUMN_KINDS,
      dates: "mdy",
      yearMax: SAMPLE_YEAR_MAX,
      onUnreadable: (column) => onUnreadable(position, COLUMN_KINDS[column] ?? "name"),
    });
  });
  const { sections, values } = builder.finish();
  const fields = fieldsOfKinds(COLUMN_KINDS);
  const facts = { created: 0, keyId: SAMPLE_KEY.id, rows: rows.length, columns: [], fields, values, oneIn: {} };
  return new EdmIndex(facts, sections, keys);
}
