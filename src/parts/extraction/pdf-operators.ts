/** What the drawing operators of a PDF page tell: the text of its annotations, and the size of its pictures. */
import { OPS } from "unpdf/pdfjs";
import type { PDFPageProxy } from "unpdf/pdfjs";

export type Operators = {
  readonly fnArray: readonly number[];
  readonly argsArray: readonly (readonly unknown[] | null)[];
};
/** Of `showText`: glyphs, and numbers that move the next one. */
type Glyph = { readonly unicode?: unknown };

/** A move further than this, in thousandths of the size of the font, is a blank. */
const BLANK = -200;

/** The text that annotations show by themselves, one line for each run (ISO 32000-2, 12.5.5). */
export async function drawnByAnnotations(page: PDFPageProxy): Promise<string> {
  const { fnArray, argsArray } = (await page.getOperatorList()) as Operators;
  const lines: string[] = [];
  let depth = 0;
  for (const [index, operator] of fnArray.entries()) {
    if (operator === OPS.beginAnnotation) depth += 1;
    else if (operator === OPS.endAnnotation) depth -= 1;
    else if (operator === OPS.showText && depth > 0) lines.push(textOf(argsArray[index]?.[0]));
  }
  return lines.join("\n");
}

function textOf(glyphs: unknown): string {
  if (!Array.isArray(glyphs)) return "";
  const pieces = (glyphs as readonly (Glyph | number | null)[]).map((glyph) => {
    if (typeof glyph === "number") return glyph < BLANK ? " " : "";
    return typeof glyph?.unicode === "string" ? glyph.unicode : "";
  });
  return pieces.join("");
}

/** Of a picture that an operator paints: by its name with its size behind, or as an object. */
export function pixelsOf(args: readonly unknown[] | null | undefined): number {
  const [first, width, height] = args ?? [];
  if (typeof first === "string") return Number(width) * Number(height) || 0;
  const picture = (first ?? {}) as { readonly width?: unknown; readonly height?: unknown };
  return Number(picture.width) * Number(picture.height) || 0;
}
