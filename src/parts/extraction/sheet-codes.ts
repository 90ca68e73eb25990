/** Codes within the texts of a workbook (ECMA-376 part 1), and what a reader sees instead. Pure. */

const ESCAPE = /_x([0-9A-Fa-f]{4})_/g;
/** Side, font, colour, size, style, and fields such as the page number. */
const HEADER_CODE = /&(?:(&)|([LCR])|"[^"]{0,200}"|K[0-9A-Fa-f]{6}|K\d\d[+-]\d{3}|\d{1,3}|[A-Z])/g;

/** Characters written as their code unit, `_x0041_` (section 22.9.2.19, ST_Xstring). */
export function withoutEscapes(text: string): string {
  if (!text.includes("_x")) return text;
  return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** A page header or footer without its codes (section 18.3.1.39); each of its sides on a line of its own. */
export function headerText(text: string): string {
  return text.replace(HEADER_CODE, (_, sign: string | undefined, side: string | undefined) => {
    if (sign !== undefined) return sign;
    return side === undefined ? "" : "\n";
  });
}
