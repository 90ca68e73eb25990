/** What keeps the service from starting or reloading, as an error a person can act on. Anything else passes through. */
import { EdmError } from "../parts/edm/edm-error.ts";
import { PackError } from "../rule-packs.ts";
import { CliError } from "./cli-error.ts";

export function asCliError(error: unknown): unknown {
  if (error instanceof PackError) {
    return new CliError("PST-CFG-001 a rule pack does not load", {
      next: "run `postern dlp check FILE`",
      lines: error.lines,
    });
  }
  if (error instanceof EdmError) {
    const lines = [`${error.code} ${error.message}`, ...error.lines];
    return new CliError("an index of dlp.edm cannot be used", { next: error.next, lines });
  }
  if (error instanceof Error && "syscall" in error && error.syscall === "listen") {
    return new CliError("a listener cannot use its address and port", {
      next: "see address and port under listen and monitoring, and whether another service has them (`ss -ltnp`)",
      lines: [error.message],
    });
  }
  if (isFileError(error)) {
    // The message is the system's own: its word, the call and the path.
    return new CliError("a file or folder of the service cannot be used", {
      next: "see data_dir and who owns what is in it: the service's user must be able to read and write it",
      lines: [error.message],
    });
  }
  return error;
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "path" in error && "code" in error;
}
