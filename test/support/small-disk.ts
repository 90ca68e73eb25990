/** A small file system in memory for tests that fill it. Needs root, and a machine that lets root mount. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** False where it could not be mounted. */
export function mount(folder: string, mebibytes: number): boolean {
  return (
    spawnSync("/usr/bin/mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=0700`, "tmpfs", folder]).status === 0
  );
}

export function unmount(folder: string): void {
  spawnSync("/usr/bin/umount", ["-l", folder]);
}

/** Tries it. In a container that may not mount the tests are skipped, with CI set too, and say so. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "postern-mount-"));
  const isMounted = mount(folder, 1);
  if (isMounted) unmount(folder);
  else console.warn("tests are skipped (need root and leave to mount a small file system)");
  rmSync(folder, { recursive: true });
  return isMounted;
}
