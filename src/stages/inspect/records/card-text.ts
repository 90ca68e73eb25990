/**
 * Tells what vCards and calendars say (RFC 6350, vCard 2.1 and 3.0, RFC 5545) where it is written in another way than text: quoted-printable
 * properties in their charset, dates of birth, names in parts, descriptions in HTML. Promises: pure; linear in the text.
 */
import { decodeCharset } from "../../../parts/mime/charset.ts";
import { dataUrlsIn } from "../files-in-text.ts";
import { htmlToText } from "../html-text.ts";
import type { RecordLines } from "./record-lines.ts";

const PROPERTY =
  /^(?:[A-Za-z0-9-]{1,40}\.)?([A-Za-z0-9-]{1,60})((?:;[^:;="]{1,60}(?:=(?:"[^"]{0,500}"|[^:;"]{0,500}))?){0,20}):/;
const QUOTED_PRINTABLE = /;(?:ENCODING=)?QUOTED-PRINTABLE[;:]/i;
const LABELS: Readonly<Record<string, string>> = { BDAY: "Date of birth", TEL: "Telephone", ADR: "Address" };

/** `unfolded`: lines joined where white space continues them. */
export function tellCards(unfolded: string, lines: RecordLines): void {
  const rows = unfolded.split(/\r?\n/);
  for (let at = 0; at < rows.length && !lines.isFull; at += 1) {
    let row = rows[at] ?? "";
    if (QUOTED_PRINTABLE.test(row)) {
      const pieces = [row];
      // A soft line break (RFC 2045 section 6.7), which is none of the card's own.
      while (pieces.at(-1)?.endsWith("=") === true && at + 1 < rows.length) {
        pieces.push(rows[(at += 1)] ?? "");
      }
      row = pieces.map((piece, index) => (index < pieces.length - 1 ? piece.slice(0, -1) : piece)).join("");
    }
    tellRow(row, lines);
  }
}

function tellRow(row: string, lines: RecordLines): void {
  const match = PROPERTY.exec(row);
  if (match === null) return;
  const [head, name = "", parameters = ""] = match;
  const value = valueOf(row.slice(head.length), parameters);
  const participant = /;CN=("?)([^";:]{1,200})\1/i.exec(parameters)?.[2];
  if (participant !== undefined) lines.add("", participant);
  switch (name.toUpperCase()) {
    case "BDAY":
      return lines.date("Date of birth", value);
    case "N": {
      const [family = "", given = "", middle = ""] = value.split(";");
      return lines.name("", { family, given: [given, middle] });
    }
    case "TEL":
    case "ADR":
      return lines.add(
        LABELS[name.toUpperCase()] ?? "",
        value.replace(/^tel:/i, "").split(";").filter(Boolean).join(", "),
      );
    case "X-ALT-DESC":
      return lines.add("", htmlToText(value).text);
    case "PHOTO":
    case "LOGO":
    case "SOUND":
    case "KEY":
    case "ATTACH":
      for (const file of dataUrlsIn(value)) lines.file(file);
      return;
    default:
      // Everything else is read as it stands, but where it is coded.
      if (QUOTED_PRINTABLE.test(`${parameters}:`)) lines.add("", value);
  }
}

function valueOf(text: string, parameters: string): string {
  if (!QUOTED_PRINTABLE.test(`${parameters}:`)) return text.replace(/\\[nN]/g, " ").replace(/\\([,;\\])/g, "$1");
  const bytes = Buffer.from(
    text.replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  const charset = /;CHARSET="?([^";:]{1,40})/i.exec(parameters)?.[1] ?? "utf-8";
  return decodeCharset(bytes, charset) ?? bytes.toString("latin1");
}
