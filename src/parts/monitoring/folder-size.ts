/** The bytes of the files under a folder. Promises: a bounded walk; what vanishes meanwhile is not counted. */
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";

const FILES_MAX = 1_000_000;

export async function folderSize(folder: string, signal: AbortSignal): Promise<number> {
  const waiting = [folder];
  let bytes = 0;
  let files = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for await (const entry of await opendir(next)) {
      if (signal.aborted || ++files > FILES_MAX) return bytes;
      const path = join(next, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else bytes += await sizeOf(path);
    }
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // Released while we walked.
    return 0;
  }
}
