/**
 * Tells DICOM attributes that stand in JSON (PS3.18 annex F) or XML (PS3.19 annex A) behind their names, as read-dicom.ts tells those of
 * a file. Promises: pure; never throws; of a damaged text what comes before the damage.
 */
import { NAME_TAGS, PATIENT_TAGS, TAG_NAMES } from "../../../parts/extraction/dicom-tags.ts";
import { XmlScanner } from "../../../parts/extraction/xml-scanner.ts";
import type { RecordLines } from "./record-lines.ts";

/** By which the pack knows a record of somebody. */
const OF_PATIENT = "DICOM record of a patient";
const ATTRIBUTE = /"[0-9A-Fa-f]{8}"\s{0,20}:\s{0,20}\{/;
const TAG = /^[0-9A-Fa-f]{8}$/;
const NODES_MAX = 500_000;

export function hasDicomJson(text: string): boolean {
  return text.includes('"vr"') && ATTRIBUTE.test(text);
}

export function hasDicomXml(text: string): boolean {
  return text.includes("<DicomAttribute");
}

export function tellDicomJson(text: string, lines: RecordLines): void {
  const told = new DicomLines(lines);
  const whole = parsed(text);
  const roots = whole === undefined ? text.split("\n").map(parsed) : [whole];
  const waiting: unknown[] = roots.toReversed();
  for (let nodes = 0; waiting.length > 0 && nodes < NODES_MAX && !lines.isFull; nodes += 1) {
    const value = waiting.pop();
    if (Array.isArray(value)) waiting.push(...(value as unknown[]).toReversed());
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) if (TAG.test(key)) told.add(key, valuesOf(inner));
      waiting.push(...Object.values(value).toReversed());
    }
  }
}

export function tellDicomXml(text: string, lines: RecordLines): void {
  const start = text.indexOf("<");
  try {
    const scanner = new XmlScanner(new ModelReader(new DicomLines(lines)));
    scanner.write(text.slice(start));
    scanner.end();
  } catch {
    // Told as far as it went.
  }
}

class DicomLines {
  readonly #lines: RecordLines;
  #isOfPatient = false;

  constructor(lines: RecordLines) {
    this.#lines = lines;
  }

  add(tag: string, values: readonly string[]): void {
    const number = Number.parseInt(tag, 16);
    const text = values.filter((value) => value.trim() !== "").join(", ");
    if (text === "") return;
    if (PATIENT_TAGS.has(number) && !this.#isOfPatient) {
      this.#isOfPatient = true;
      this.#lines.add("", OF_PATIENT);
    }
    const name = TAG_NAMES.get(number) ?? "";
    const [family = "", ...given] = text.split(/[\^=]/).map((each) => each.trim());
    if (NAME_TAGS.has(number) && given.length > 0) this.#lines.name(name, { family, given });
    else this.#lines.date(name, text);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The error could quote the text.
    return undefined;
  }
}

/** Numbers and texts, or names of people in their three ways of writing. */
function valuesOf(attribute: unknown): readonly string[] {
  const values = typeof attribute === "object" && attribute !== null && "Value" in attribute ? attribute.Value : [];
  return (Array.isArray(values) ? (values as unknown[]) : []).flatMap((value) => {
    if (typeof value === "string" || typeof value === "number") return [`${value}`];
    if (typeof value !== "object" || value === null || !("Alphabetic" in value)) return [];
    return typeof value.Alphabetic === "string" ? [value.Alphabetic] : [];
  });
}

/** Attributes within sequences lie in one another: the innermost has the text. */
class ModelReader {
  readonly #told: DicomLines;
  readonly #open: { readonly tag: string; readonly texts: string[] }[] = [];

  constructor(told: DicomLines) {
    this.#told = told;
  }

  open({ name, attributes }: { readonly name: string; readonly attributes: ReadonlyMap<string, string> }): void {
    if (name === "DicomAttribute") this.#open.push({ tag: attributes.get("tag") ?? "", texts: [] });
  }

  text(text: string): void {
    if (text.trim() !== "") this.#open.at(-1)?.texts.push(text.trim());
  }

  close(name: string): void {
    if (name !== "DicomAttribute") return;
    const done = this.#open.pop();
    if (done !== undefined)
      this.#told.add(done.tag, [done.texts.join(NAME_TAGS.has(Number.parseInt(done.tag, 16)) ? "^" : ", ")]);
  }
}
