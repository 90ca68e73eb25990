/** Which rows an export holds. */
import type { AuditRow } from "../../core/event.ts";

export type ExportFilter = {
  /** Milliseconds since the epoch; `until` itself is not in it. */
  readonly since: number | null;
  readonly until: number | null;
  readonly messageId: string | null;
  /** Empty: all. */
  readonly kinds: readonly string[];
};

export function isWhole({ since, until, messageId, kinds }: ExportFilter): boolean {
  return since === null && until === null && messageId === null && kinds.length === 0;
}

export function matches(row: AuditRow, { since, until, messageId, kinds }: ExportFilter): boolean {
  return (
    (since === null || row.at >= since) &&
    (until === null || row.at < until) &&
    (messageId === null || row.messageId === messageId) &&
    (kinds.length === 0 || kinds.includes(row.kind))
  );
}
