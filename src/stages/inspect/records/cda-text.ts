/**
 * Tells what clinical documents say (HL7 CDA release 2, C-CDA): whose record it is, codes by their names, sections and their tables as a
 * reader lays them out. Promises: pure; never throws; of a damaged document what comes before the damage.
 */
import { TableRows } from "../../../parts/extraction/table-rows.ts";
import { XmlScanner } from "../../../parts/extraction/xml-scanner.ts";
import type { RecordLines } from "./record-lines.ts";

const SSN_ROOT = "2.16.840.1.113883.4.1";
const PARTS_OF_ADDRESS = new Set(["streetAddressLine", "city", "state", "postalCode"]);
/** Inside a line of narrative. */
const INLINE = new Set(["content", "sub", "sup", "linkHtml", "footnoteRef"]);

export function hasCda(text: string): boolean {
  // Markup is rare in what is no record, and looked for much faster than a name.
  return text.includes("<") && (text.includes("urn:hl7-org:v3") || text.includes("recordTarget"));
}

export function tellCda(text: string, lines: RecordLines): void {
  const reader = new CdaReader(lines);
  const start = text.indexOf("<");
  try {
    const scanner = new XmlScanner(reader);
    scanner.write(start > 0 ? text.slice(start) : text);
    scanner.end();
  } catch {
    // Told as far as it went.
  }
  reader.end();
}

class CdaReader {
  readonly #lines: RecordLines;
  readonly #open: string[] = [];
  readonly #tables: { readonly rows: TableRows; row: Map<number, string>; cell: string[] }[] = [];
  #text: string[] = [];
  #family = "";
  #given: string[] = [];
  #address: string[] = [];

  constructor(lines: RecordLines) {
    this.#lines = lines;
  }

  open({ name, attributes }: { readonly name: string; readonly attributes: ReadonlyMap<string, string> }): void {
    if (!INLINE.has(name)) this.#line();
    this.#open.push(name);
    if (name === "table") this.#tables.push({ rows: new TableRows(), row: new Map(), cell: [] });
    const value = attributes.get("value") ?? "";
    const isPatient = this.#open.includes("recordTarget");
    switch (name) {
      case "id":
        return this.#id(attributes, isPatient);
      case "birthTime":
        return this.#lines.date("Date of birth", value);
      case "telecom":
        return this.#lines.add(isPatient ? "Patient's telephone" : "Telephone", value.replace(/^tel:/i, ""));
      case "effectiveTime":
      case "low":
      case "high":
        return;
      default:
        if (name === "value" && value !== "") this.#lines.add("Value", `${value} ${attributes.get("unit") ?? ""}`);
        return this.#lines.add("", attributes.get("displayName") ?? "");
    }
  }

  text(text: string): void {
    const table = this.#tables.at(-1);
    if (table !== undefined) table.cell.push(text);
    else this.#text.push(text);
  }

  close(name: string): void {
    const text = this.#text.join("").trim();
    if (name === "given") this.#given.push(text);
    else if (name === "family") this.#family = text;
    else if (PARTS_OF_ADDRESS.has(name)) this.#address.push(text);
    else if (name === "name" || name === "addr") this.#person(name);
    else if (name === "td" || name === "th" || name === "tr" || name === "table") this.#cell(name);
    else if (name === "text" && /^[A-Za-z0-9+/=\s]{64,}$/.test(text) && this.#open.at(-2) === "nonXMLBody") {
      this.#lines.file(Buffer.from(text, "base64"));
      this.#text = [];
    }
    if (/^(?:given|family)$/.test(name) || PARTS_OF_ADDRESS.has(name)) this.#text = [];
    if (!INLINE.has(name)) this.#line();
    this.#open.pop();
  }

  end(): void {
    this.#line();
  }

  #id(attributes: ReadonlyMap<string, string>, isPatient: boolean): void {
    const extension = attributes.get("extension") ?? "";
    if (attributes.get("root") === SSN_ROOT) return this.#lines.add("SSN", extension);
    if (isPatient && this.#open.at(-2) === "patientRole") this.#lines.add("Patient ID", extension);
  }

  #person(name: string): void {
    const whose = this.#open.includes("recordTarget") ? "Patient " : "";
    if (name === "addr") this.#lines.add(`${whose}Address`, this.#address.join(", "));
    else if (this.#family !== "") this.#lines.name(`${whose}Name`, { family: this.#family, given: this.#given });
    this.#address = [];
    this.#given = [];
    this.#family = "";
  }

  #cell(name: string): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    const text = table.cell.join(" ").replace(/\s+/g, " ").trim();
    table.cell = [];
    if (name === "td" || name === "th") table.row.set(table.row.size, text);
    if (name === "tr") {
      for (const line of table.rows.layOut(table.row).split("\n")) this.#lines.add("", line);
      table.row = new Map();
    }
    if (name === "table") this.#tables.pop();
  }

  #line(): void {
    if (this.#text.length === 0) return;
    this.#lines.add("", this.#text.join(""));
    this.#text = [];
  }
}
