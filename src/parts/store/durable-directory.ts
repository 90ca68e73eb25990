/**
 * Makes a folder whose name survives a power cut: each folder made is an entry of its parent, and that is synced (fsync(2):
 * "does not necessarily ensure that the entry in the directory containing the file has also reached disk").
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Readable by this user alone where it is made. Throws the system's error. */
export function makeDurableDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const top = resolve(first);
  for (let made = resolve(path); ; made = dirname(made)) {
    syncPath(dirname(made));
    if (made === top || made === dirname(made)) return;
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
