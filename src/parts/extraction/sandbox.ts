/**
 * What keeps a reader process from doing anything but reading: flags of Node's permission model, and what it gives up once
 * its code is loaded. Promises: no file, no network, no process, no thread, no native code, no environment; a heap with an end.
 */
import { findPackageJSON } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** All a reader may ever read: its own code, and that of pdf.js. */
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PDF_FOLDER = `${dirname(findPackageJSON("unpdf", import.meta.url) ?? FOLDER)}/`;
const MIB = 1024 * 1024;
/** The rest of its memory is for buffers. */
const HEAP_SHARE = 0.6;

export function sandboxFlags(memoryBytesMax: number): readonly string[] {
  return [
    "--permission",
    `--allow-fs-read=${FOLDER}`,
    `--allow-fs-read=${PDF_FOLDER}`,
    // To follow a link on the way there, folders beside it would have to be read.
    "--preserve-symlinks",
    "--preserve-symlinks-main",
    "--disable-sigusr1",
    "--disallow-code-generation-from-strings",
    "--no-warnings",
    `--max-old-space-size=${Math.floor((memoryBytesMax * HEAP_SHARE) / MIB)}`,
  ];
}

/** Called by the reader. Throws where it does not run under the permission model: then it must not read anything. */
export function giveUpRights(): void {
  // The types of Node do not tell it yet.
  const { permission } = process as unknown as {
    permission?: { drop(scope: string): void; has(scope: string): boolean };
  };
  if (permission === undefined) throw new Error("a reader runs under the permission model only");
  permission.drop("fs.read");
  // A signal to the whole service is for the service to act on; it ends its readers.
  process.on("SIGTERM", () => undefined);
}
