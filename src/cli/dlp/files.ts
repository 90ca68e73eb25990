/** The files a `postern dlp` command is pointed at: messages and others, folders of them, `-` for standard input. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { Dirent } from "node:fs";
import { basename, join } from "node:path";
import { CliError } from "../cli-error.ts";

/** Largest file read. */
export const FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Folders within folders, against loops. */
const FOLDER_DEPTH_MAX = 64;

const NOTHING_THERE = "postern: there is no file to look at. Next: name files or folders that hold some.\n";

/** All files of the paths; that there is none is said, for the answer would look like a good one. Throws CliError. */
export function filesOf(paths: readonly string[]): readonly string[] {
  requireReadable(paths);
  const files = paths.flatMap((path) => filesIn(path));
  if (files.length === 0) process.stderr.write(NOTHING_THERE);
  return files;
}

export function requireReadable(paths: readonly string[]): void {
  for (const path of paths.filter((each) => each !== "-")) {
    try {
      statSync(path);
    } catch {
      throw unreadable(path, 2);
    }
  }
}

/**
 * Every regular file below a folder in order of name; links inside a folder are not followed. A folder that cannot be read stands for
 * what is in it.
 */
export function filesIn(path: string, depth = 0): readonly string[] {
  if (path === "-" || depth > FOLDER_DEPTH_MAX) return path === "-" ? [path] : [];
  if (depth === 0 && !statSync(path).isDirectory()) return [path];
  const entries = entriesOf(path);
  if (entries === null) return [path];
  return entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name);
      return entry.isFile() ? [inner] : filesIn(inner, depth + 1);
    });
}

function entriesOf(folder: string): readonly Dirent[] | null {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return null;
  }
}

/** `name` is what inspection is told, null for standard input. */
export type FileContent = { readonly bytes: Buffer; readonly name: string | null };

/** The content, or why there is none; for many files, of which one must not keep the others from being looked at. */
export function contentOf(path: string): FileContent | "over_budget" | "unreadable" {
  try {
    if (path !== "-" && statSync(path).size > FILE_BYTES_MAX) return "over_budget";
    return { bytes: readFileSync(path === "-" ? 0 : path), name: path === "-" ? null : basename(path) };
  } catch {
    return "unreadable";
  }
}

/** Of a file that must not be missing. Throws CliError. */
export function requireContent(path: string): FileContent {
  requireReadable([path]);
  if (path !== "-" && statSync(path).isDirectory()) {
    const next = "name one message; `postern dlp scan` takes folders.";
    throw new CliError(`${path} is a folder`, { next, exitCode: 2 });
  }
  const content = contentOf(path);
  if (content === "unreadable") throw unreadable(path, 1);
  if (content === "over_budget") throw new CliError(`${path} is too large to read`, { next: "name a smaller file." });
  return content;
}

function unreadable(path: string, exitCode: 1 | 2): CliError {
  const next = "check the path and its permissions; - reads standard input.";
  return new CliError(`PST-INS-003 ${path} cannot be read`, { next, exitCode });
}
