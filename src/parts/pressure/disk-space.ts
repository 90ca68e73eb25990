/** Asks the file system how much is free for a user without privileges (statfs(2)). Rejects with the system's error. */
import { statfs } from "node:fs/promises";
import type { DiskSpace } from "../../core/pressure.ts";

export type ReadSpace = (directory: string) => Promise<DiskSpace>;

export const readDiskSpace: ReadSpace = async (directory) => {
  const { bavail, blocks, bsize, ffree, files } = await statfs(directory);
  return {
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
    inodes: files === 0 ? null : { free: ffree, total: files },
  };
};
