/**
 * Reads the state database for operators, while the service runs and while it is down. Promises never to write, lock or
 * migrate: it opens read-only, takes no instance lock, and refuses a schema it does not know. Synchronous SQLite: for
 * commands, not for the service.
 */
import type { BlobRef } from "../../core/blob-store.ts";
import type { DomainFacts } from "../../core/domain-facts.ts";
import type { AuditRow } from "../../core/event.ts";
import type { MessageId } from "../../core/ids.ts";
import type {
  QueueCounts,
  QueueFilter,
  Scanned,
  ScanQuery,
  StoredMessage,
  StoredRecipient,
} from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";
import { keyUse } from "./key-use.ts";
import type { KeyUse } from "./key-use.ts";
import type { AuditSource, ChainHead, MarkKind } from "./audit-chain.ts";
import { latestVersion, MIGRATIONS, schemaVersion } from "./migrations.ts";
import { RowCodec, toBlobRef } from "./sqlite-codec.ts";
import { assertKnown, connect } from "./sqlite-database.ts";
import { readDomainFacts } from "./sqlite-domain-facts.ts";
import { toFilterRows } from "./sqlite-queue-store.ts";
import { toScanned, toScanRows } from "./sqlite-scan.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import type { BlobRow, LegalHoldRow } from "./sqlite-rows.ts";
import { DomainFactReads } from "./writer-domain-facts.ts";
import { sqliteCodeOf, storeError, toStoreError } from "./sqlite-store-error.ts";

const BLOB_PAGE_ROWS = 500;

export interface QueueReader extends AuditSource {
  recipients(filter: QueueFilter): Promise<readonly StoredRecipient[]>;
  scan(query: ScanQuery): Promise<Scanned>;
  message(id: MessageId): Promise<StoredMessage | null>;
  counts(): Promise<QueueCounts>;
  keyUse(): Promise<readonly KeyUse[]>;
  /** Every blob a row refers to, in pages. */
  liveBlobs(): AsyncIterable<BlobRef>;
  /** PRAGMA integrity_check: true where nothing is wrong. Reads the whole file. */
  isWhole(): Promise<boolean>;
  /** What is remembered of recipient domains. */
  readonly domainFacts: Pick<DomainFacts, "get" | "list">;
  legalHolds(): Promise<readonly LegalHoldRow[]>;
  close(): void;
}

/** Throws StoreError where there is no database, or one this version cannot read. */
export function openQueueReader(options: { readonly path: string; readonly sealer: Sealer }): QueueReader {
  const { path } = options;
  const db = connect(path, { readonly: true });
  try {
    assertKnown(db, path);
    const version = schemaVersion(db);
    const known = latestVersion(MIGRATIONS);
    if (version < known) {
      throw storeError("PST-SPL-065", `${path} has schema version ${version}, this Postern reads ${known}`);
    }
  } catch (error) {
    db.close();
    throw refusal(error, path);
  }
  const reads = new SqliteReads(db);
  const codec = new RowCodec(options.sealer);
  return {
    recipients: (filter) =>
      reading(() => reads.recipients(toFilterRows(filter, codec)).map((row) => codec.storedRecipient(row))),
    scan: (query) =>
      reading(() =>
        toScanned(reads.scan(toScanRows(query, codec)), query.limit, (row) => [codec.storedRecipient(row)]),
      ),
    message: (id) =>
      reading(() => {
        const rows = reads.message(id);
        return rows === null ? null : codec.storedMessage(rows);
      }),
    counts: () => reading(() => reads.counts()),
    keyUse: () => reading(() => keyUse(db)),
    liveBlobs: () => liveBlobs(reads),
    isWhole: () => reading(() => db.pragma("integrity_check(1)", { simple: true }) === "ok"),
    auditPage: (fromSeq: number, rowsMax: number): Promise<readonly AuditRow[]> =>
      reading(() => reads.auditPage(fromSeq, rowsMax)),
    auditOf: (messageId: string, rowsMax: number) => reading(() => reads.auditOf(messageId, rowsMax)),
    auditHead: (): Promise<ChainHead> => reading(() => reads.auditHead()),
    auditMarks: (kind: MarkKind, beforeSeq: number, rowsMax: number) =>
      reading(() => reads.auditMarks(kind, beforeSeq, rowsMax)),
    chainId: () => reading(() => reads.chainId()),
    domainFacts: readDomainFacts(new DomainFactReads(db), options.sealer),
    legalHolds: () => reading(() => reads.legalHolds()),
    close: () => void db.close(),
  };
}

async function* liveBlobs(reads: SqliteReads): AsyncGenerator<BlobRef, void, void> {
  for (let after: string | null = ""; after !== null;) {
    const rows: readonly BlobRow[] = await reading(() => reads.liveBlobs(after ?? "", BLOB_PAGE_ROWS));
    for (const row of rows) yield toBlobRef(row);
    after = rows.length < BLOB_PAGE_ROWS ? null : (rows.at(-1)?.locator ?? null);
  }
}

async function reading<T>(read: () => T): Promise<T> {
  try {
    return read();
  } catch (error) {
    throw toStoreError(error);
  }
}

function refusal(error: unknown, path: string): Error {
  const sqlite = sqliteCodeOf(error);
  if (sqlite === null) return toStoreError(error);
  const isDamage = /^SQLITE_(CORRUPT|NOTADB|FORMAT)/.test(sqlite);
  return storeError(isDamage ? "PST-SPL-052" : "PST-SPL-064", `${path}: ${sqlite}`, error);
}
