/** Why an index, its key or its source cannot be used: a code of the catalogue, and what to do. Holds no value of anybody. */
import type { ReasonCode } from "../../core/reason-codes.ts";

export type EdmErrorCode = Extract<ReasonCode, `PST-EDM-${string}`>;

export class EdmError extends Error {
  readonly code: EdmErrorCode;
  readonly next: string;
  /** More places of the same fault. */
  readonly lines: readonly string[];

  constructor(
    code: EdmErrorCode,
    message: string,
    { next, lines = [] }: { readonly next: string; readonly lines?: readonly string[] },
  ) {
    super(message);
    this.name = "EdmError";
    this.code = code;
    this.next = next;
    this.lines = lines;
  }
}
