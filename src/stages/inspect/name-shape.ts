/**
 * Recognises names that no list knows, by how they are written: `T. Brandvold`, `Mendoza, L.`, two capitalised words, one after
 * a relation (`my son Kwame`), one that opens an entry (`07:30 Castellanos - …`), one amid a sentence (`please call Freya`).
 * Promises: linear time; a word that stands in any list of the pack, other than given names, is no name. Far weaker evidence
 * than person-name.ts: rules must ask for more beside it. Pure.
 * Levels: 60 after a relation, 55 with an initial or an age, 50 turned round (`Mendoza, Luz 5108`, `MENDOZA, LUZ`), 45 two words,
 * 35 one word that opens an entry, 30 a given name by itself, in capitals or not, 25 one amid a sentence or that does what people do.
 */
import type { Candidate, DetectionMethod, ScannedSegment } from "./compiled-pack.ts";
import { normaliseValue } from "./normalise.ts";

type ShapeMethod = Extract<DetectionMethod, { kind: "shape" }>;
type Word = { readonly start: number; readonly end: number };

/** `Brandvold`, `McKay`, `O'Hara`, `Smith-Jones`; whole words of two letters or more. */
const NAME =
  /(?:[OD]['’])?\p{Lu}\p{Ll}{1,20}(?:\p{Lu}\p{Ll}{1,20})?(?:-(?:\p{Lu}\p{Ll}{1,20}|(?:ah?|ae|bin|bok|chan|chul|e?un|fang|fen|hee|ho|ho?on|hua|hun|hwan|hy[eu]n?|ja[eo]?|ji|jin|j[ou]+ng?|ki|kyu(?:ng)?|lan|lin|mei|mi|min|ming|na|ok|ping|qi|rae?|ri[mn]?|seok|seon|soo?k?|suk?|sun|tae|wei|w[oe]n|woo|yan|yeon|ying|yi|yo?ng|you?ng|yu)))?(?![\p{L}\p{N}])/uy;
const INITIAL_MARKS = new Set([".", " "]);
const INITIAL = /\p{Lu}\.? (?=\p{Lu}\p{Ll}|[OD]['’])/uy;
/** After a surname: `, L.` `, L ` or a letter alone before a mark that ends it. */
const INITIAL_AFTER = /(?:, ?\p{Lu}(?:\.|(?=[ ,:;)\n]|$))| \p{Lu}(?:\.(?! \p{Lu}\p{Ll})|(?=[:,;)]|$)))/uy;
/** What follows a name that opens an entry. */
const ENTRY_END = /(?: [-–(]|,|:) ?/y;
const ENTRY_START =
  /(?:^|\n)(?:\[[ x]?\])?[\s\d:.)#*•>-]{0,12}(?:(?:(?:bed|room|rm) ?)?\d{1,4}-?[a-z]?[:, -]{1,3})?(?:mrs?\.? |ms\.? )?$/i;
const ENTRY_CHARS_MAX = 32;
/** `Ruiz, Hector, 66`, `Ruiz, Hector (ward 6)`: what follows a name turned round. */
const TURNED_END =
  /(?: \p{Lu}(?:\.|\p{Ll}{1,15})?)?(?=,? {1,8}(?:\d|\(|DOB|dob|MRN|mrn|born|age|[rR]m )|[:;)]|,? - | {2,8}\S)/uy;
/** `GUTIERREZ, LUZ`, `ABDULLAHI, FAISAL M`, as lists and labels of systems print it. */
const PRINTED =
  /(?:\p{Lu}{2,20}[-'’ ])?\p{Lu}{2,20}, {0,2}\p{Lu}{2,15}(?: \p{Lu}{1,15}\.?)?(?=,? {1,8}(?:\d|\(|DOB|MRN)|[:;)]|,? - | {2,8}\S|\n|$)/uy;
/** An age behind a name: `Odile Brandvold, 62,`, `Odile Brandvold (62)`, `Odile Brandvold, 62M`. */
const AGE = /,? \(?(?:[1-9]\d?|1[01]\d) ?(?:[FM]\b|[yY](?:\/?o\b|rs?\b)|-?year|(?=[,);.] |[,);.]\n|\)))/y;
/** All that stands before the one word of a subject: `Re: MacAllister`. */
const SUBJECT_START = /^(?:(?:re|fwd?|aw|wg): ?){0,4}$/i;
/** Or what the mail is about, and whom: `records request - MacAllister`. */
const SUBJECT_ABOUT = /(?:\p{Ll}| (?:#?\d{1,12}|[\p{Lu}]{2,5})) ?(?: [-–—/|]{1,2}|:| for| of| re) $/u;
/** A word in lower case before it, with no mark between, and none with a capital behind it. */
const AMID_START = /(?:^|[^\p{L}])\p{Ll}{1,20} $/u;
const AMID_CHARS_MAX = 22;
const AMID_END = /(?! \p{Lu})/uy;
/** What people do or have done to them, behind a name that opens a sentence. */
const DOES =
  /(?:'s|’s)? (?:has|had|is|was|needs?|wants?|said|says|took|takes|came|comes|called|asked|did|does|went|lost|got|still|cannot|can|feels|felt|refuse[sd]|missed|will|may|keeps|kept) /y;
/** Before a given name that is no patient's: who is greeted or thanked, who did it, and parts of addresses, paths and names. */
const GIVEN_BEHIND =
  /(?:^|[\s,.!-])(?:dear|hi|hey|hello|thanks|thank you|morning|afternoon|evening|regards|cheers|dr|by|st|from|to|cc|nurse|with|ask|tell|see|sr|fr|saint|san|santa)[.,!]? ?$|[@._/=\\&\p{L}\p{N}-]$|\n\s{0,8}[-–~]{0,2} ?$/iu;
const GIVEN_BEFORE_CHARS = 24;
const GIVEN_CHARS_MIN = 4;
/** Behind one: a word, a possessive, or a mark before more of the sentence. */
const GIVEN_END = /(?=['’]s |,? \p{Ll}| \(|\)|:| -|[.,;?!](?:\s|$))/uy;
/** Given names that are common words: in lower case they are the word. */
const WORDS_TOO = new Set(
  (
    "april august autumn angel amber basil bill brandy brook brooke buddy carol case charity chase chip christian clay cole cruz crystal daisy dale " +
    "dawn dean destiny drew earl ernest eve faith fern flora forest forrest frank garland gene ginger glen grace grady grant guy harmony hazel heath " +
    "heather holly hope hunter iris ivory ivy jack jade jasper jean jewel john joy june justice justin kelly king lance lane laurel lily love luke madison " +
    "major marina mark mason mateo maya melody mercy merry miles miss misty nick nova olive opal page parker patience pearl penny piper porter " +
    "precious prince princess rain ray reed rich robin rocky rose ruby rusty sage sandy savannah scarlett scout sierra sky sterling stone storm " +
    "summer sunny terry tiffany trinity troy tony ursula valentine vera victor violet viola wade walker ward warren will willow winter wren " +
    "chance colt dakota dallas denver destiny diamond florence georgia india jordan kenya london lourdes marcel memo mercedes milan olympia paris phoenix sidney sydney virginia valencia"
  ).split(" "),
);
const FIRST_CAPITAL = 65;
const LAST_CAPITAL = 90;
const FIRST_SMALL = 97;
const LAST_SMALL = 122;
const PLAIN_CHARS_MAX = 21;
/** None of them is part of a name. */
const ENDS_NAME = new Set(Array.from(' \n\t.,:;!?()[]/"', (mark) => mark.charCodeAt(0)));
const FIRST_LETTER_BEYOND_ASCII = 0xc0;

export function findShapes(
  scan: ScannedSegment,
  { relations, notNames, givenNames }: ShapeMethod,
): readonly Candidate[] {
  const { text } = scan.segment;
  const { bounds, count } = scan.tokens;
  const isOfSubject = scan.segment.kind === "subject";
  const relationEnds = new Set(scan.hits.of(relations).map(({ end }) => end));
  const found: Candidate[] = [];
  let last = 0;
  for (let token = 0; token < count; token += 1) {
    const start = bounds[token * 2] ?? 0;
    const code = text.charCodeAt(start);
    const isCapital = (code >= FIRST_CAPITAL && code <= LAST_CAPITAL) || code >= FIRST_LETTER_BEYOND_ASCII;
    if (!isCapital || start < last) continue;
    const before = token === 0 ? -1 : (bounds[token * 2 - 1] ?? -1);
    const candidate = shapeAt(text, start, {
      notNames,
      isRelated: relationEnds.has(before) && start - before < 3,
      isOfSubject,
    });
    if (candidate === null) continue;
    last = candidate.end;
    if (!scan.senderNames.has(normaliseValue(candidate.value))) found.push(candidate);
  }
  for (const set of givenNames) addGivenNames(found, scan, set);
  return found;
}

/** Given names by themselves, in capitals or not: neither in an address or a path, nor who is greeted or who signs. */
function addGivenNames(found: Candidate[], scan: ScannedSegment, set: number): void {
  const hits = scan.hits.of(set);
  if (hits.length === 0) return;
  const { text } = scan.segment;
  const known = new Set(found.map(({ start }) => start));
  for (const { start, end } of hits) {
    const value = text.slice(start, end);
    if (end - start < GIVEN_CHARS_MIN || known.has(start) || scan.senderNames.has(normaliseValue(value))) continue;
    if (GIVEN_BEHIND.test(text.slice(Math.max(0, start - GIVEN_BEFORE_CHARS), start))) continue;
    if (matchEnd(GIVEN_END, text, end) === null) continue;
    if (value === value.toLowerCase() && WORDS_TOO.has(value)) continue;
    found.push({ start, end, value, base: 30 });
  }
}

type Where = { readonly notNames: ReadonlySet<string>; readonly isRelated: boolean; readonly isOfSubject: boolean };

function shapeAt(text: string, start: number, { notNames, isRelated, isOfSubject }: Where): Candidate | null {
  const initial = INITIAL_MARKS.has(text.charAt(start + 1)) ? matchEnd(INITIAL, text, start) : null;
  if (initial !== null) {
    const surname = nameAt(text, initial, notNames);
    return surname === null ? null : { ...spanOf(text, start, surname.end), base: 55 };
  }
  const first = nameAt(text, start, notNames);
  if (first === null) return printedAt(text, start, notNames);
  const afterInitial = matchEnd(INITIAL_AFTER, text, first.end);
  if (afterInitial !== null) return { ...spanOf(text, start, afterInitial), base: 55 };
  const second = text.charAt(first.end) === " " ? nameAt(text, first.end + 1, notNames) : null;
  if (isRelated) return { ...spanOf(text, start, (second ?? first).end), base: 60 };
  if (second !== null)
    return { ...spanOf(text, start, second.end), base: matchEnd(AGE, text, second.end) === null ? 45 : 55 };
  const turned = text.startsWith(", ", first.end) ? nameAt(text, first.end + 2, notNames) : null;
  const turnedEnd = turned === null ? null : matchEnd(TURNED_END, text, turned.end);
  if (turnedEnd !== null) return { ...spanOf(text, start, turnedEnd), base: 50 };
  return oneWordAt(text, first, isOfSubject);
}

/** Capitals alone may be any heading: both words must be in no list, and something of an entry must follow. */
function printedAt(text: string, start: number, notNames: ReadonlySet<string>): Candidate | null {
  const second = text.charCodeAt(start + 1);
  if (second < FIRST_CAPITAL || (second > LAST_CAPITAL && second < FIRST_LETTER_BEYOND_ASCII)) return null;
  const end = matchEnd(PRINTED, text, start);
  if (end === null) return null;
  const words = text
    .slice(start, end)
    .toLowerCase()
    .split(/[^\p{L}]+/u);
  return words.some((word) => notNames.has(word)) ? null : { ...spanOf(text, start, end), base: 50 };
}

function oneWordAt(text: string, name: Word, isOfSubject: boolean): Candidate | null {
  const { start } = name;
  const span = spanOf(text, start, name.end);
  const opensEntry =
    matchEnd(ENTRY_END, text, name.end) !== null &&
    ENTRY_START.test(text.slice(Math.max(0, start - ENTRY_CHARS_MAX), start));
  if (opensEntry) return { ...span, base: 35 };
  const isAmid =
    matchEnd(AMID_END, text, name.end) !== null &&
    AMID_START.test(text.slice(Math.max(0, start - AMID_CHARS_MAX), start));
  const isLast = isOfSubject && name.end === text.length;
  if (isLast && SUBJECT_ABOUT.test(text.slice(0, start))) return { ...span, base: 45 };
  const isSubject = name.end === text.length && SUBJECT_START.test(text.slice(0, start));
  return isAmid || isSubject || matchEnd(DOES, text, name.end) !== null ? { ...span, base: 25 } : null;
}

function nameAt(text: string, start: number, notNames: ReadonlySet<string>): Word | null {
  const end = plainNameEnd(text, start) ?? matchEnd(NAME, text, start);
  return end === null || notNames.has(text.slice(start, end).toLowerCase()) ? null : { start, end };
}

/** Where NAME ends, without running it: a capital and small letters of ASCII that nothing of a name follows. null where that is not so. */
function plainNameEnd(text: string, start: number): number | null {
  if (!isBetween(text.charCodeAt(start), FIRST_CAPITAL, LAST_CAPITAL)) return null;
  let end = start + 1;
  while (isBetween(text.charCodeAt(end), FIRST_SMALL, LAST_SMALL)) end += 1;
  const chars = end - start;
  const isEnd = end >= text.length || ENDS_NAME.has(text.charCodeAt(end));
  return chars > 1 && chars <= PLAIN_CHARS_MAX && isEnd ? end : null;
}

function isBetween(code: number, first: number, last: number): boolean {
  return code >= first && code <= last;
}

function matchEnd(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

function spanOf(text: string, start: number, end: number): Candidate {
  return { start, end, value: text.slice(start, end) };
}
