/** Errors of keys at rest. They name the key or the place and what is wrong, never a byte of a key or of a text. */
import type { ReasonCode } from "../../core/reason-codes.ts";

/** A key at rest that cannot be used as given. The message is fit for an operator. */
export class KeyUnusableError extends Error {
  override readonly name = "KeyUnusableError";
  readonly code: ReasonCode;

  constructor(code: "PST-SPL-010" | "PST-SPL-011" | "PST-SPL-012" | "PST-SPL-014", message: string) {
    super(`${code} ${message}`);
    this.code = code;
  }
}

/** A sealed text or a wrapped key that does not open: altered, in the wrong place, or sealed under another key. */
export class SealBrokenError extends Error {
  override readonly name = "SealBrokenError";
  readonly code: ReasonCode = "PST-SPL-013";

  constructor(message: string) {
    super(`PST-SPL-013 ${message}`);
  }
}
