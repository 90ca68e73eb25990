/** What may be told of an exception. Its message may quote what a mail said, so only its class and a known code leave. */
import { REASON_CODES } from "./reason-codes.ts";
import type { ReasonCode } from "./reason-codes.ts";

/** The class of an error, for the log. */
export function errorName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** The code an error carries, where it is one of the catalogue. */
export function reasonOf(error: unknown): ReasonCode | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  const { code } = error;
  return typeof code === "string" && Object.hasOwn(REASON_CODES, code) ? (code as ReasonCode) : null;
}
