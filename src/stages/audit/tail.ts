/** The newest audit rows, and those that follow. Promises each row once and in order, whatever is appended meanwhile. */
import type { AuditRow } from "../../core/event.ts";
import type { AuditSource } from "../../parts/store/audit-chain.ts";

export type FollowOptions = {
  /** Rows after this one; 0 is the whole chain. */
  readonly afterSeq: number;
  /** Waits between two looks; resolves early when `signal` aborts. */
  readonly wait: (signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
};

const PAGE_ROWS = 500;

/** The last `rowsMax` rows, ascending. */
export async function lastRows(source: Omit<AuditSource, "auditOf">, rowsMax: number): Promise<readonly AuditRow[]> {
  const { seq } = await source.auditHead();
  return source.auditPage(Math.max(1, seq - rowsMax + 1), rowsMax);
}

/** Rows as they are appended, until `signal` aborts. */
export async function* followRows(
  source: Omit<AuditSource, "auditOf">,
  options: FollowOptions,
): AsyncIterable<AuditRow> {
  const { signal, wait } = options;
  let fromSeq = options.afterSeq + 1;
  while (!signal.aborted) {
    const page = await source.auditPage(fromSeq, PAGE_ROWS);
    for (const row of page) {
      yield row;
      fromSeq = row.seq + 1;
    }
    if (page.length < PAGE_ROWS && !signal.aborted) await wait(signal);
  }
}
