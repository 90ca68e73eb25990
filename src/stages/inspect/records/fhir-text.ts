/**
 * Tells what FHIR resources say (HL7 FHIR R4, JSON and XML): names, identifiers by their type, addresses, dates and what is written for
 * people to read, each behind the property it stands in. Promises: pure; never throws; a text that is none, or too deep, tells nothing.
 */
import { XmlScanner } from "../../../parts/extraction/xml-scanner.ts";
import { htmlToText } from "../html-text.ts";
import type { RecordLines } from "./record-lines.ts";

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
type Resource = { readonly [name: string]: Value };
type Waiting = { readonly value: Value; readonly name: string; readonly resource: string };

/** HL7 table 0203, as FHIR writes it. */
const ID_TYPES: Readonly<Record<string, string>> = {
  MR: "Medical record number",
  SS: "SSN",
  SB: "SSN",
  DL: "Driver's license",
  MB: "Member ID",
  MC: "Medicare number",
  MA: "Medicaid ID",
  AN: "Account number",
  VN: "Encounter number",
};
const SSN_SYSTEM = /(?:us-ssn|2\.16\.840\.1\.113883\.4\.1)$/;
/** Properties whose text is for people. */
const SHOWN =
  /^(?:text|display|description|comment|valueString|note|title|patientInstruction|reasonString|conclusion)$/;
/** Whose things these are. */
const PATIENTS = /^(?:Patient|RelatedPerson|Person)$/;
const NODES_MAX = 500_000;
const TAGS_MAX = 500_000;

export function hasFhirJson(text: string): boolean {
  return text.includes('"resourceType"');
}

export function hasFhirXml(text: string): boolean {
  return text.includes("<") && text.includes("http://hl7.org/fhir");
}

export function tellFhirJson(text: string, lines: RecordLines): void {
  const whole = parsed(text);
  if (whole !== undefined) return tell(whole, lines);
  // One resource on each line (bulk data).
  for (const line of text.split("\n")) {
    const value = line.includes('"resourceType"') ? parsed(line) : undefined;
    if (value !== undefined) tell(value, lines);
  }
}

export function tellFhirXml(text: string, lines: RecordLines): void {
  const tree = new Tree();
  try {
    const scanner = new XmlScanner(tree);
    scanner.write(text);
    scanner.end();
  } catch {
    // What came before the damage is told.
  }
  tell(tree.root, lines);
}

/** Words may stand before and behind it. */
function parsed(text: string): Value | undefined {
  const start = text.indexOf("{");
  if (start === -1) return undefined;
  try {
    return JSON.parse(text.slice(start, text.lastIndexOf("}") + 1)) as Value;
  } catch {
    // The error could quote the text.
    return undefined;
  }
}

function tell(root: Value, lines: RecordLines): void {
  const waiting: Waiting[] = [{ value: root, name: "", resource: "" }];
  let nodes = 0;
  for (let next = waiting.pop(); next !== undefined && nodes < NODES_MAX && !lines.isFull; next = waiting.pop()) {
    nodes += 1;
    const { value, name } = next;
    if (typeof value === "string") tellString(value, next, lines);
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const each of (value as readonly Value[]).toReversed()) waiting.push({ ...next, value: each });
      continue;
    }
    const resource = stringOf((value as Resource)["resourceType"]) || next.resource;
    tellObject(value as Resource, { name, resource }, lines);
    for (const [property, inner] of Object.entries(value).toReversed())
      waiting.push({ value: inner, name: property, resource });
  }
}

function tellString(value: string, { name, resource }: Waiting, lines: RecordLines): void {
  if (name === "div") return lines.add("", htmlToText(value).text.replaceAll("\n", " "));
  if (/^(?:birthDate)$/.test(name)) return lines.add("Date of birth", value);
  if (name === "data" && value.length > 16) return lines.file(Buffer.from(value, "base64"));
  if (SHOWN.test(name)) lines.add(resource, value);
}

/** What is one thing to a reader and several to the record. */
function tellObject(
  object: Resource,
  { name, resource }: { readonly name: string; readonly resource: string },
  lines: RecordLines,
): void {
  const whose = PATIENTS.test(resource) ? "Patient " : "";
  if ("family" in object || "given" in object) {
    lines.name(`${whose}Name`, { family: stringOf(object["family"]), given: stringsOf(object["given"]) });
  } else if ("postalCode" in object || "city" in object) {
    const place = [stringOf(object["city"]), `${stringOf(object["state"])} ${stringOf(object["postalCode"])}`.trim()];
    lines.add(`${whose}Address`, [...stringsOf(object["line"]), ...place].filter(Boolean).join(", "));
  } else if (name === "telecom") {
    const isPhone = stringOf(object["system"]) === "phone";
    lines.add(`${whose}${isPhone ? "Telephone" : "Contact"}`, stringOf(object["value"]));
  } else if (name === "identifier") {
    lines.add(identifierLabel(object, whose), stringOf(object["value"]));
  }
}

function identifierLabel(identifier: Resource, whose: string): string {
  if (SSN_SYSTEM.test(stringOf(identifier["system"]))) return "SSN";
  const [coding] = objectsOf(objectsOf(identifier["type"])[0]?.["coding"]);
  return ID_TYPES[stringOf(coding?.["code"])] ?? (whose === "" ? "Identifier" : "Patient ID");
}

function stringOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "";
}

function stringsOf(value: Value | undefined): readonly string[] {
  return [value ?? []].flat().flatMap((each) => (typeof each === "string" ? [each] : []));
}

function objectsOf(value: Value | undefined): readonly Resource[] {
  return [value ?? []].flat().flatMap((each) => (typeof each === "object" && each !== null ? [each as Resource] : []));
}

/** FHIR's XML as its JSON: elements are properties, `value` is what they hold, a resource is an element with a capital. */
class Tree {
  readonly root: Record<string, Value> = {};
  readonly #open: { readonly name: string; readonly fields: Record<string, Value>; value: string | null }[] = [];
  #tags = 0;

  open({ name, attributes }: { readonly name: string; readonly attributes: ReadonlyMap<string, string> }): void {
    this.#tags += 1;
    if (this.#tags > TAGS_MAX) throw new Error("too many tags");
    const fields: Record<string, Value> = Object.create(null) as Record<string, Value>;
    if (/^[A-Z]/.test(name)) fields["resourceType"] = name;
    this.#open.push({ name, fields, value: attributes.get("value") ?? null });
  }

  /** Characters stand in the narrative only. */
  text(text: string): void {
    const top = this.#open.at(-1);
    if (top !== undefined && text.trim() !== "") top.fields["text"] = `${stringOf(top.fields["text"])}${text}`;
  }

  close(): void {
    const done = this.#open.pop();
    if (done === undefined) return;
    const parent = this.#open.at(-1)?.fields ?? this.root;
    const value: Value = done.value !== null && Object.keys(done.fields).length === 0 ? done.value : done.fields;
    const before = parent[done.name];
    if (before === undefined) parent[done.name] = value;
    else if (Array.isArray(before)) (before as Value[]).push(value);
    else parent[done.name] = [before, value];
  }
}
