/**
 * How the state database fails: one error type with a code of the catalogue. Promises that no stored value gets into the
 * text: SQLite's own messages name tables and columns only, and they stay in `sqlite` as the short result code.
 */
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

/** The form in which a failure crosses from the writer thread. */
export type StoreFailure = { readonly code: ReasonCode; readonly detail: string; readonly sqlite: string | null };

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: ReasonCode;
  /** SQLite's extended result code, such as `SQLITE_IOERR_FSYNC`. */
  readonly sqlite: string | null;
  readonly detail: string;

  constructor(failure: StoreFailure, options?: ErrorOptions) {
    const entry = REASON_CODES[failure.code];
    const detail = failure.detail === "" ? "" : ` (${failure.detail})`;
    super(`${failure.code}: ${entry.what}${detail} Next: ${entry.next}`, options);
    this.code = failure.code;
    this.sqlite = failure.sqlite;
    this.detail = failure.detail;
  }

  toFailure(): StoreFailure {
    return { code: this.code, detail: this.detail, sqlite: this.sqlite };
  }
}

export function storeError(code: ReasonCode, detail = "", cause?: unknown): StoreError {
  return new StoreError({ code, detail, sqlite: sqliteCodeOf(cause) }, cause === undefined ? {} : { cause });
}

/** SQLite's extended result code of a better-sqlite3 error, or null. */
export function sqliteCodeOf(error: unknown): string | null {
  if (error instanceof StoreError) return error.sqlite;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return error.code.startsWith("SQLITE_") ? error.code : null;
}

/** Puts a name of the catalogue to whatever a statement threw. */
export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const sqlite = sqliteCodeOf(error);
  if (sqlite === null) return storeError("PST-SPL-062", error instanceof Error ? error.name : typeof error, error);
  return storeError(codeFor(sqlite), sqlite, error);
}

function codeFor(sqlite: string): ReasonCode {
  if (sqlite === "SQLITE_FULL") return "PST-SPL-054";
  if (/^SQLITE_(IOERR|NOMEM|READONLY|CANTOPEN|BUSY|PROTOCOL|INTERRUPT|PERM)/.test(sqlite)) return "PST-SPL-055";
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(sqlite)) return "PST-SPL-060";
  return "PST-SPL-062";
}

/** The whole group of a transaction is lost with it: the disk, not the request, was at fault. */
export function failsGroup(error: StoreError): boolean {
  return error.code === "PST-SPL-054" || latches(error);
}

/** After this nothing the file says can be trusted before a restart (a failed fsync may have dropped dirty pages). */
export function latches(error: StoreError): boolean {
  return error.code === "PST-SPL-055" || error.code === "PST-SPL-060" || error.code === "PST-SPL-001";
}

/** Passes once there is room again. */
export function isForWantOfSpace(code: ReasonCode): boolean {
  return code === "PST-SPL-054" || code === "PST-SPL-002";
}
