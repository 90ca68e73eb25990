/**
 * The pictures of a PDF page as grey bitmaps (PGM, PBM), for a program that reads them.
 * Promises: all that the page shows, or null: where something is drawn that is no picture, where a picture cannot be taken out, or is larger
 * than is worth it. Leaves what they say to the program.
 */
import { OPS } from "unpdf/pdfjs";
import type { PDFPageProxy } from "unpdf/pdfjs";
import type { Reading } from "./reading.ts";

/** Kinds of pdf.js: one bit, three and four bytes a pixel. */
const BITS = 1;
const RGB = 2;
const RGBA = 3;
const PICTURES_MAX = 50;
const PIXELS_MAX = 64 * 1024 * 1024;
const OBJECT_WAIT_MS = 5_000;

type Bitmap = { readonly width: number; readonly height: number; readonly kind?: number; readonly data?: unknown };
/** Drawn lines and areas, and one picture many times. */
const OTHERS: ReadonlySet<number> = new Set([
  OPS.paintImageMaskXObjectGroup,
  OPS.paintImageMaskXObjectRepeat,
  OPS.paintImageXObjectRepeat,
  OPS.paintInlineImageXObjectGroup,
  OPS.shadingFill,
]);

export async function picturesOf(page: PDFPageProxy, reading: Reading): Promise<readonly Buffer[] | null> {
  const { fnArray, argsArray } = await page.getOperatorList();
  const found: Buffer[] = [];
  for (const [index, operator] of fnArray.entries()) {
    reading.checkTime();
    if (OTHERS.has(operator)) return null;
    const isPicture = operator === OPS.paintImageXObject || operator === OPS.paintImageMaskXObject;
    if (!isPicture && operator !== OPS.paintInlineImageXObject) continue;
    const bitmap = await bitmapOf(page, (argsArray as readonly (readonly unknown[])[])[index]?.[0]);
    const picture = bitmap === null ? null : pnmOf(bitmap);
    if (picture === null || found.push(picture) > PICTURES_MAX) return null;
  }
  return found.length === 0 ? null : found;
}

/** Beside the operator, or under a name it gives. */
async function bitmapOf(page: PDFPageProxy, shown: unknown): Promise<Bitmap | null> {
  const named =
    typeof shown === "string"
      ? shown
      : typeof (shown as Bitmap | null)?.data === "string"
        ? (shown as { readonly data: string }).data
        : null;
  const bitmap = named === null ? shown : await objectOf(page, named);
  return typeof bitmap === "object" && bitmap !== null ? (bitmap as Bitmap) : null;
}

function objectOf(page: PDFPageProxy, name: string): Promise<unknown> {
  const objects = name.startsWith("g_") ? page.commonObjs : page.objs;
  return new Promise((resolve) => {
    // One that could not be decoded never comes.
    const timer = setTimeout(() => resolve(null), OBJECT_WAIT_MS);
    objects.get(name, (object: unknown) => {
      clearTimeout(timer);
      resolve(object);
    });
  });
}

function pnmOf({ width, height, kind = BITS, data }: Bitmap): Buffer | null {
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray) || width * height > PIXELS_MAX) return null;
  if (kind === BITS) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    if (bytes.length < Math.ceil(width / 8) * height) return null;
    // In PBM a set bit is black, in PDF white.
    return Buffer.concat([Buffer.from(`P4\n${width} ${height}\n`), Buffer.from(bytes.map((byte) => ~byte & 0xff))]);
  }
  const step = kind === RGB ? 3 : kind === RGBA ? 4 : 0;
  if (step === 0 || data.length < width * height * step) return null;
  const grey = Buffer.alloc(width * height);
  for (let pixel = 0, at = 0; pixel < grey.length; pixel += 1, at += step) {
    grey[pixel] = ((data[at] ?? 0) * 77 + (data[at + 1] ?? 0) * 150 + (data[at + 2] ?? 0) * 29) >> 8;
  }
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), grey]);
}
