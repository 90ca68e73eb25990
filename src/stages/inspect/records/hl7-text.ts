/**
 * Names the fields of HL7 version 2 messages (HL7 2.8 chapters 2, 3, 4, 6, 7): `PID-19` becomes `SSN: 219-43-8855`.
 * Promises: pure; linear in the text; the marks are those of the message header, else the usual ones; tells fields of people, stays, diagnoses, orders and results, and leaves the rest to the text
 * as it stands.
 */
import type { RecordLines } from "./record-lines.ts";

/** How the components of a field are put together. */
type Form = "id" | "name" | "address" | "phone" | "date" | "coded" | "text";
type Field = readonly [form: Form, label: string];

const FIELDS: Readonly<Record<string, Readonly<Record<number, Field>>>> = {
  PID: {
    2: ["id", "Patient ID"],
    3: ["id", "Patient ID"],
    4: ["id", "Patient ID"],
    5: ["name", "Patient Name"],
    6: ["name", "Mother's maiden name"],
    7: ["date", "Date of birth"],
    8: ["text", "Sex"],
    9: ["name", "Patient Name"],
    11: ["address", "Patient's address"],
    13: ["phone", "Patient's telephone"],
    14: ["phone", "Patient's telephone"],
    18: ["id", "Account number"],
    19: ["id", "SSN"],
    20: ["id", "Driver's license"],
    21: ["id", "Mother's ID"],
  },
  NK1: { 2: ["name", "Relative"], 4: ["address", "Relative's address"], 5: ["phone", "Relative's telephone"] },
  PV1: {
    3: ["text", "Room"],
    7: ["name", "Attending physician"],
    8: ["name", "Referring physician"],
    19: ["id", "Encounter number"],
    44: ["date", "Admission date"],
    45: ["date", "Discharge date"],
  },
  PV2: { 3: ["coded", "Admission reason"] },
  GT1: {
    3: ["name", "Guarantor"],
    5: ["address", "Guarantor's address"],
    6: ["phone", "Guarantor's telephone"],
    8: ["date", "Date of birth"],
    12: ["id", "SSN"],
  },
  IN1: {
    4: ["text", "Insurance"],
    8: ["text", "Group number"],
    16: ["name", "Insured"],
    18: ["date", "Date of birth"],
    19: ["address", "Insured's address"],
    36: ["id", "Policy number"],
    49: ["id", "Member ID"],
  },
  IN2: { 2: ["id", "SSN"], 6: ["id", "Medicare number"], 8: ["id", "Medicaid ID"] },
  DG1: { 3: ["coded", "Diagnosis"], 4: ["text", "Diagnosis"] },
  PRB: { 3: ["coded", "Problem"] },
  AL1: { 3: ["coded", "Allergy"], 5: ["text", "Reaction"] },
  PR1: { 3: ["coded", "Procedure"], 4: ["text", "Procedure"], 5: ["date", "Date of procedure"] },
  OBR: { 4: ["coded", "Test"], 7: ["date", "Date of test"], 16: ["name", "Ordering physician"] },
  RXE: { 2: ["coded", "Medication"] },
  RXO: { 1: ["coded", "Medication"] },
  RXD: { 2: ["coded", "Medication"] },
  RXA: { 3: ["date", "Date of vaccination"], 5: ["coded", "Vaccine"] },
  SCH: { 7: ["coded", "Appointment reason"] },
  NTE: { 3: ["text", "Note"] },
};
/** What an identifier is, by the code of its type (HL7 table 0203). */
const ID_TYPES: Readonly<Record<string, string>> = {
  MR: "Medical record number",
  SS: "SSN",
  DL: "Driver's license",
  AN: "Account number",
  VN: "Encounter number",
  MB: "Member ID",
  MC: "Medicare number",
  MA: "Medicaid ID",
};
const FIELD_CHARS_MAX = 8_000;
const DEFAULT_MARKS = "|^~\\&";
/** What a message is, in the marks by which it is known. */
export const HL7_KNOWN = `MSH${DEFAULT_MARKS}|`;
/** Base64 within a result (data type ED): type, subtype, encoding, data. */
const ENCAPSULATED = /\^Base64\^([A-Za-z0-9+/=\s]{16,})/i;

/**
 * The header says which mark parts fields, and then the other marks (chapter 2, section 2.5.4). It may stand anywhere, as in a log or in
 * JSON; a segment without it opens a line, maybe a quoted one.
 */
const HEADER = /(?<![A-Za-z0-9])MSH(?=([^A-Za-z0-9 \r\n])[^A-Za-z0-9\s]{3,6}\1)/;
const LONE = /(?:^|[\r\n\v])(?:MSH\||[ \t>]{0,20}PID\|)/;
const HEADERS = new RegExp(HEADER, "g");
/** As a segment stands by itself. */
const USUAL = /(?:^|[\r\n\v])(?:MSH\|\^~\\&\||PID\|)/;
/** Ends of segments, also as logs and JSON write them, with what quotes the next line. */
const ENDS = /(?:[\r\n\v]|\\[rn](?=[A-Z]{2}[A-Z0-9]\W|")|<(?:CR|cr)>)+[ \t>]{0,20}/;

export function hasHl7(text: string): boolean {
  return (text.includes("PID|") || text.includes("MSH")) && (LONE.test(text) || HEADER.test(text));
}

export function tellHl7(text: string, lines: RecordLines): void {
  let marks = DEFAULT_MARKS;
  let isKnown = USUAL.test(text);
  for (const segment of text.replace(HEADERS, "\r$&").split(ENDS)) {
    if (lines.isFull) return;
    const name = /^[A-Z]{2}[A-Z0-9](?![A-Za-z0-9 ])/.exec(segment)?.[0];
    if (name === "MSH") marks = segment.slice(3, 8).padEnd(5, " ");
    if (name === undefined || segment[3] !== marks[0]) continue;
    if (name === "PID" && !isKnown) {
      lines.add("", HL7_KNOWN);
      isKnown = true;
    }
    tellSegment(name, segment.split(marks[0] ?? "|"), { marks, lines });
  }
}

type Context = { readonly marks: string; readonly lines: RecordLines };

export function tellSegment(name: string, fields: readonly string[], context: Context): void {
  if (name === "OBX") return tellResult(fields, context);
  for (const [number, field] of Object.entries(FIELDS[name] ?? {})) {
    const value = fields[Number(number)];
    if (value === undefined || value === "" || value === '""') continue;
    for (const repetition of value.slice(0, FIELD_CHARS_MAX).split(context.marks[2] ?? "~")) {
      tellField(field, repetition, context);
    }
  }
}

function tellResult(fields: readonly string[], { marks, lines }: Context): void {
  const label = componentsOf(fields[3] ?? "", marks);
  const value = fields[5] ?? "";
  const file = ENCAPSULATED.exec(value)?.[1];
  if (file !== undefined) return lines.file(Buffer.from(file, "base64"));
  const shown = value.split(marks[2] ?? "~").map((each) => componentsOf(each.slice(0, FIELD_CHARS_MAX), marks));
  const told = shown
    .map((components) => components[1] ?? components[0] ?? "")
    .filter(Boolean)
    .join(", ");
  lines.add(label[1] ?? label[0] ?? "", `${told} ${componentsOf(fields[6] ?? "", marks)[0] ?? ""}`);
}

function tellField([form, label]: Field, text: string, { marks, lines }: Context): void {
  const components = componentsOf(text, marks);
  const at = (index: number): string => (components[index] ?? "").split(marks[4] ?? "&")[0] ?? "";
  switch (form) {
    case "id":
      return lines.add(ID_TYPES[at(4)] ?? label, at(0));
    case "name": {
      // Of people with a number it stands before the name.
      const from = /^\d+$/.test(at(0)) || (at(0) === "" && at(1) !== "") ? 1 : 0;
      return lines.name(label, { family: at(from), given: [at(from + 1), at(from + 2)] });
    }
    case "address":
      return lines.add(label, [at(0), at(1), at(2), `${at(3)} ${at(4)}`.trim()].filter(Boolean).join(", "));
    case "phone":
      return lines.add(label, at(0) === "" ? `${at(5)} ${at(6)}` : at(0));
    case "date":
      return lines.date(label, at(0));
    case "coded":
      return lines.add(label, [at(1), at(0)].filter(Boolean).join(", "));
    case "text":
      return lines.add(label, components.filter(Boolean).join(" "));
  }
}

function componentsOf(text: string, marks: string): readonly string[] {
  return text.split(marks[1] ?? "^").map((component) => unescaped(component, marks));
}

/** `\S\` and the like stand for the marks (chapter 2, section 2.7). */
function unescaped(text: string, marks: string): string {
  const escape = marks[3] ?? "\\";
  if (!text.includes(escape)) return text;
  const meanings: Readonly<Record<string, string>> = {
    F: marks[0] ?? "",
    S: marks[1] ?? "",
    R: marks[2] ?? "",
    E: escape,
    T: marks[4] ?? "",
  };
  const pieces = text.split(escape);
  return pieces.map((piece, index) => (index % 2 === 0 ? piece : (meanings[piece] ?? " "))).join("");
}
