/**
 * Reads one file, whatever it is, and whatever lies inside it.
 * Promises: what it is, its first bytes say; every file ends up told: as text, as a file for the service to read, or as
 * `unread` with the reason. Only `over_budget` is thrown: then nothing more is worth beginning.
 */
import { archiveBehind } from "./archive-behind.ts";
import { contentKindOf, isMisnamed } from "./content-kind.ts";
import { readCms } from "./read-cms.ts";
import { readCompressed } from "./read-compressed.ts";
import { readDicom } from "./read-dicom.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { readCompound } from "./read-compound.ts";
import { readPdf } from "./read-pdf.ts";
import { readRtf } from "./read-rtf.ts";
import { readTar } from "./read-tar.ts";
import { readTnef } from "./read-tnef.ts";
import { readZip } from "./read-zip.ts";
import { reasonOfError } from "./reading.ts";

const PDF_END = "%%EOF";
const PDF_HEADER = Buffer.from("%PDF-");

/** Where a file stands: its place among others, its name, how many containers it lies in, and whether a document shows it. */
export type Content = {
  readonly place: string;
  readonly name: string | null;
  readonly depth: number;
  readonly isShown?: boolean;
};

export async function readContent(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const { place, name, depth } = content;
  const kind = contentKindOf(bytes);
  if (isMisnamed(name, kind)) reading.misnamed(place);
  switch (kind.kind) {
    case "container":
      if (depth >= reading.budgets.archiveDepthMax) return reading.unread(place, "over_budget");
      return attempt(place, reading, () => readContainer(kind.format, bytes, { content, reading }));
    case "image":
      return readPicture(bytes, content, reading);
    case "text":
      return reading.file(place, name ?? "", bytes);
    case "binary":
      return reading.unread(place, "unsupported_type");
  }
}

/** Small ones are logos only where a document shows them. */
async function readPicture(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const bytesMin = content.isShown === true ? reading.budgets.imageBytesMax : 0;
  if (bytes.length >= bytesMin) return reading.picture(content.place, bytes, "unsupported_type");
  await readBehind(bytes, 1, { content, reading });
}

/** An archive from there on: told, and read as a file of its own. */
async function readBehind(
  bytes: Buffer,
  from: number,
  { content, reading }: { readonly content: Content; readonly reading: Reading },
): Promise<void> {
  const archive = archiveBehind(bytes, from);
  if (archive === null) return;
  const { place, depth } = content;
  reading.unread(place, "structure_defect");
  await readContent(archive, { place: within(place, "behind"), name: null, depth: depth + 1 }, reading);
}

/** The place of the part of a file with this number or word. */
export function within(place: string, part: number | string): string {
  return place === "" ? `${part}` : `${place}>${part}`;
}

/** What goes wrong in one file is told of it, and the next one is read; an exhausted budget ends all. */
export async function attempt(place: string, reading: Reading, read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (error instanceof Unreadable && error.reason === "over_budget") throw error;
    reading.unread(place, reasonOfError(error));
  }
}

async function readContainer(
  format: string,
  bytes: Buffer,
  { content, reading }: { readonly content: Content; readonly reading: Reading },
): Promise<void> {
  if (format === "zip") return readZip(bytes, content, reading);
  if (format === "tar") return readTar(bytes, content, reading);
  if (format === "gzip" || format === "zstd") return readCompressed(bytes, content, { coding: format, reading });
  if (format === "dicom") return readDicom(bytes, content, reading);
  if (format === "cms") return readCms(bytes, content, reading);
  // Behind a beginning that may be all there is to read.
  if (format === "pdf" && !bytes.subarray(0, 5).equals(PDF_HEADER))
    reading.text(content.place, bytes.toString("latin1"));
  if (format === "pdf") {
    await readPdf(bytes, content, reading);
    return readBehind(bytes, bytes.lastIndexOf(PDF_END), { content, reading });
  }
  if (format === "rtf") return readRtf(bytes, content.place, reading);
  if (format === "ole") return readCompound(bytes, content, reading);
  if (format === "tnef") return readTnef(bytes, content, reading);
  throw new Unreadable("unsupported_type");
}
