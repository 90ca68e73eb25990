/**
 * What goes wrong on the command line and how it is said: `postern: what. Next: what to do.` on standard error.
 * Promises: exit code 1 for a finding or refusal, 2 for wrong usage; no stack, no cause, no content of mail.
 */
import { CommanderError } from "commander";
import { REASON_CODES } from "../core/reason-codes.ts";
import type { ReasonCode } from "../core/reason-codes.ts";

export type ExitCode = 0 | 1 | 2;

/** A failure a command can explain. `lines` stand before the summary, such as the errors of a configuration. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly next: string;
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];

  constructor(
    what: string,
    options: { readonly next: string; readonly exitCode?: ExitCode; readonly lines?: readonly string[] },
  ) {
    super(what);
    this.next = options.next;
    this.exitCode = options.exitCode ?? 1;
    this.lines = options.lines ?? [];
  }
}

/** A finding that was printed already: only the exit code is left to say. */
export class Finding extends Error {
  override readonly name = "Finding";
}

export type Complaint = { readonly text: string; readonly exitCode: ExitCode };

/** The text for standard error, without its last line break; empty where everything was said. */
export function complaintFor(error: unknown): Complaint {
  if (error instanceof Finding) return { text: "", exitCode: 1 };
  if (error instanceof CommanderError) return { text: "", exitCode: error.exitCode === 0 ? 0 : 2 };
  if (error instanceof CliError) {
    const text = [...error.lines, `postern: ${sentence(error.message)} Next: ${error.next}`].join("\n");
    return { text, exitCode: error.exitCode };
  }
  const code = codeOf(error);
  if (error instanceof Error && code !== null) {
    const { next } = REASON_CODES[code];
    const said = error.message.includes(next) ? error.message : `${sentence(error.message)} Next: ${next}`;
    return { text: `postern: ${said}`, exitCode: 1 };
  }
  // A bug: its message might hold anything, its type cannot.
  const kind = error instanceof Error ? error.name : typeof error;
  const text = `postern: an unexpected error (${kind}). Next: run again with POSTERN_DEBUG=1 and report the stack.`;
  return { text, exitCode: 1 };
}

function codeOf(error: unknown): ReasonCode | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return error.code in REASON_CODES ? (error.code as ReasonCode) : null;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
