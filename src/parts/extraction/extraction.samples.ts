/** Budgets and bombs for tests. */
import type { ExtractedItem, ExtractionBudgets, PictureItem } from "./extraction-types.ts";
import { readContent } from "./read-content.ts";
import { reasonOfError, Reading } from "./reading.ts";
import { zipOf } from "./zip.samples.ts";

export const BUDGETS: ExtractionBudgets = {
  textCharsMax: 8 * 1024 * 1024,
  fileBytesMax: 16 * 1024 * 1024,
  archiveEntriesMax: 1_000,
  archiveDepthMax: 4,
  inflatedBytesMax: 100 * 1024 * 1024,
  inflateRatioMax: 200,
  timeMsMax: 10_000,
  pdfPagesMax: 1_000,
  imageBytesMax: 32_768,
  picturesMax: 0,
};

/** An archive of one file of zeros. */
export function inflatedBomb(bytes: number): Buffer {
  return zipOf([{ name: "zeros.bin", content: Buffer.alloc(bytes) }]);
}

/** What a reader says of an attachment, without a process around it. */
export async function readHere(
  bytes: Buffer,
  budgets: Partial<ExtractionBudgets> = {},
): Promise<readonly ExtractedItem[]> {
  const items: ExtractedItem[] = [];
  const say = (item: ExtractedItem | PictureItem): void => {
    if (item.kind !== "picture") items.push(item);
    else
      items.push({
        kind: "name",
        place: item.place,
        text: `picture of ${item.bytes.length} bytes, else ${item.reason}`,
      });
  };
  const reading = new Reading({ ...BUDGETS, ...budgets }, bytes.length, { say, monotonic: () => performance.now() });
  try {
    await readContent(bytes, { place: "", name: null, depth: 0 }, reading);
  } catch (error) {
    reading.unread("", reasonOfError(error));
  }
  return items;
}

/** The same as one text, each piece behind its place, and what was left unread. */
export async function readText(
  bytes: Buffer,
  budgets: Partial<ExtractionBudgets> = {},
): Promise<{ readonly text: string; readonly unread: readonly string[] }> {
  const items = await readHere(bytes, budgets);
  return {
    text: items
      .flatMap((item) =>
        item.kind === "text" ? [`[${item.place}]\n${item.text}`] : item.kind === "file" ? [item.bytes.toString()] : [],
      )
      .join("\n"),
    unread: items.flatMap((item) => (item.kind === "unread" ? [`${item.place}:${item.reason}`] : [])),
  };
}
