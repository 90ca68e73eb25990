/**
 * What a backup says of itself: every file with its size and digest, and where the audit chain stood. Written last, so that a
 * folder with a manifest is a whole backup.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChainHead } from "./audit-chain.ts";
import { storeError } from "./sqlite-store-error.ts";

export const MANIFEST_NAME = "manifest.json";
const FORMAT = 1;
const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;

export type BackupFile = { readonly path: string; readonly bytes: number; readonly sha256: string };

export type BackupManifest = {
  readonly format: typeof FORMAT;
  /** When the database was read: ISO 8601. */
  readonly createdAt: string;
  readonly version: string;
  readonly auditHead: ChainHead;
  /** Live bodies that were gone already when the backup was made. */
  readonly missingBodies: number;
  /** Relative to the backup, slashes between. */
  readonly files: readonly BackupFile[];
};

export function newManifest(facts: Omit<BackupManifest, "format">): BackupManifest {
  return { format: FORMAT, ...facts };
}

export async function writeManifest(folder: string, manifest: BackupManifest): Promise<void> {
  await writeFile(join(folder, MANIFEST_NAME), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600, flush: true });
}

/** Throws PST-SPL-091 where there is none, or none of this format. */
export async function readManifest(folder: string): Promise<BackupManifest> {
  const path = join(folder, MANIFEST_NAME);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw storeError("PST-SPL-091", `${path} cannot be read`, error);
  }
  const manifest = parsed(text);
  if (manifest === null) throw storeError("PST-SPL-091", `${path} is not a manifest of this version`);
  return manifest;
}

function parsed(text: string): BackupManifest | null {
  if (text.length > MANIFEST_BYTES_MAX) return null;
  try {
    const value = JSON.parse(text) as Partial<BackupManifest>;
    const isWhole = value.format === FORMAT && Array.isArray(value.files) && typeof value.auditHead?.seq === "number";
    return isWhole && (value.files ?? []).every(isInside) ? (value as BackupManifest) : null;
  } catch {
    // Whatever it is, it is no manifest.
    return null;
  }
}

/** A name that leaves the backup would read or write somewhere else. */
function isInside({ path, bytes, sha256 }: BackupFile): boolean {
  const isPlain = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/){0,3}[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(path);
  return isPlain && Number.isSafeInteger(bytes) && /^[0-9a-f]{64}$/.test(sha256);
}

export async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}
