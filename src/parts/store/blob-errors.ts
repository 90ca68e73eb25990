/** What the body store rejects with. Each carries its catalogue code; none holds content or a key. */
import type { ReasonCode } from "../../core/reason-codes.ts";

/** The disk did not confirm a write. Latched until a restart: what was written since may be gone (see blob-health.ts). */
export class StorageUnhealthyError extends Error {
  override readonly name = "StorageUnhealthyError";
  readonly code: ReasonCode = "PST-SPL-001";

  constructor(cause: unknown) {
    super("PST-SPL-001 the body store is unhealthy: the disk did not confirm a write", { cause });
  }
}

/** No space, quota or file handles now. Nothing was stored, earlier blobs are safe, the next attempt may succeed. */
export class StorageFullError extends Error {
  override readonly name = "StorageFullError";
  readonly code: ReasonCode = "PST-SPL-002";

  constructor(cause: unknown) {
    super("PST-SPL-002 the body store has no space, quota or file handles left", { cause });
  }
}

export type DamageCode = "PST-SPL-003" | "PST-SPL-004" | "PST-SPL-005";

const DAMAGE: Readonly<Record<DamageCode, string>> = {
  "PST-SPL-003": "was altered or cut short",
  "PST-SPL-004": "is gone",
  "PST-SPL-005": "does not open with the key given",
};

/** The blob cannot be had, and trying again will not help until an operator acts. */
export class BlobDamagedError extends Error {
  override readonly name = "BlobDamagedError";
  readonly code: ReasonCode;
  readonly locator: string;

  constructor(code: DamageCode, locator: string, cause?: unknown) {
    super(`${code} the blob ${locator} ${DAMAGE[code]}`, { cause });
    this.code = code;
    this.locator = locator;
  }
}

/** The system could not read just now (I/O error, no file handles): worth another attempt later. */
export class StorageReadError extends Error {
  override readonly name = "StorageReadError";
  readonly code: ReasonCode = "PST-SPL-006";

  constructor(locator: string, cause: unknown) {
    super(`PST-SPL-006 the blob ${locator} could not be read`, { cause });
  }
}

/** Classifies what opening or reading a blob's file rejected with. */
export function readFailure(error: unknown, locator: string): Error {
  if (error instanceof BlobDamagedError) return error;
  const isGone = errnoOf(error) === "ENOENT";
  return isGone ? new BlobDamagedError("PST-SPL-004", locator, error) : new StorageReadError(locator, error);
}

/** `ENOSPC` and the like, or "" for what is no system error. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Failures that leave earlier writes untouched and may pass. Anything else, such as EIO or EROFS, is a sick disk. */
const PASSING = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"]);

export function isPassing(error: unknown): boolean {
  return PASSING.has(errnoOf(error));
}
