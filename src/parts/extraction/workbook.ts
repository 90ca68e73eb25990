/**
 * What sheets of a workbook share: its strings, of which cells know the numbers, and the formats of its cells
 * (ECMA-376 part 1, sections 18.4 and 18.8). Promises: bounded by the characters that may be read at all.
 */
import { cellFormat } from "./cell-format.ts";
import type { CellFormat } from "./cell-format.ts";
import { Unreadable } from "./reading.ts";
import { withoutEscapes } from "./sheet-codes.ts";
import type { TextCollector } from "./text-collector.ts";
import type { XmlEvents, XmlTag } from "./xml-scanner.ts";

const FORMATS_MAX = 100_000;

export class Workbook {
  readonly strings: string[] = [];
  readonly #used = new Set<number>();
  readonly #formats: (CellFormat | null)[] = [];

  string(index: number): string | null {
    this.#used.add(index);
    return this.strings[index] ?? null;
  }

  format(style: number): CellFormat | null {
    return this.#formats[style] ?? null;
  }

  addFormat(format: CellFormat | null): void {
    if (this.#formats.length >= FORMATS_MAX) throw new Unreadable("over_budget");
    this.#formats.push(format);
  }

  /** Strings that no cell shows any more, and the file still tells. */
  tellUnused(out: TextCollector): void {
    for (const [index, text] of this.strings.entries()) {
      if (this.#used.has(index)) continue;
      out.append(text);
      out.endLine();
    }
  }
}

/** The part with the root `sst`. */
export class SharedStrings implements XmlEvents {
  readonly #workbook: Workbook;
  #charsLeft: number;
  readonly #open: string[] = [];
  #text = "";

  constructor(workbook: Workbook, charsMax: number) {
    this.#workbook = workbook;
    this.#charsLeft = charsMax;
  }

  open({ name }: XmlTag): void {
    this.#open.push(name);
    if (name === "si") this.#text = "";
  }

  /** Phonetic hints (rPh) are read as well. */
  text(text: string): void {
    if (this.#open.at(-1) !== "t") return;
    this.#charsLeft -= text.length;
    if (this.#charsLeft < 0) throw new Unreadable("over_budget");
    this.#text += text;
  }

  close(name: string): void {
    this.#open.pop();
    if (name === "si") this.#workbook.strings.push(withoutEscapes(this.#text));
  }

  end(): void {
    // Nothing waits.
  }
}

/** The part with the root `styleSheet`. */
export class Styles implements XmlEvents {
  readonly #workbook: Workbook;
  readonly #codes = new Map<number, string>();
  #isInCells = false;

  constructor(workbook: Workbook) {
    this.#workbook = workbook;
  }

  open({ name, attributes }: XmlTag): void {
    if (name === "cellXfs") this.#isInCells = true;
    const id = Number(attributes.get("numFmtId") ?? 0);
    if (name === "numFmt" && this.#codes.size < FORMATS_MAX) this.#codes.set(id, attributes.get("formatCode") ?? "");
    if (name === "xf" && this.#isInCells) this.#workbook.addFormat(cellFormat(id, this.#codes.get(id) ?? null));
  }

  text(): void {
    // Styles show nothing.
  }

  close(name: string): void {
    if (name === "cellXfs") this.#isInCells = false;
  }

  end(): void {
    // Nothing waits.
  }
}
