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
const TOO_MANY_WORDS = `has more than ${PHRASE_WORDS_MAX} words`;
const SPACE = 32;
const FIELDS = ["source", "licence", "date", "kind", "count", "sha256"] as const;
type Field = (typeof FIELDS)[number];

/** `terms` are found in texts; `codes` confirm values found otherwise; `weights` say what each word or class of a message speaks for. */
export const LIST_KINDS = ["terms", "codes", "weights"] as const;
/** A word, a number by its length or a sign; or a class and how much of it, the size, the base. Then hundredths. */
const WEIGHT =
  /^(?:[a-z']{1,40}|0{1,8}|[#$%/]|@base|@chars\*\d{1,6}|@[a-z][a-z0-9._-]{0,39}>=\d{1,3}\*\d{1,4}) -?\d{1,4}$/;
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
  if (kind === "weights") return term.split(" ", 1)[0] ?? "";
  if (plainWords(term, kind) > 0) return term;
  return kind === "terms" ? wordsOf(term).join(" ") : codeKey(term);
}

/** `e11.9` and `E119` are one code. */
export function codeKey(code: string): string {
  return code.replace(/[^A-Za-z0-9]/g, "").toUpperCase();
}

/** How many words a term has that is in the right form by a look at it, as most are: small letters, digits, single spaces; or a code. Else 0. */
function plainWords(term: string, kind: ListKind): number {
  let words = 0;
  let last = SPACE;
  for (let at = 0; at < term.length; at += 1) {
    const code = term.charCodeAt(at);
    const isDigit = code >= 48 && code <= 57;
    const isLetter = kind === "terms" ? code >= 97 && code <= 122 : code >= 65 && code <= 90;
    if (!isDigit && !isLetter && (code !== SPACE || last === SPACE || kind === "codes")) return 0;
    if (last === SPACE) words += 1;
    last = code;
  }
  return last === SPACE ? 0 : words;
}

/** Why a term cannot stand in a list; null where it can. */
export function termFault(term: string, kind: ListKind): string | null {
  if (kind === "weights") return WEIGHT.test(term) ? null : "is no word or class with its weight, such as `chemo 35`";
  if (term.length > TERM_CHARS_MAX) return `longer than ${TERM_CHARS_MAX} characters`;
  const words = plainWords(term, kind);
  if (words > PHRASE_WORDS_MAX) return TOO_MANY_WORDS;
  if (words > 0) return null;
  if (termKey(term, kind) === "") return "holds no letter or digit, so it never matches";
  if (kind === "codes") return codeKey(term) === term ? null : "a code is written in capitals and digits only";
  if (normaliseText(term) !== term) return "is not in the form in which texts are compared";
  return wordsOf(term).length > PHRASE_WORDS_MAX ? TOO_MANY_WORDS : null;
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

/** A list as it was built; anything else is a fault. */
export function readTermList(text: string): ListReading {
  const { parts, faults, fault } = openList(text);
  if (parts === null) return { ok: false, faults };
  const { fields, body, lines, firstLine, list } = parts;
  if (list !== null && lines.length <= TERMS_MAX) checkTerms(lines, list.kind, { firstLine, fault });
  if (Number(fields.get("count")) !== lines.length) fault(1, `holds ${lines.length} terms, not as many as it says`);
  if (fields.get("sha256") !== hashOf(body))
    fault(1, "was changed after it was built: its hash does not fit; `postern dlp dict rebuild` makes it whole");
  return faults.length > 0 || list === null ? { ok: false, faults } : { ok: true, list };
}

/** A list that was edited since: terms in any order, blank lines and remarks (`#`) among them. termListText makes it whole again. */
export function readEditedList(text: string): ListReading {
  const { parts, faults, fault } = openList(text);
  if (parts === null) return { ok: false, faults };
  const { lines, firstLine, list } = parts;
  if (list === null) return { ok: false, faults };
  const terms: string[] = [];
  lines.forEach((line, index) => {
    if (/^\s*(?:#|$)/.test(line)) return;
    const term = inForm(line, list.kind);
    const wrong = termFault(term, list.kind);
    if (wrong === null) terms.push(term);
    else fault(firstLine + index, wrong);
  });
  return faults.length > 0 ? { ok: false, faults } : { ok: true, list: { ...list, terms } };
}

function inForm(line: string, kind: ListKind): string {
  if (kind === "codes") return codeKey(line);
  const plain = normaliseText(line).replace(/\s+/g, " ").trim();
  return plain.toLowerCase();
}

type ListParts = {
  readonly fields: ReadonlyMap<Field, string>;
  readonly body: string;
  readonly lines: readonly string[];
  readonly firstLine: number;
  /** null where the header does not say of which kind. */
  readonly list: TermList | null;
};
type Opening = { readonly parts: ListParts | null; readonly faults: readonly ListFault[]; readonly fault: TellFault };

/** Splits header and terms, and checks the header. */
function openList(text: string): Opening {
  const faults: ListFault[] = [];
  const fault: TellFault = (line, message) => {
    if (faults.length < FAULTS_MAX) faults.push({ line, message });
  };
  const end = text.indexOf("\n\n");
  const [first, ...header] = (end < 0 ? text.slice(0, 200) : text.slice(0, end)).split("\n");
  if (first === `${FIRST_LINE}\r`) fault(1, "its lines end as on Windows; write them with a line feed alone");
  else if (first !== FIRST_LINE || end < 0) {
    fault(1, `no list of terms: it does not begin with "${FIRST_LINE}"`);
    return { parts: null, faults, fault };
  }
  const fields = readHeader(header, fault);
  const kind = LIST_KINDS.find((each) => each === fields.get("kind"));
  if (kind === undefined) fault(1, `kind is one of ${LIST_KINDS.join(", ")}`);
  const body = text.slice(end + 2);
  const lines = body.split("\n");
  const firstLine = header.length + 3;
  if (lines.pop() !== "") fault(firstLine + lines.length - 1, "the last line is cut");
  if (lines.length > TERMS_MAX) fault(1, `holds more than ${TERMS_MAX} terms`);
  const [source = "", licence = "", date = ""] = (["source", "licence", "date"] as const).map((key) => fields.get(key));
  const list = kind === undefined ? null : { source, licence, date, kind, terms: lines };
  return { parts: { fields, body, lines, firstLine, list }, faults, fault };
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
