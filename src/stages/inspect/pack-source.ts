/**
 * A rule pack as texts: its own, and those of the files it names (`extends`, `file`).
 * Promises: whoever is given a PackSource compiles the same pack, without a disk; a file is named relative to the one that names it.
 */
import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";

/** A rule pack as text, so that both sides compile the same one. */
export type PackSource = {
  readonly text: string;
  readonly fileName: string;
  /** Texts of the files it names, by path. */
  readonly beside?: Readonly<Record<string, string>>;
};

export type TextReading = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string };
/** Reads a file that a pack names; `path` as besidePath tells it. */
export type ReadBeside = (path: string) => TextReading;

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder; name a file in it",
  EACCES: "this user may not read it",
};
/** Bytes of one file of terms. */
const FILE_BYTES_MAX = 32 * 1024 * 1024;

/** Where a file lies that `fileName` calls `given`. */
export function besidePath(fileName: string, given: string): string {
  return isAbsolute(given) ? given : join(dirname(fileName), given);
}

export const readDisk: ReadBeside = (path) => {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_BYTES_MAX) return { ok: false, why: `larger than ${FILE_BYTES_MAX} bytes` };
    if (!isUtf8(bytes)) return { ok: false, why: "not in UTF-8; save it anew in that encoding" };
    return { ok: true, text: bytes.toString("utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    return { ok: false, why: UNREADABLE[code] ?? code };
  }
};

/** From what was read before. */
export function readingFrom(texts: Readonly<Record<string, string>>): ReadBeside {
  return (path) => {
    const text = texts[path];
    return text === undefined ? { ok: false, why: "not given" } : { ok: true, text };
  };
}
