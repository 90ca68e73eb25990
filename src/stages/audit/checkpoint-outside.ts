/**
 * The places outside the database where checkpoints go: the log, and a file that is only appended to. Promises that a note it took
 * for the file is on disk. Where that file lies, on another machine's disk for the best, is the operator's choice.
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { Log } from "../../core/log.ts";
import { notesIn } from "../../parts/keys/signed-note.ts";
import type { CheckpointOutside } from "./checkpoints.ts";

/** The last note stands within the last bytes. */
const TAIL_BYTES = 16_384;
const FILE_MODE = 0o640;

export function checkpointOutside(fileNow: () => string | null, log: Log): CheckpointOutside {
  return {
    emit: async (note) => {
      log.info("audit_checkpoint", { note });
      const file = fileNow();
      if (file !== null) await append(file, `${note}\n`);
    },
    last: async () => {
      const file = fileNow();
      return file === null ? null : (notesIn(await tailOf(file)).at(-1) ?? null);
    },
  };
}

async function append(file: string, text: string): Promise<void> {
  const handle = await open(file, "a", FILE_MODE);
  try {
    const isNew = (await handle.stat()).size === 0;
    await handle.appendFile(text);
    await handle.sync();
    if (isNew) await syncFolder(dirname(file));
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Empty where there is no such file; what cannot be read is as if it were not there: writing to it tells. */
async function tailOf(file: string): Promise<string> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch {
    return "";
  }
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
