/**
 * Copies the state of a gateway while it runs: database, bodies, identity. Promises: the copy is of one moment; every body a row
 * of it needs is in it; it stays encrypted as it was and holds no key; a backup that was broken off has no manifest and is never
 * taken for a whole one. Mail accepted or delivered after that moment is not in it.
 */
import { chmodSync } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { copyFile, linkAll, syncFolder, syncFolders } from "./backup-files.ts";
import { digestOf, MANIFEST_NAME, newManifest, readManifest, writeManifest } from "./backup-manifest.ts";
import type { BackupFile, BackupManifest } from "./backup-manifest.ts";
import { errnoOf } from "./blob-errors.ts";
import { BlobPaths, parseLocator } from "./blob-locator.ts";
import { spoolIdentityPath } from "./spool-identity.ts";
import { assertKnown, connect } from "./sqlite-database.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { storeError } from "./sqlite-store-error.ts";

/** Told after each file: how many of how many. */
export type OnProgress = (done: number, all: number) => void;

export type BackupOptions = {
  readonly dataDir: string;
  /** Must not exist; its parent does. */
  readonly target: string;
  /** Of this program, for the manifest. */
  readonly version: string;
  readonly now: number;
  readonly onProgress?: OnProgress;
};

const DATABASE = "gateway.db";
/** Beside the database: when the last backup was made. */
export const LAST_BACKUP = "last-backup";
const FILE_BATCH = 500;

/** Rejects with PST-SPL-090 where the target is taken, with PST-SPL-064 where there is no database; nothing is left behind then. */
export async function createBackup(options: BackupOptions): Promise<BackupManifest> {
  const { dataDir, target, now } = options;
  if ((await stat(target).catch(() => null)) !== null) throw storeError("PST-SPL-090", target);
  const partial = `${target}.partial`;
  const links = join(dataDir, `.backup-${now}`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  try {
    const manifest = await fill(options, { partial, links });
    await writeManifest(partial, manifest);
    await syncFolders(partial);
    await rename(partial, target);
    await syncFolder(dirname(target));
    // Its time of change tells monitoring when the last backup was made.
    await writeFile(join(dataDir, LAST_BACKUP), `${manifest.createdAt}\n`, { mode: 0o640 });
    return manifest;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(links, { recursive: true, force: true });
  }
}

type Places = { readonly partial: string; readonly links: string };

async function fill(options: BackupOptions, { partial, links }: Places): Promise<BackupManifest> {
  const { dataDir, now, version, onProgress } = options;
  const bodies = new BlobPaths(join(dataDir, "spool"));
  const held = new BlobPaths(links);
  const hold = async (): Promise<void> => {
    await linkAll(bodies.segments, held.segments);
    await linkAll(bodies.files, held.files);
  };
  await hold();
  snapshot(join(dataDir, DATABASE), join(partial, DATABASE));
  // Bodies of mail that was accepted between the links and the snapshot.
  await hold();
  const { needed, auditHead } = readSnapshot(join(partial, DATABASE));
  const identity = spoolIdentityPath(dataDir);
  const files: BackupFile[] = [
    { path: DATABASE, ...(await digestOf(join(partial, DATABASE))) },
    await copyFile(identity, partial, basename(identity)),
  ];
  let missingBodies = 0;
  for (const path of needed) {
    const copied = await copyFile(join(links, path), partial, `spool/${path}`).catch(goneAsNull);
    if (copied === null) missingBodies += 1;
    else files.push(copied);
    onProgress?.(files.length + missingBodies, needed.length + 2);
  }
  return newManifest({ createdAt: new Date(now).toISOString(), version, auditHead, missingBodies, files });
}

/** A body that is missing is told of, and no reason to keep the others out of the backup; anything else is. */
function goneAsNull(error: unknown): null {
  if (errnoOf(error) === "ENOENT") return null;
  throw error;
}

/** One read transaction: whatever the service writes meanwhile comes after it. */
function snapshot(from: string, to: string): void {
  const db = connect(from, { readonly: true });
  try {
    assertKnown(db, from);
    db.prepare("VACUUM INTO ?").run(to);
    chmodSync(to, 0o600);
  } finally {
    db.close();
  }
}

/** Files its rows refer to, relative to the spool. */
function readSnapshot(path: string): {
  readonly needed: readonly string[];
  readonly auditHead: BackupManifest["auditHead"];
} {
  const db = connect(path, { readonly: true });
  try {
    const reads = new SqliteReads(db);
    const root = new BlobPaths("");
    const needed = new Set<string>();
    for (let after: string | undefined = ""; after !== undefined;) {
      const rows = reads.liveBlobs(after, FILE_BATCH);
      for (const { locator: text } of rows) {
        const locator = parseLocator(text);
        if (locator === null) continue;
        needed.add(locator.kind === "file" ? root.file(locator.blobId) : root.segment(locator.segment));
      }
      after = rows.length < FILE_BATCH ? undefined : rows.at(-1)?.locator;
    }
    return { needed: [...needed], auditHead: reads.auditHead() };
  } finally {
    db.close();
  }
}

export type BackupFault = { readonly path: string; readonly what: "missing" | "changed" };

/** Compares every file with the manifest. */
export async function checkFiles(
  folder: string,
  onProgress?: OnProgress,
): Promise<{ readonly manifest: BackupManifest; readonly faults: readonly BackupFault[] }> {
  const manifest = await readManifest(folder);
  const faults: BackupFault[] = [];
  for (const [index, file] of manifest.files.entries()) {
    const found = await digestOf(join(folder, file.path)).catch(() => null);
    if (found === null) faults.push({ path: file.path, what: "missing" });
    else if (found.bytes !== file.bytes || found.sha256 !== file.sha256)
      faults.push({ path: file.path, what: "changed" });
    onProgress?.(index + 1, manifest.files.length);
  }
  return { manifest, faults };
}

/** Copies a checked backup into an empty or missing folder; rejects with PST-SPL-092 where it holds anything. */
export async function copyBackup(folder: string, dataDir: string, onProgress?: OnProgress): Promise<void> {
  const manifest = await readManifest(folder);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  for (const name of [DATABASE, "spool"]) {
    if ((await stat(join(dataDir, name)).catch(() => null)) !== null) throw storeError("PST-SPL-092", dataDir);
  }
  for (const [index, { path }] of manifest.files.entries()) {
    await copyFile(join(folder, path), dataDir, path);
    onProgress?.(index + 1, manifest.files.length);
  }
  await syncFolders(dataDir);
}

/** Where a backup keeps what a store opens. */
export function backupPlaces(folder: string): {
  readonly database: string;
  readonly spool: string;
  readonly manifest: string;
} {
  return { database: join(folder, DATABASE), spool: join(folder, "spool"), manifest: join(folder, MANIFEST_NAME) };
}
