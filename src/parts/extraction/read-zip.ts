/**
 * Reads a ZIP archive: the names and remarks in it, and each file as if it were an attachment of its own.
 * Promises: an encrypted entry is told as such, and its name is read all the same; a file that cannot be read hides no other.
 */
import { attempt, readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { isPackage, readPackage } from "./read-package.ts";
import type { Reading } from "./reading.ts";
import { readZipDirectory } from "./zip-directory.ts";
import type { ZipDirectory, ZipEntry } from "./zip-directory.ts";
import { readEntry } from "./zip-entry.ts";

export async function readZip(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const directory = readZipDirectory(bytes, (count) => reading.spendEntries(count));
  if (directory.isAmbiguous) reading.unread(content.place, "structure_defect");
  reading.name(content.place, directory.comment);
  if (isPackage(directory.entries)) return readPackage(directory.entries, content, reading);
  await readFiles(directory, content, reading);
}

async function readFiles({ entries }: ZipDirectory, { place, depth }: Content, reading: Reading): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    const inner = within(place, index + 1);
    tellNames(entry, inner, reading);
    if (entry.isFolder) continue;
    await attempt(inner, reading, async () => {
      const bytes = await readEntry(entry, reading);
      await readContent(bytes, { place: inner, name: entry.name, depth: depth + 1 }, reading);
    });
  }
}

export function tellNames({ name, otherNames, comment }: ZipEntry, place: string, reading: Reading): void {
  for (const text of [name, ...otherNames, comment]) reading.name(place, text);
}
