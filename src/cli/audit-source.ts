/** Where the audit commands read: the database file, or for whom that is closed the running service, as their role allows. */
import type { Command } from "commander";
import type { AuditReadRequest, AuditReadResult } from "../parts/control/audit-requests.ts";
import type { AuditSource } from "../parts/store/audit-chain.ts";
import { askService, readsDatabase, withQueueReader } from "./surroundings.ts";

/** What verifying, exporting and following need. */
export type AuditReading = Omit<AuditSource, "auditOf">;
type Ask = (request: AuditReadRequest) => Promise<AuditReadResult>;

export async function withAuditSource<T>(command: Command, read: (source: AuditReading) => Promise<T>): Promise<T> {
  if (readsDatabase(command)) return withQueueReader(command, read);
  return read(servedAudit((request) => askService(command, "audit.read", request)));
}

/** An answer holds as many rows as fit: less than asked for is not the end, none is. */
export function servedAudit(ask: Ask): AuditReading {
  return {
    auditPage: (fromSeq, rowsMax) =>
      inPortions(rowsMax, async (rows, left) => {
        const after = rows.at(-1)?.seq;
        return (await ask({ what: "page", fromSeq: after === undefined ? fromSeq : after + 1, rowsMax: left })).rows;
      }),
    auditMarks: (kind, beforeSeq, rowsMax) =>
      inPortions(rowsMax, async (rows, left) => {
        const before = rows.at(-1)?.seq ?? beforeSeq;
        return (await ask({ what: "marks", kind, beforeSeq: before, rowsMax: left })).rows;
      }),
    auditHead: async () => (await ask({ what: "head" })).head,
    chainId: async () => (await ask({ what: "head" })).chainId,
  };
}

type Rows = AuditReadResult["rows"];

async function inPortions(rowsMax: number, next: (rows: Rows, left: number) => Promise<Rows>): Promise<Rows> {
  const rows: Rows[number][] = [];
  while (rows.length < rowsMax) {
    const portion = await next(rows, rowsMax - rows.length);
    if (portion.length === 0) break;
    rows.push(...portion);
  }
  return rows;
}
