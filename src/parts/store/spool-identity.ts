/**
 * Ties the folder of bodies to its database: a body the database does not name is reclaimed at the start, so a folder beside
 * a new or another database would be emptied. The first row of the audit chain is the database's identity.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { AuditSource } from "./audit-chain.ts";
import { storeError } from "./sqlite-store-error.ts";

/** Refuses with PST-SPL-070 where `file` names another database; writes it where there is none. The chain is not empty. */
export async function assertSameDatabase(file: string, audit: AuditSource): Promise<void> {
  const [first] = await audit.auditPage(1, 1);
  if (first === undefined) throw new Error("the audit chain has no first row");
  const known = readIfThere(file);
  if (known === null) writeFileSync(file, `${first.hash}\n`, { mode: 0o600, flush: true });
  else if (known !== first.hash) throw storeError("PST-SPL-070", file);
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
