/**
 * Files of terms or codes beside a rule pack, as `postern dlp dict build` writes them: a header that says where they come from,
 * then one a line, sorted, each once.
 * Promises: a list that reads well has a source, a licence and a date, and nothing in it was changed since it was built. Pure.
 */
import { createHash } from "node:crypto";
import { normaliseText } from "./normalise.ts";
import { PHRASE_WORDS_MAX, wordsOf } from "./tokens.ts";

const FIRST_LINE = "postern-terms 1";
export const TERMS_MAX = 300_000;
export const TERM_CHARS_MAX = 120;
const FIELDS = ["source", "licence", "date", "kind", "count", "sha256"] as const;
type Field = (typeof FIELDS)[number];

/** `terms` are found in texts; `codes` confirm values found otherwise. */
export const LIST_KINDS = ["terms", "codes"] as const;
export type ListKind = (typeof LIST_KINDS)[number];

export type TermList = {
  readonly source: string;
  readonly licence: string;
  /** `YYYY-MM-DD`, of the source. */
  readonly date: string;
  readonly kind: ListKind;
  readonly terms: readonly string[];
};

export type ListFault = { readonly line: number; readonly message: string };
export type ListReading =
  { readonly ok: true; readonly list: TermList } | { readonly ok: false; readonly faults: readonly ListFault[] };

/** Faults told of one file. */
const FAULTS_MAX = 20;

/** What two terms of a list are compared by: whole words in any case, or the letters and digits of a code. */
export function termKey(term: string, kind: ListKind): string {
  return kind === "terms" ? wordsOf(term).join(" ") : codeKey(term);
}

/** `e11.9` and `E119` are one code. */
export function codeKey(code: string): string {
  return code.replace(/[^A-Za-z0-9]/g, "").toUpperCase();
}

/** Why a term cannot stand in a list; null where it can. */
export function termFault(term: string, kind: ListKind): string | null {
  if (term.length > TERM_CHARS_MAX) return `longer than ${TERM_CHARS_MAX} characters`;
  if (termKey(term, kind) === "") return "holds no letter or digit, so it never matches";
  if (kind === "codes") return codeKey(term) === term ? null : "a code is written in capitals and digits only";
  if (normaliseText(term) !== term) return "is not in the form in which texts are compared";
  return wordsOf(term).length > PHRASE_WORDS_MAX ? `has more than ${PHRASE_WORDS_MAX} words` : null;
}

/** Sorted, each once; terms that cannot stand in a list are the caller's to leave out. */
export function termListText({ source, licence, date, kind, terms }: TermList): string {
  const byKey = new Map(terms.map((term) => [termKey(term, kind), term]));
  const lines = Array.from(byKey, ([, term]) => term).toSorted(byCodeUnits);
  const body = lines.map((line) => `${line}\n`).join("");
  const header: Readonly<Record<Field, string>> = {
    source,
    licence,
    date,
    kind,
    count: String(lines.length),
    sha256: hashOf(body),
  };
  return [FIRST_LINE, ...FIELDS.map((field) => `${field}: ${header[field]}`), "", body].join("\n");
}

export function readTermList(text: string): ListReading {
  const faults: ListFault[] = [];
  const fault = (line: number, message: string): void => {
    if (faults.length < FAULTS_MAX) faults.push({ line, message });
  };
  const end = text.indexOf("\n\n");
  const [first, ...header] = (end < 0 ? text.slice(0, 200) : text.slice(0, end)).split("\n");
  if (first !== FIRST_LINE || end < 0) {
    return { ok: false, faults: [{ line: 1, message: `no list of terms: it does not begin with "${FIRST_LINE}"` }] };
  }
  const fields = readHeader(header, fault);
  const body = text.slice(end + 2);
  const kind = LIST_KINDS.find((each) => each === fields.get("kind"));
  if (kind === undefined) fault(1, `kind is one of ${LIST_KINDS.join(", ")}`);
  const terms = body.split("\n");
  if (terms.pop() !== "") fault(header.length + 2 + terms.length, "the last line is cut");
  if (terms.length > TERMS_MAX) fault(1, `holds more than ${TERMS_MAX} terms`);
  else if (kind !== undefined) checkTerms(terms, kind, { firstLine: header.length + 3, fault });
  if (Number(fields.get("count")) !== terms.length) fault(1, `holds ${terms.length} terms, not as many as it says`);
  if (fields.get("sha256") !== hashOf(body)) fault(1, "was changed after it was built: its hash does not fit");
  if (faults.length > 0 || kind === undefined) return { ok: false, faults };
  const [source = "", licence = "", date = ""] = (["source", "licence", "date"] as const).map((key) => fields.get(key));
  return { ok: true, list: { source, licence, date, kind, terms } };
}

type TellFault = (line: number, message: string) => void;

function readHeader(lines: readonly string[], fault: TellFault): ReadonlyMap<Field, string> {
  const fields = new Map<Field, string>();
  lines.forEach((line, index) => {
    const [name = "", ...rest] = line.split(": ");
    const field = FIELDS.find((each) => each === name);
    const value = rest.join(": ").trim();
    if (field === undefined || value === "" || fields.has(field)) {
      fault(index + 2, `expected each of ${FIELDS.join(", ")} once, with a value`);
    } else fields.set(field, value);
  });
  for (const field of FIELDS) if (!fields.has(field)) fault(1, `"${field}" is missing in the header`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(fields.get("date") ?? "2000-01-01")) fault(1, "date is not YYYY-MM-DD");
  return fields;
}

type TermsAt = { readonly firstLine: number; readonly fault: TellFault };

function checkTerms(terms: readonly string[], kind: ListKind, { firstLine, fault }: TermsAt): void {
  const seen = new Set<string>();
  terms.forEach((term, index) => {
    const wrong = termFault(term, kind);
    const key = termKey(term, kind);
    if (wrong !== null) fault(firstLine + index, wrong);
    else if (seen.has(key)) fault(firstLine + index, "stands twice");
    else if (index > 0 && byCodeUnits(terms[index - 1] ?? "", term) > 0) fault(firstLine + index, "is out of order");
    seen.add(key);
  });
}

/** The same on every machine, unlike the order of a language. */
function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
