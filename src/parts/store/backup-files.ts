/**
 * Moves the files of a backup. Promises: a file named as copied is on the disk whole, with its directory entry; bodies are held
 * by hard links while a backup is made, so that mail forgotten or moved meanwhile takes none of them away.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "./blob-errors.ts";
import type { BackupFile } from "./backup-manifest.ts";

/** Copies, syncs, and tells what was copied. */
export async function copyFile(from: string, folder: string, path: string): Promise<BackupFile> {
  const to = join(folder, path);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const hash = createHash("sha256");
  let bytes = 0;
  const target = await open(to, "wx", 0o600);
  try {
    for await (const chunk of createReadStream(from) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
      await target.appendFile(chunk);
    }
    await target.sync();
  } finally {
    await target.close();
  }
  return { path, bytes, sha256: hash.digest("hex") };
}

/** Every directory of a tree, the deepest first. */
export async function syncFolders(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncFolders(join(folder, entry.name));
  }
  await syncFolder(folder);
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Links what is in `from` and not yet in `to`; a file that goes away this moment is nobody's any more. */
export async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const name of await readdir(from)) {
    try {
      await link(join(from, name), join(to, name));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== "EEXIST" && errno !== "ENOENT") throw error;
    }
  }
}
