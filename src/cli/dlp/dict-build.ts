/**
 * Makes a list for rule packs out of what publishers give.
 * Promises: what cannot or should not be found is left out and counted by its reason; nothing is written before all was read.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { normaliseText } from "../../stages/inspect/normalise.ts";
import {
  codeKey,
  readEditedList,
  readTermList,
  termFault,
  termKey,
  termListText,
  TERMS_MAX,
} from "../../stages/inspect/term-list.ts";
import type { ListKind, TermList } from "../../stages/inspect/term-list.ts";
import { errorCode } from "../../parts/config/secret.ts";
import { CliError } from "../cli-error.ts";
import { valuesIn } from "./dict-sources.ts";
import type { Format } from "./dict-sources.ts";

export type DictOptions = Omit<TermList, "terms"> & {
  readonly format: Format;
  readonly columns: readonly string[];
  /** Files of words that are not taken, one a line. */
  readonly without: readonly string[];
  /** A term of fewer letters is a word of something else too often. */
  readonly lettersMin: number;
};

export type DictBuilt = {
  readonly file: string;
  readonly kind: ListKind;
  readonly count: number;
  /** How many were left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
};

export async function buildDict(paths: readonly string[], file: string, options: DictOptions): Promise<DictBuilt> {
  requireReplaceable(file);
  const { kind } = options;
  const unwanted = new Set<string>();
  for (const path of options.without) {
    for await (const word of valuesIn(path, { format: "lines", kind, columns: [] })) unwanted.add(termKey(word, kind));
  }
  const terms = new Map<string, string>();
  const leftOut: Record<string, number> = {};
  for (const path of paths) {
    for await (const value of valuesIn(path, options)) {
      const term = kind === "codes" ? codeKey(value) : normaliseText(value).replace(/\s+/g, " ").trim();
      const key = termKey(term, kind);
      const why = unwanted.has(key) ? "not wanted" : reasonAgainst(term, options);
      if (why !== null) leftOut[why] = (leftOut[why] ?? 0) + 1;
      else if (!terms.has(key)) terms.set(key, kind === "codes" ? term : term.toLowerCase());
      if (terms.size > TERMS_MAX) throw new CliError(`PST-INS-020 more than ${TERMS_MAX} terms`, { next: TOO_MANY });
    }
  }
  if (terms.size === 0) throw new CliError(`PST-INS-020 no term is left of ${paths.join(", ")}`, { next: NOTHING });
  const text = termListText({ ...options, terms: [...terms.values()] });
  replaceFile(file, text);
  return { file, kind, count: terms.size, leftOut };
}

/** Puts a list that was edited in order again: sorted, each term once, with a hash that fits. */
export function rebuildDict(file: string, text: string, date: string): DictBuilt {
  const reading = readEditedList(text);
  if (!reading.ok) {
    const [first = { line: 1, message: "" }, ...more] = reading.faults;
    throw new CliError(`PST-INS-020 ${file}:${first.line}: ${first.message}`, {
      next: "Correct the line and run it again; the list is untouched.",
      lines: more.map(({ line, message }) => `${file}:${line}: ${message}`),
    });
  }
  const { kind, terms } = reading.list;
  if (terms.length === 0) throw new CliError(`PST-INS-020 no term is left of ${file}`, { next: "Write one a line." });
  const count = new Set(terms.map((term) => termKey(term, kind))).size;
  replaceFile(file, termListText({ ...reading.list, date }));
  return { file, kind, count, leftOut: count === terms.length ? {} : { "stands twice": terms.length - count } };
}

function replaceFile(file: string, text: string): void {
  try {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  } catch (error) {
    throw new CliError(`PST-INS-020 ${file} cannot be written (${errorCode(error)})`, {
      next: "Check folder, rights and free space; a list that was there before is untouched.",
    });
  }
}

const TOO_MANY = "Take fewer: another --column, a narrower source, or a second list.";
const NOTHING = "Say how it is to be read with --format and --column, or lower --letters-min.";

function reasonAgainst(term: string, { kind, lettersMin }: DictOptions): string | null {
  const fault = termFault(term, kind);
  if (fault !== null) return fault;
  if (kind === "codes") return term.length < 3 ? "shorter than 3 characters" : null;
  const letters = term.replace(/\P{L}/gu, "").length;
  return letters < lettersMin ? `fewer than ${lettersMin} letters` : null;
}

/** A list may be built anew; anything else is not written over. */
function requireReplaceable(file: string): void {
  if (!existsSync(file)) return;
  const reading = readTermList(readFileSync(file, "utf8"));
  if (reading.ok || reading.faults.every(({ message }) => !message.startsWith("no list"))) return;
  throw new CliError(`PST-INS-020 ${file} is there and is no list of terms`, {
    next: "Name another file with --out, or remove it first.",
  });
}
