/** The files a `postern dlp` command is pointed at: messages and others, folders of them, `-` for standard input. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { CliError } from "../cli-error.ts";

/** Largest file read. */
export const FILE_BYTES_MAX = 256 * 1024 * 1024;
/** Folders within folders, against loops. */
const FOLDER_DEPTH_MAX = 64;

export function requireReadable(paths: readonly string[]): void {
  for (const path of paths.filter((each) => each !== "-")) {
    try {
      statSync(path);
    } catch {
      throw unreadable(path, 2);
    }
  }
}

/** Every regular file below a folder in order of name; links inside a folder are not followed. */
export function filesIn(path: string, depth = 0): readonly string[] {
  if (path === "-" || depth > FOLDER_DEPTH_MAX) return path === "-" ? [path] : [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesIn(join(path, entry.name), depth + 1));
}

/** null: larger than anything that is read. `name` is what inspection is told, null for standard input. */
export function readContent(path: string): { readonly bytes: Buffer; readonly name: string | null } | null {
  if (path !== "-" && statSync(path).size > FILE_BYTES_MAX) return null;
  try {
    return { bytes: readFileSync(path === "-" ? 0 : path), name: path === "-" ? null : basename(path) };
  } catch {
    throw unreadable(path, 1);
  }
}

function unreadable(path: string, exitCode: 1 | 2): CliError {
  const next = "check the path and its permissions; - reads standard input.";
  return new CliError(`PST-INS-003 ${path} cannot be read`, { next, exitCode });
}
