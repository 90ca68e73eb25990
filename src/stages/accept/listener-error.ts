/** Why a listener does not start or does not take a new certificate, with its code of the catalogue. */
import type { ReasonCode } from "../../core/reason-codes.ts";

export class ListenerError extends Error {
  override readonly name = "ListenerError";
  readonly code: ReasonCode;

  constructor(code: ReasonCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
