/** Why a listener does not start or does not take a new certificate, with its code of the catalogue. */
import type { ReasonCode } from "../../core/reason-codes.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";

export class ListenerError extends Error {
  override readonly name = "ListenerError";
  readonly code: ReasonCode;

  constructor(code: ReasonCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The code an error of a collaborator carries, where it is one of the catalogue; its message may hold anything. */
export function reasonOf(error: unknown): ReasonCode | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  const { code } = error;
  return typeof code === "string" && Object.hasOwn(REASON_CODES, code) ? (code as ReasonCode) : null;
}

/** The class of an error; its message may quote content. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
