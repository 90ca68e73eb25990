/**
 * The text of a worksheet (ECMA-376 part 1, section 18.3), hidden or not: its cells row by row, then formulas, and then
 * headers, notes on entering and the like as in any other part.
 */
import { formatCell, plainNumber } from "./cell-format.ts";
import { OfficeText } from "./office-text.ts";
import { headerText, withoutEscapes } from "./sheet-codes.ts";
import { TableRows } from "./table-rows.ts";
import type { TextCollector } from "./text-collector.ts";
import type { Workbook } from "./workbook.ts";
import type { XmlEvents, XmlTag } from "./xml-scanner.ts";

const COLUMN_MAX = 16_384;
const PAGE_HEADER = /^(?:odd|even|first)(?:Header|Footer)$/;
/** Between two texts that a formula puts together. */
const JOINED = /"\s{0,9}&\s{0,9}"/g;

export class SheetText implements XmlEvents {
  readonly #out: TextCollector;
  readonly #workbook: Workbook;
  readonly #other: OfficeText;
  readonly #rows = new TableRows();
  readonly #open: string[] = [];
  #isInData = false;
  #row = new Map<number, string>();
  #formulas: string[] = [];
  #column = 0;
  #type = "n";
  #style = 0;
  #value = "";
  #inline = "";
  #formula = "";
  #pageHeader = "";

  constructor(out: TextCollector, workbook: Workbook) {
    this.#out = out;
    this.#workbook = workbook;
    this.#other = new OfficeText(out, { readsAll: false });
  }

  open(tag: XmlTag): void {
    const { name, attributes } = tag;
    this.#open.push(name);
    if (name === "sheetData") this.#isInData = true;
    if (!this.#isInData) return this.#other.open(tag);
    if (name === "row") {
      this.#row = new Map();
      this.#formulas = [];
      this.#column = 0;
    } else if (name === "c") {
      this.#column = columnOf(attributes.get("r") ?? "") ?? this.#column;
      this.#type = attributes.get("t") ?? "n";
      this.#style = Number(attributes.get("s") ?? 0);
      this.#value = "";
      this.#inline = "";
      this.#formula = "";
    }
  }

  text(text: string): void {
    const name = this.#open.at(-1);
    if (PAGE_HEADER.test(name ?? "")) this.#pageHeader += text;
    else if (this.#isInData) this.#dataText(name, text);
    else this.#other.text(text);
  }

  #dataText(name: string | undefined, text: string): void {
    if (name === "v") this.#value += text;
    else if (name === "t") this.#inline += text;
    else if (name === "f") this.#formula += text;
    // Elsewhere in the data nothing is shown, and the source tells it.
    else if (text.trim() !== "") this.#formulas.push(text);
  }

  close(name: string): void {
    this.#open.pop();
    if (PAGE_HEADER.test(name)) this.#endPageHeader();
    if (!this.#isInData) return this.#other.close(name);
    if (name === "c") this.#endCell();
    else if (name === "row") this.#endRow();
    else if (name === "sheetData") this.#isInData = false;
  }

  end(): void {
    this.#other.end();
  }

  #endPageHeader(): void {
    this.#other.text(headerText(withoutEscapes(this.#pageHeader)));
    this.#pageHeader = "";
  }

  #endCell(): void {
    const text = this.#shown().trim();
    if (text !== "" && this.#column <= COLUMN_MAX) this.#row.set(this.#column, text);
    if (this.#formula !== "") this.#formulas.push(this.#formula.replace(JOINED, ""));
    this.#column += 1;
  }

  #endRow(): void {
    this.#out.append(this.#rows.layOut(this.#row));
    if (this.#formulas.length > 0) this.#out.append(`${this.#formulas.join("\t")}\n`);
  }

  #stored(): string {
    const format = this.#workbook.format(this.#style);
    if (this.#type === "n") return format === null ? plainNumber(this.#value) : formatCell(this.#value, format);
    const text = this.#type === "s" ? (this.#workbook.string(Number(this.#value)) ?? this.#value) : this.#value;
    return format?.kind === "around" ? `${format.before}${text}${format.behind}` : text;
  }

  /** Inline text beside a value is read as well: other readers may show the other one. */
  #shown(): string {
    const stored = this.#stored();
    return withoutEscapes(this.#inline === "" ? stored : `${this.#inline} ${stored}`);
  }
}

/** Of a reference such as AB12, from 0. */
function columnOf(reference: string): number | null {
  const letters = /^[A-Z]{1,3}/.exec(reference)?.[0];
  if (letters === undefined) return null;
  return Array.from(letters).reduce((column, letter) => column * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
