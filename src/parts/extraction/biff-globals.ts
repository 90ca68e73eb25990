/**
 * What the sheets of an old workbook share: strings, formats, names of sheets (MS-XLS 2.4).
 * Promises: bounded by the characters that may be read at all.
 */
import type { BiffFields } from "./biff-records.ts";
import { cellFormat } from "./cell-format.ts";
import { Unreadable } from "./reading.ts";
import { Workbook } from "./workbook.ts";

const RECORD = { codePage: 0x42, sheet: 0x85, cellFormat: 0xe0, strings: 0xfc, format: 0x41e } as const;
const WINDOWS_1252 = 1252;
const UTF_16 = 1200;

export class BiffGlobals {
  readonly workbook = new Workbook();
  readonly names: string[] = [];
  /** Strings of Excel 5 are bytes of a code page. */
  isNarrow = false;
  readonly #codes = new Map<number, string>();
  #codePage = WINDOWS_1252;
  #charsLeft: number;

  constructor(charsMax: number) {
    this.#charsLeft = charsMax;
  }

  get codePage(): number | null {
    return this.isNarrow ? this.#codePage : null;
  }

  /** True where the record is one of these. */
  read(type: number, fields: BiffFields): boolean {
    switch (type) {
      case RECORD.codePage:
        this.#setCodePage(fields.short());
        return true;
      case RECORD.sheet:
        fields.passOver(6);
        this.names.push(this.#paid(fields.text(1)));
        return true;
      case RECORD.format: {
        const id = fields.short();
        this.#codes.set(id, this.#paid(fields.text(this.isNarrow ? 1 : 2)));
        return true;
      }
      case RECORD.cellFormat: {
        fields.passOver(2);
        const id = fields.short();
        this.workbook.addFormat(cellFormat(id, this.#codes.get(id) ?? null));
        return true;
      }
      case RECORD.strings:
        this.#strings(fields);
        return true;
      default:
        return false;
    }
  }

  #setCodePage(codePage: number): void {
    // Old numbers of Windows and of the Macintosh.
    const known = new Map([
      [0x8000, 10_000],
      [0x8001, WINDOWS_1252],
      [UTF_16, WINDOWS_1252],
    ]);
    this.#codePage = known.get(codePage) ?? codePage;
  }

  #strings(fields: BiffFields): void {
    fields.passOver(8);
    while (!fields.isEmpty && !fields.isOver) this.workbook.strings.push(this.#paid(fields.text()));
  }

  #paid(text: string): string {
    this.#charsLeft -= text.length + 1;
    if (this.#charsLeft < 0) throw new Unreadable("over_budget");
    return text;
  }
}
