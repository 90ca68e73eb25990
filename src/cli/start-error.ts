/** What keeps the service from starting or reloading, as an error a person can act on. Anything else passes through. */
import { PackError } from "../main.ts";
import { CliError } from "./cli-error.ts";

export function asCliError(error: unknown): unknown {
  if (error instanceof PackError) {
    return new CliError("PST-CFG-001 a rule pack does not load", {
      next: "run `postern dlp check FILE`",
      lines: error.lines,
    });
  }
  if (error instanceof Error && "syscall" in error && error.syscall === "listen") {
    return new CliError("the listener cannot use its address and port", {
      next: "see listen.address and listen.port, and whether another service has them (`ss -ltnp`)",
      lines: [error.message],
    });
  }
  return error;
}
