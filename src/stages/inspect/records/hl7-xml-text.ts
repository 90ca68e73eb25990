/**
 * Tells HL7 version 2 messages in XML (HL7 2.xml): segments, fields and components are elements, named `PID`, `PID.3` and `CX.1`.
 * Promises: pure; never throws; of a damaged message what comes before the damage.
 */
import { XmlScanner } from "../../../parts/extraction/xml-scanner.ts";
import { HL7_KNOWN, tellSegment } from "./hl7-text.ts";
import type { RecordLines } from "./record-lines.ts";

const SEGMENT = /^[A-Z]{2}[A-Z0-9]$/;
const NUMBERED = /^([A-Z][A-Z0-9]{1,3})\.(\d{1,3})$/;
const NUMBER_MAX = 200;

export function hasHl7Xml(text: string): boolean {
  return text.includes("<") && text.includes("urn:hl7-org:v2xml");
}

export function tellHl7Xml(text: string, lines: RecordLines): void {
  try {
    const scanner = new XmlScanner(new MessageReader(lines));
    scanner.write(text.slice(text.indexOf("<")));
    scanner.end();
  } catch {
    // Told as far as it went.
  }
}

class MessageReader {
  readonly #lines: RecordLines;
  #segment: string | null = null;
  #fields: string[] = [];
  #components: string[] = [];
  #component = 1;
  #isKnown = false;

  constructor(lines: RecordLines) {
    this.#lines = lines;
  }

  open({ name }: { readonly name: string }): void {
    const [, of, number] = NUMBERED.exec(name) ?? [];
    if (SEGMENT.test(name)) {
      this.#segment = name;
      this.#fields = [name];
    } else if (this.#segment !== null && of === this.#segment) {
      this.#components = [];
      this.#component = 1;
    } else if (number !== undefined && of !== undefined && of !== "FN") this.#component = Number(number);
  }

  text(text: string): void {
    if (this.#segment === null || text.trim() === "" || this.#component > NUMBER_MAX) return;
    const before = this.#components[this.#component - 1] ?? "";
    this.#components[this.#component - 1] = before === "" ? text.trim() : `${before} ${text.trim()}`;
  }

  close(name: string): void {
    const [, of, number] = NUMBERED.exec(name) ?? [];
    if (name === this.#segment) this.#end(name);
    else if (of === this.#segment && number !== undefined && Number(number) <= NUMBER_MAX) {
      const value = Array.from(this.#components, (component) => component ?? "").join("\x1f");
      const before = this.#fields[Number(number)];
      this.#fields[Number(number)] = before === undefined ? value : `${before}\x1e${value}`;
    }
  }

  #end(name: string): void {
    if (name === "PID" && !this.#isKnown) {
      this.#lines.add("", HL7_KNOWN);
      this.#isKnown = true;
    }
    const fields = Array.from(this.#fields, (field) => field ?? "");
    tellSegment(name, fields, { marks: MARKS, lines: this.#lines });
    this.#segment = null;
  }
}

/** None that a text holds: of fields, components, repetitions, escapes, and what is smaller. */
const MARKS = "\x1d\x1f\x1e\x1a\x19";
