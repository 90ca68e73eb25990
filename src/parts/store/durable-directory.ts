/**
 * Makes a folder whose name survives a power cut: each folder made is an entry of its parent, and that is synced (fsync(2):
 * "does not necessarily ensure that the entry in the directory containing the file has also reached disk").
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Readable by this user alone where it is made. Throws the system's error. */
export function makeDurableDirectory(path: string): void {
  const folder = resolve(path);
  if (!existsSync(folder)) {
    makeDurableDirectory(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
    syncPath(dirname(folder));
    return;
  }
  try {
    // An earlier life may have made it and ended before this.
    syncPath(dirname(folder));
  } catch {
    // The parent belongs to somebody else and cannot be opened: whoever made this folder there answers for its name.
  }
}

/** fsync(2) of a file or a directory. */
export function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
