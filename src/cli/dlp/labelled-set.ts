/**
 * Reads labelled mails and texts, for measuring a rule pack: JSON Lines (`.jsonl`, `.jsonl.gz`), folders whose folders are
 * named by their label, and `LABEL=PATH` for a file, a folder or a `.tar.gz` of which everything has one label.
 * A row is `{id, label, text | raw, spans?}`: `text` is judged like a text file, `raw` is a message as latin1.
 */
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import type { Dirent } from "node:fs";
import { basename, join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { CliError } from "../cli-error.ts";
import { FILE_BYTES_MAX, filesIn, requireContent, requireReadable } from "./files.ts";
import { readTar } from "./tar.ts";

/** A value somebody marked in a text; `start` counts its characters. */
export type Span = { readonly type: string; readonly value: string; readonly start: number };
export type Sample = {
  readonly id: string;
  readonly label: string;
  readonly bytes: Buffer;
  /** What inspection is told: tells messages from other files. */
  readonly name: string;
  readonly spans: readonly Span[];
};
/** Samples of one file or folder. */
export type LabelledSet = { readonly name: string; readonly samples: readonly Sample[] };

export const SPLITS = ["dev", "test", "all"] as const;
export type Split = (typeof SPLITS)[number];

const LABEL = /^[a-z][a-z0-9_]{0,39}$/;

/** Half of all ids, whatever set they stand in: the first bit of the SHA-256 of the id, 0 for dev, 1 for test. */
export function splitOf(id: string): Exclude<Split, "all"> {
  return (createHash("sha256").update(id).digest()[0] ?? 0) < 128 ? "dev" : "test";
}

/** Throws CliError for what is no labelled set, and for one without a message: a figure of nothing would look like a good one. */
export function readLabelledSet(argument: string): LabelledSet {
  const set = readSet(argument);
  if (set.samples.length > 0) return set;
  throw new CliError(`PST-INS-014 ${argument} holds no message`, { next: "name a set that holds some.", exitCode: 2 });
}

function readSet(argument: string): LabelledSet {
  const [, label, labelled] = /^([a-z][a-z0-9_]{0,39})=(.+)$/.exec(argument) ?? [];
  const path = labelled ?? argument;
  requireReadable([path]);
  const name = basename(path).replace(/\.(?:jsonl|jsonl\.gz|tar\.gz|tgz)$/, "");
  if (label !== undefined) return { name, samples: samplesOf(path, label) };
  if (statSync(path).isDirectory()) return { name, samples: readFolders(path) };
  if (/\.jsonl(?:\.gz)?$/.test(path)) return { name, samples: readRows(path) };
  throw new CliError(`PST-INS-014 ${path} says nothing about labels`, {
    next: "write LABEL=PATH, such as phi=./mails, or name a .jsonl file or a folder of folders named by their label.",
    exitCode: 2,
  });
}

function samplesOf(path: string, label: string): readonly Sample[] {
  if (/\.(?:tar\.gz|tgz)$/.test(path)) {
    return readTar(unpacked(path)).map(({ name, bytes }) => ({ id: name, label, bytes, name, spans: [] }));
  }
  const isFolder = statSync(path).isDirectory();
  return filesIn(path).map((file) => ({
    id: isFolder ? relative(path, file) : basename(file),
    label,
    bytes: requireContent(file).bytes,
    name: basename(file),
    spans: [],
  }));
}

/** The folder's folders are labels. */
function readFolders(path: string): readonly Sample[] {
  const labels = entriesOf(path).filter((each) => each.isDirectory() && LABEL.test(each.name));
  if (labels.length > 0) return labels.flatMap(({ name }) => samplesOf(join(path, name), name));
  throw new CliError(`PST-INS-014 ${path} holds no folder named by a label`, {
    next: "put messages into folders such as phi/ and clean/ in it, or write LABEL=PATH.",
    exitCode: 2,
  });
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    throw new CliError(`PST-INS-003 ${folder} cannot be read`, { next: "check its permissions." });
  }
}

function readRows(path: string): readonly Sample[] {
  const text = (path.endsWith(".gz") ? unpacked(path) : requireContent(path).bytes).toString("utf8");
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const sample = toSample(line);
    if (sample !== null) return [sample];
    throw new CliError(`PST-INS-014 ${path}:${index + 1} is no labelled row`, {
      next: 'write one JSON object a line: {"id": "a1", "label": "phi", "text": "…"}.',
    });
  });
}

function toSample(line: string): Sample | null {
  const row = parsed(line);
  const { id, label, text, raw, spans } = row ?? {};
  if (typeof id !== "string" || typeof label !== "string" || !LABEL.test(label)) return null;
  const marked = Array.isArray(spans) ? spans.filter(isSpan) : [];
  if (typeof raw === "string") return { id, label, bytes: Buffer.from(raw, "latin1"), name: "row.eml", spans: marked };
  return typeof text === "string" ? { id, label, bytes: Buffer.from(text), name: "row.txt", spans: marked } : null;
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function isSpan(value: unknown): value is Span {
  if (typeof value !== "object" || value === null) return false;
  const { type, value: text, start } = value as Readonly<Record<string, unknown>>;
  return typeof type === "string" && typeof text === "string" && typeof start === "number";
}

function unpacked(path: string): Buffer {
  try {
    return gunzipSync(requireContent(path).bytes, { maxOutputLength: FILE_BYTES_MAX });
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`PST-INS-003 ${path} cannot be unpacked`, {
      next: `check that it is a whole gzip file of at most ${FILE_BYTES_MAX} bytes unpacked.`,
    });
  }
}
