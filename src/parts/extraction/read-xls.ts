/**
 * Reads workbooks of Excel 5 to 2003 (MS-XLS): sheets row by row, hidden or not, strings that no cell shows, results of formulas,
 * remarks, text boxes, headers, names, what pivot tables remember.
 * Promises: numbers are shown as in newer workbooks; records that are not known are read for their characters; large pictures are
 * told; a workbook under a password is `encrypted`.
 */
import { BiffFields, biffRecords } from "./biff-records.ts";
import type { BiffRecord } from "./biff-records.ts";
import { formatCell } from "./cell-format.ts";
import { BiffGlobals } from "./biff-globals.ts";
import { hasPicture } from "./pictures.ts";
import { charactersIn } from "./printable.ts";
import { within } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TableRows } from "./table-rows.ts";
import { TextCollector } from "./text-collector.ts";

const RECORD = {
  formula: 0x06,
  end: 0x0a,
  header: 0x14,
  footer: 0x15,
  name: 0x18,
  note: 0x1c,
  password: 0x2f,
  multipleRk: 0xbd,
  pivotText: 0xcd,
  richText: 0xd6,
  pictures: 0xeb,
  sharedText: 0xfd,
  textBox: 0x1b6,
  number: 0x203,
  label: 0x204,
  formulaText: 0x207,
  rk: 0x27e,
  begin: 0x809,
} as const;
const EXCEL_97 = 0x600;
const EXCEL_5 = 0x500;
const SHEET = 0x10;

export function readXls(
  bytes: Buffer,
  { place, reading }: { readonly place: string; readonly reading: Reading },
): void {
  const reader = new XlsReader(place, reading);
  try {
    for (const record of biffRecords(bytes, reading)) reader.record(record);
  } finally {
    reader.end();
  }
}

class XlsReader {
  readonly #place: string;
  readonly #reading: Reading;
  readonly #globals: BiffGlobals;
  readonly #text: TextCollector;
  readonly #rest: TextCollector;
  /** Where cells of the sheet under way go. */
  #out: TextCollector;
  readonly #pictures: Buffer[] = [];
  #sheets = 0;
  #rows = new TableRows();
  #row = new Map<number, string>();
  #rowNumber = -1;
  #notes: string[] = [];
  /** The cell whose formula was read last: its result, where it is a text, follows. */
  #formula: { readonly row: number; readonly column: number } | null = null;

  constructor(place: string, reading: Reading) {
    this.#place = place;
    this.#reading = reading;
    this.#globals = new BiffGlobals(reading.charsLeft);
    this.#text = new TextCollector(place, reading);
    this.#rest = new TextCollector(within(place, "settings"), reading);
    this.#out = this.#text;
  }

  record(record: BiffRecord): void {
    const fields = new BiffFields(record, this.#globals.codePage);
    if (this.#cells(record.type, fields) || this.#globals.read(record.type, fields)) return this.#check(fields);
    switch (record.type) {
      case RECORD.begin:
        return this.#begin(fields);
      case RECORD.password:
        throw new Unreadable("encrypted");
      case RECORD.end:
        return this.#endSheet();
      case RECORD.header:
      case RECORD.footer:
      case RECORD.pivotText:
        if (!fields.isEmpty) this.#notes.push(fields.text());
        return;
      case RECORD.note:
        return this.#note(fields);
      case RECORD.textBox:
        return this.#textBox(record);
      case RECORD.pictures:
        this.#pictures.push(...record.pieces);
        return;
      default:
        return this.#unknown(record);
    }
  }

  end(): void {
    this.#endSheet();
    this.#endPictures();
    for (const name of this.#globals.names) this.#text.append(`${name}\n`);
    this.#globals.workbook.tellUnused(this.#text);
    this.#text.flush();
    this.#rest.flush();
  }

  #check(fields: BiffFields): void {
    if (fields.isOver) throw new Unreadable("damaged");
  }

  #begin(fields: BiffFields): void {
    const version = fields.short();
    const kind = fields.short();
    if (version !== EXCEL_97 && version !== EXCEL_5) throw new Unreadable("unsupported_type");
    this.#globals.isNarrow = version === EXCEL_5;
    this.#endSheet();
    if (kind !== SHEET) return;
    this.#sheets += 1;
    this.#out = new TextCollector(within(this.#place, `sheet${this.#sheets}`), this.#reading);
  }

  #endSheet(): void {
    this.#endRow();
    for (const note of this.#notes) {
      this.#out.append(note);
      this.#out.endLine();
    }
    this.#notes = [];
    this.#rows = new TableRows();
    this.#rowNumber = -1;
    if (this.#out !== this.#text) this.#out.flush();
    this.#out = this.#text;
  }

  /** True where the record is one of cells. */
  #cells(type: number, fields: BiffFields): boolean {
    switch (type) {
      case RECORD.sharedText:
        this.#cell(fields, () => this.#globals.workbook.string(fields.long()) ?? "");
        return true;
      case RECORD.label:
      case RECORD.richText:
        this.#cell(fields, () => fields.text());
        return true;
      case RECORD.number:
        this.#cell(fields, (style) => this.#shown(fields.double(), style));
        return true;
      case RECORD.rk:
        this.#cell(fields, (style) => this.#shown(rkOf(fields.long()), style));
        return true;
      case RECORD.multipleRk:
        this.#multipleRk(fields);
        return true;
      case RECORD.formula:
        this.#formulaCell(fields);
        return true;
      case RECORD.formulaText:
        if (this.#formula !== null) this.#put(this.#formula.row, this.#formula.column, fields.text());
        else this.#notes.push(fields.text());
        return true;
      default:
        return false;
    }
  }

  #cell(fields: BiffFields, read: (style: number) => string): void {
    const row = fields.short();
    const column = fields.short();
    this.#put(row, column, read(fields.short()));
  }

  #multipleRk(fields: BiffFields): void {
    const row = fields.short();
    // The last column stands behind the values.
    for (let column = fields.short(); fields.left > 2; column += 1) {
      const style = fields.short();
      this.#put(row, column, this.#shown(rkOf(fields.long()), style));
    }
  }

  #formulaCell(fields: BiffFields): void {
    const row = fields.short();
    const column = fields.short();
    const style = fields.short();
    const result = fields.take(8);
    this.#formula = { row, column };
    const isNumber = result.length === 8 && result.readUInt16LE(6) !== 0xffff;
    if (isNumber) this.#put(row, column, this.#shown(result.readDoubleLE(0), style));
    const text = charactersIn(fields.take(fields.left));
    if (text !== "") this.#notes.push(text);
  }

  #shown(value: number, style: number): string {
    const format = this.#globals.workbook.format(style);
    return format === null ? String(value) : formatCell(String(value), format);
  }

  #put(row: number, column: number, text: string): void {
    if (row !== this.#rowNumber) this.#endRow();
    this.#rowNumber = row;
    const shown = text.trim();
    if (shown === "") return;
    const known = this.#row.get(column);
    this.#row.set(column, known === undefined ? shown : `${known} ${shown}`);
  }

  #endRow(): void {
    this.#out.append(this.#rows.layOut(this.#row));
    this.#row = new Map();
  }

  /** Its author; the remark itself is a text box, or from Excel 5 stands behind its length. */
  #note(fields: BiffFields): void {
    if (this.#globals.isNarrow) {
      fields.passOver(4);
      this.#notes.push(fields.text());
      return;
    }
    fields.passOver(8);
    this.#notes.push(fields.text());
  }

  /** The text stands in the records behind it, the first of which begins with the width of its characters. */
  #textBox({ pieces }: BiffRecord): void {
    const [head, ...rest] = pieces;
    const length = head !== undefined && head.length >= 12 ? head.readUInt16LE(10) : 0;
    if (length === 0) return;
    const fields = new BiffFields({ type: 0, pieces: rest }, this.#globals.codePage);
    this.#notes.push(fields.chars(length));
    this.#check(fields);
  }

  /** They go on in further records. */
  #endPictures(): void {
    if (hasPicture(Buffer.concat(this.#pictures), this.#reading.budgets.imageBytesMax))
      this.#reading.unread(this.#place, "unsupported_type");
  }

  #unknown({ pieces }: BiffRecord): void {
    for (const piece of pieces) {
      this.#rest.append(charactersIn(piece));
      this.#rest.endLine();
    }
  }
}

/** 2.5.217: thirty bits of an integer or of the upper half of a double, and whether a hundredth of it is meant. */
function rkOf(value: number): number {
  const bits = Buffer.alloc(8);
  bits.writeUInt32LE((value & ~3) >>> 0, 4);
  const number = (value & 2) === 0 ? bits.readDoubleLE(0) : value >> 2;
  return (value & 1) === 0 ? number : number / 100;
}
