/**
 * Names the elements of X12 transactions of health insurance (ASC X12 270 to 278, 820, 834, 835, 837): `NM1*IL` becomes a name and a
 * member's number. Promises: pure; linear in the text; the separators are those of the interchange, else the usual ones.
 */
import type { RecordLines } from "./record-lines.ts";

/** Whose name it is (element 98): people who are insured or treated. Others are named without a label. */
const PEOPLE: Readonly<Record<string, string>> = {
  IL: "Insured",
  QC: "Patient Name",
  "03": "Dependent",
  "74": "Corrected insured",
  S1: "Guardian",
  GD: "Guardian",
  "31": "Patient's address",
};
/** What a number is (elements 66 and 128). */
const NUMBERS: Readonly<Record<string, string>> = {
  MI: "Member ID",
  HN: "Medicare number",
  MR: "Medicaid ID",
  "34": "SSN",
  SY: "SSN",
  EA: "Medical record number",
  EJ: "Patient account number",
  "0F": "Subscriber number",
  "1L": "Group number",
  "6P": "Group number",
  IG: "Policy number",
  "1W": "Member ID",
  D9: "Claim number",
  "1K": "Claim number",
  F8: "Claim number",
  G1: "Prior authorization number",
  "9F": "Referral number",
};
const DATES: Readonly<Record<string, string>> = {
  "472": "Date of service",
  "435": "Admission date",
  "096": "Discharge date",
};
const OPENING = /(?:^|[~\n\r' ])(?:ISA|NM1|ST)[*|^]/;
/** The header of an interchange, whatever parts its elements: two digits, and ten characters (ASC X12.5). */
const HEADER = /(?<![A-Za-z0-9])ISA([^A-Za-z0-9 \r\n])\d\d\1[^\r\n]{10}\1/;
const SEGMENT_CHARS_MAX = 4_000;

export function hasX12(text: string): boolean {
  if ((text.includes("NM1*") || text.includes("NM1|")) && OPENING.test(text)) return true;
  return text.includes("ISA") && (HEADER.test(text) || (text.includes("ISA*") && OPENING.test(text)));
}

export function tellX12(text: string, lines: RecordLines): void {
  const { element, segment, component } = separatorsOf(text);
  for (const each of text.split(segment)) {
    if (lines.isFull) return;
    const elements = each.trim().slice(0, SEGMENT_CHARS_MAX).split(element);
    // What the transaction is, in the marks by which it is known.
    if (elements[0] === "ST" && !KNOWN_MARKS.has(element)) lines.add("", `ST*${elements[1] ?? ""}*`);
    tellSegment(elements, { component, lines });
  }
}

const KNOWN_MARKS: ReadonlySet<string> = new Set(["*", "|", "^"]);

type Separators = { readonly element: string; readonly segment: string | RegExp; readonly component: string | RegExp };

/** The first segment has a fixed length: the last character in it parts components, the one behind it ends segments. */
function separatorsOf(text: string): Separators {
  const at = HEADER.exec(text)?.index ?? text.search(/\bISA[^A-Za-z0-9\s]/);
  const element = at === -1 ? (/NM1([*|^])/.exec(text)?.[1] ?? "*") : (text[at + 3] ?? "*");
  const end = at === -1 ? undefined : text[at + 105];
  const isUsual = end === undefined || /[A-Za-z0-9\s]/.test(end);
  const component = isUsual ? undefined : text[at + 104];
  return { element, segment: isUsual ? /[~\n\r]+/ : end, component: component ?? /[:<>^]/ };
}

type Context = { readonly component: string | RegExp; readonly lines: RecordLines };

function tellSegment(elements: readonly string[], { component, lines }: Context): void {
  const at = (index: number): string => elements[index] ?? "";
  switch (at(0)) {
    case "NM1":
      lines.name(PEOPLE[at(1)] ?? "", { family: at(3), given: [at(4), at(5)] });
      if (PEOPLE[at(1)] !== undefined) lines.add(NUMBERS[at(8)] ?? "Member ID", at(9));
      return;
    case "DMG":
      lines.date("Date of birth", at(2));
      return lines.add("Sex", at(3));
    case "N3":
      return lines.add("Address", `${at(1)} ${at(2)}`);
    case "N4":
      return lines.add("", `${at(1)}, ${at(2)} ${at(3)}`);
    case "PER":
      for (let index = 3; index < 9; index += 2) if (at(index) === "TE") lines.add("Telephone", at(index + 1));
      return;
    case "REF":
      return lines.add(NUMBERS[at(1)] ?? "", NUMBERS[at(1)] === undefined ? "" : at(2));
    case "CLM":
      return lines.add("Patient account number", at(1));
    case "CLP":
      return lines.add("Patient account number", at(1));
    case "DTP":
      return lines.date(DATES[at(1)] ?? "", DATES[at(1)] === undefined ? "" : at(3));
    case "HI":
      for (const code of elements.slice(1)) lines.add("Diagnosis code", diagnosisOf(code.split(component)));
      return;
    case "SV1":
    case "SV2":
      return lines.add("Procedure code", at(at(0) === "SV1" ? 1 : 2).split(component)[1] ?? "");
    case "NTE":
    case "MSG":
      return lines.add("Note", at(at(0) === "NTE" ? 2 : 1));
  }
}

/** `ABK:J45909`, without the full stop of ICD-10. */
function diagnosisOf([qualifier = "", code = ""]: readonly string[]): string {
  if (!/^(?:AB[FJKN]|APR|BF|BK|BJ)$/.test(qualifier)) return "";
  return code.length > 3 && /^[A-Z]/.test(code) ? `${code.slice(0, 3)}.${code.slice(3)}` : code;
}
