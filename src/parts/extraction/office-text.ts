/**
 * The text of a part of an Office or OpenDocument package, whatever part it is: a document, a slide, comments, properties; or of a document
 * that is one file of XML (Word and Excel 2003, flat OpenDocument, flat OPC).
 * Promises: runs join, paragraphs and rows end lines, cells follow their headings; what stands in a run and is no part of the
 * sentence (text boxes, notes, deleted text, field codes) follows the paragraph; attributes that people read are read; text
 * in elements nobody knows is a line of its own. Names of elements count without their prefix.
 */
import { TableRows } from "./table-rows.ts";
import type { XmlEvents, XmlTag } from "./xml-scanner.ts";

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));

const PARAGRAPHS = words("p h comment si oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter property");
const BREAKS = words("br cr line-break");
const TABS = words("tab ptab");
// With capitals: Excel 2003.
const TABLES = words("tbl table Table");
const ROWS = words("tr table-row Row");
const CELLS = words("tc table-cell covered-table-cell Cell");
/** Within a paragraph, and apart from what it says. */
const DETACHED = words("txbxContent text-box annotation note deletion");
/** Elements whose own text is part of the sentence: runs of OOXML, and what OpenDocument writes into paragraphs. */
const INLINE = words(
  "t p h span a Data ruby-base bookmark-ref reference-ref sequence date time author-name author-initials sender-firstname " +
    "sender-lastname user-defined text-input placeholder conditional-text hidden-text variable-get user-field-get expression " +
    // Values of properties, behind their names.
    "lpwstr lpstr bstr i4 r8 filetime bool",
);
const PROPERTIES = words("property user-defined");
/** Values one behind the other. */
const VALUES = words("lpwstr lpstr bstr i4 r8 filetime bool");
const ASIDE = words("delText instrText delInstrText");
/** Positions and sizes; files in base64, which are read as files. */
const NOISE = words("posOffset pctWidth pctHeight align binData binaryData binary-data");
const READ_ATTRIBUTES = words(
  "descr title alt tooltip prompt promptTitle error errorTitle helpText statusText author displayText string-value " +
    "current-value caption label formula userId num-prefix num-suffix",
);
/** Attributes that people read on these elements only. */
const PLACED_ATTRIBUTES: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["sheet", ["name"]],
  ["definedName", ["name"]],
  ["tableColumn", ["name"]],
  ["docPr", ["name"]],
  ["cNvPr", ["name"]],
  ["cmAuthor", ["name"]],
  ["person", ["displayName"]],
  ["table", ["name", "displayName"]],
  ["docVar", ["name", "val"]],
  ["alias", ["val"]],
  ["tag", ["val"]],
  ["default", ["val"]],
  ["listItem", ["value"]],
  ["hyperlink", ["display"]],
  // Letters of a drawing, what stands before each entry of a list, and the code of a field without a run of its own.
  ["textpath", ["string"]],
  ["lvlText", ["val"]],
  ["fldSimple", ["instr"]],
  ["helpText", ["val"]],
  ["statusText", ["val"]],
  // Fields of OpenDocument forms, and lines of XPS.
  ...["text", "textarea", "formatted-text", "combobox", "hidden", "option"].map((name) => [name, ["value"]] as const),
  ["Glyphs", ["UnicodeString"]],
  // What a pivot table remembers of cells that may be gone.
  ["s", ["v"]],
  ["n", ["v"]],
  ["d", ["v"]],
]);
/** Fonts of signs: in any other, `sym` shows the letter of that code, which may be moved up to F000 (ISO/IEC 29500-1, 17.3.3.30). */
const SIGNS = /symbol|dings/i;
const SPACES_MAX = 100;
const COLUMN_MAX = 16_384;

function letterOf(attributes: ReadonlyMap<string, string>): string {
  const code = Number.parseInt(attributes.get("char") ?? "", 16);
  if (!(code > 0 && code <= 0xffff) || SIGNS.test(attributes.get("font") ?? "")) return "";
  return String.fromCharCode(code >= 0xf000 && code <= 0xf0ff ? code - 0xf000 : code);
}

/** A cell stands for as many columns; Excel 2003 counts those it covers beside its own. */
function columnsOf(attributes: ReadonlyMap<string, string>): number {
  const count = Number(attributes.get("number-columns-repeated") ?? 1) || 1;
  return Math.min(COLUMN_MAX, count + (Number(attributes.get("MergeAcross") ?? 0) || 0));
}

/** Text under way: of the document, of a cell, or of something detached. */
type Frame = { text: string; aside: string };
type Table = { readonly rows: TableRows; row: Map<number, string>; column: number; repeat: number };

export type TextOut = { append(text: string): void; /** Ends the line, where one has begun. */ endLine(): void };

export class OfficeText implements XmlEvents {
  readonly #out: TextOut;
  /** Of parts in a vocabulary of their own every attribute is read. */
  readonly #readsAll: boolean;
  readonly #open: string[] = [];
  readonly #frames: Frame[] = [];
  readonly #tables: Table[] = [];
  /** What follows the paragraph, outside of any frame. */
  #aside = "";

  constructor(out: TextOut, { readsAll }: { readonly readsAll: boolean }) {
    this.#out = out;
    this.#readsAll = readsAll;
  }

  open({ name, attributes }: XmlTag): void {
    this.#open.push(name);
    if (DETACHED.has(name)) this.#frames.push({ text: "", aside: "" });
    else if (PARAGRAPHS.has(name) || BREAKS.has(name)) this.#endLine();
    else if (TABS.has(name)) this.#append("\t");
    else if (name === "s" && INLINE.has(this.#open.at(-2) ?? ""))
      this.#append(" ".repeat(Math.min(SPACES_MAX, Number(attributes.get("c") ?? 1) || 1)));
    else if (name === "noBreakHyphen") this.#append("-");
    else if (name === "sym") this.#append(letterOf(attributes));
    else this.#openTable(name, attributes);
    if (PROPERTIES.has(name)) this.#append(`${attributes.get("name") ?? ""}: `);
    this.#attributes(name, attributes);
  }

  text(text: string): void {
    const name = this.#open.at(-1) ?? "";
    if (NOISE.has(name)) return;
    if (INLINE.has(name)) this.#append(text.replace(/[\r\n\t]+/g, " "));
    else if (ASIDE.has(name)) this.#note(text, "");
    else if (text.trim() !== "") {
      this.#endLine();
      this.#append(text);
    }
  }

  close(name: string): void {
    this.#open.pop();
    if (DETACHED.has(name)) {
      const frame = this.#frames.pop();
      this.#note(`${frame?.text ?? ""}\n${frame?.aside ?? ""}`, "\n");
    } else if (PARAGRAPHS.has(name)) this.#endParagraph();
    else if (VALUES.has(name)) this.#endLine();
    else if (ASIDE.has(name)) this.#note("", "\n");
    else if (!INLINE.has(name)) this.#closeTable(name);
  }

  end(): void {
    this.#endParagraph();
    this.#out.endLine();
  }

  #openTable(name: string, attributes: ReadonlyMap<string, string>): void {
    if (TABLES.has(name)) this.#tables.push({ rows: new TableRows(), row: new Map(), column: 0, repeat: 1 });
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    if (ROWS.has(name)) {
      table.row = new Map();
      table.column = 0;
    } else if (CELLS.has(name)) {
      table.repeat = columnsOf(attributes);
      table.column = Math.max(table.column, (Number(attributes.get("Index") ?? 0) || 0) - 1);
      this.#frames.push({ text: "", aside: "" });
    }
  }

  #closeTable(name: string): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    if (CELLS.has(name)) {
      const frame = this.#frames.pop();
      const text = `${frame?.text ?? ""}\n${frame?.aside ?? ""}`.trim();
      if (text !== "" && table.column <= COLUMN_MAX) table.row.set(table.column, text);
      table.column += table.repeat;
    } else if (ROWS.has(name)) {
      this.#endLine();
      this.#append(table.rows.layOut(table.row));
    } else if (TABLES.has(name)) {
      this.#tables.pop();
      this.#endLine();
    }
  }

  #attributes(name: string, attributes: ReadonlyMap<string, string>): void {
    if (attributes.size === 0) return;
    const placed = PLACED_ATTRIBUTES.get(name);
    for (const [key, value] of attributes) {
      if (value === "") continue;
      const isLink = (key === "Target" || key === "href") && value.includes(":");
      if (this.#readsAll || isLink || READ_ATTRIBUTES.has(key) || placed?.includes(key) === true)
        this.#note(value, "\n");
    }
  }

  #append(text: string): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#out.append(text);
    else frame.text += text;
  }

  #endLine(): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#out.endLine();
    else if (frame.text !== "" && !frame.text.endsWith("\n")) frame.text += "\n";
  }

  #endParagraph(): void {
    this.#endLine();
    const frame = this.#frames.at(-1);
    if (frame !== undefined || this.#aside === "") return;
    this.#out.append(this.#aside);
    this.#out.endLine();
    this.#aside = "";
  }

  /** Beside the paragraph, told behind it. */
  #note(text: string, end: string): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) this.#aside += text + end;
    else frame.aside += text + end;
  }
}
