/**
 * Ties the folder of bodies to its database and its key: a body the database does not name is reclaimed at the start, so a
 * folder beside a new or another database would be emptied; and with another key no body could be read. The first row of
 * the audit chain is the database's identity, the key ring names the key.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KeyRing } from "../keys/key-ring.ts";
import type { AuditSource } from "./audit-chain.ts";
import { storeError } from "./sqlite-store-error.ts";

export type SpoolOwner = { readonly audit: AuditSource; readonly keyRing: KeyRing };

/** Beside the folder of bodies. */
export function spoolIdentityPath(dataDir: string): string {
  return join(dataDir, "spool.database");
}

/**
 * Refuses with PST-SPL-070 where `file` names another database and with PST-SPL-071 where it names a key that is not given;
 * writes it where there is none, and anew after a change of keys. The chain is not empty.
 */
export async function assertSameSpool(file: string, { audit, keyRing }: SpoolOwner): Promise<void> {
  const chainId = await audit.chainId();
  if (chainId === null) throw new Error("the audit chain has no first row");
  const known = readIfThere(file);
  const keyId = keyRing.id("spool");
  if (known === null) return writeIdentity(file, chainId, keyId);
  const [database, key = ""] = known.split(" ");
  if (database !== chainId) throw storeError("PST-SPL-070", file);
  if (!keyRing.ids("spool").includes(key)) {
    throw storeError("PST-SPL-071", `it needs key ${key}, the one given is ${keyId}`);
  }
  if (key !== keyId) writeIdentity(file, chainId, keyId);
}

/** Whole or not at all: a torn identity would keep the service down. */
function writeIdentity(file: string, database: string, keyId: string): void {
  writeFileSync(`${file}.new`, `${database} ${keyId}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
