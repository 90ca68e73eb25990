/** Pages through the recipients of one state by an index that holds the order, so that a page costs what it gives (ScanQuery). */
import { firstMessageIdAt, messageIdOf } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Scanned, ScanQuery, StoredRecipient } from "../../core/queue-store.ts";
import type { RowCodec } from "./sqlite-codec.ts";
import type { RecipientRow } from "./sqlite-rows.ts";

export type ScanRows = {
  readonly state: string;
  /** JSON list: one for each key that rows may still be under; null: any address. */
  readonly addressIndexes: string | null;
  /** Message ids from here on, and below this one. */
  readonly fromId: string;
  readonly beforeId: string;
  readonly afterId: string;
  readonly afterOrdinal: number;
  readonly limit: number;
};

/** Sorts after every id. */
const LAST = "~";

export function toScanRows(query: ScanQuery, codec: RowCodec): ScanRows {
  const { state, messageId, address, from, before, after, limit } = query;
  return {
    state,
    addressIndexes: address === undefined ? null : JSON.stringify(codec.addressIndexes(address)),
    fromId: messageId ?? (from === undefined ? "" : firstMessageIdAt(from)),
    beforeId: messageId === undefined ? (before === undefined ? LAST : firstMessageIdAt(before)) : `${messageId}.`,
    afterId: after === null ? "" : messageIdOf(after),
    afterOrdinal: after === null ? 0 : Number(after.slice(27)),
    limit,
  };
}

const RANGE = `message_id >= max(@fromId, @afterId) AND message_id < @beforeId
  AND (message_id, ordinal) > (@afterId, @afterOrdinal) ORDER BY message_id, ordinal LIMIT @limit`;

/** Exported for the test that asks SQLite which index it takes. */
export function scanSql(columns: string, { addressIndexes }: Pick<ScanRows, "addressIndexes">): string {
  return addressIndexes === null
    ? `SELECT ${columns} FROM recipient INDEXED BY recipient_by_state WHERE state = @state AND ${RANGE}`
    : `SELECT ${columns} FROM recipient INDEXED BY recipient_by_address
       WHERE address_index IN (SELECT value FROM json_each(@addressIndexes)) AND state = @state AND ${RANGE}`;
}

/** `open` gives nothing for a row that cannot be opened. */
export function toScanned(
  rows: readonly RecipientRow[],
  limit: number,
  open: (row: RecipientRow) => readonly StoredRecipient[],
): Scanned {
  const last = rows.length < limit ? undefined : rows.at(-1);
  return { recipients: rows.flatMap(open), next: last === undefined ? null : (last.id as RecipientId) };
}
