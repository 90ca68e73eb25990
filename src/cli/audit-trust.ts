/** Which keys and checkpoints a verification trusts: those given on the command line, else those of the configuration. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { loadAuditVerifiers } from "../parts/config/config.ts";
import { isVerifier, notesIn, NoteVerifiers } from "../parts/keys/signed-note.ts";
import type { ChainHead } from "../parts/store/audit-chain.ts";
import type { GivenCheckpoint } from "../stages/audit/verify.ts";
import { CliError } from "./cli-error.ts";
import { configEnvironment, configErrors, configPathOf, isClosed } from "./surroundings.ts";

const STANDARD_INPUT = 0;

/** null: no key is known, so no signature can be checked. */
export function verifiersFor(command: Command, keys: readonly string[] | undefined): NoteVerifiers | null {
  if (keys !== undefined) return new NoteVerifiers(keys);
  const path = configPathOf(command);
  const loading = loadAuditVerifiers(path, configEnvironment());
  // Who may not read the key still sees whether the rows fit each other; verify says that signatures were not checked.
  if (!loading.ok && isClosed(loading.errors)) return null;
  if (!loading.ok) throw configErrors(path, loading.errors);
  return loading.verifiers.length === 0 ? null : new NoteVerifiers(loading.verifiers);
}

/** A verifier, or a file of them, each in a line of its own or in the table of `postern audit key show`. */
export function parseKey(text: string, before: readonly string[] | undefined): readonly string[] {
  const given = verifierOf(text);
  const lines = isVerifier(given) ? [given] : (linesOf(text)?.map(verifierOf).filter(isNoTitle) ?? null);
  if (lines === null || lines.length === 0 || !lines.every(isVerifier)) {
    throw new InvalidArgumentError("Neither a line as `postern audit key show` prints it, nor a file of such lines.");
  }
  return [...(before ?? []), ...lines];
}

function verifierOf(line: string): string {
  return line.trim().split(/\s/, 1)[0] ?? "";
}

function isNoTitle(word: string): boolean {
  return word !== "VERIFIER";
}

/** `seq:hash`, a file, or `-`: of signed checkpoints, or of log lines that hold them, or one whose last line is a head. */
export function parseCheckpoints(text: string): readonly GivenCheckpoint[] {
  const direct = toHead(text);
  if (direct !== null) return [{ head: direct }];
  const content = read(text);
  if (content === null) throw new InvalidArgumentError("There is no such file, or it cannot be read.");
  const notes = [...notesIn(content), ...notesInLog(content)];
  if (notes.length > 0) return notes.map((note) => ({ note }));
  const head = toHead(content.trimEnd().split("\n").at(-1) ?? "");
  if (head === null) {
    throw new InvalidArgumentError(
      "It holds no signed checkpoint, and its last line is no head of `postern audit verify`.",
    );
  }
  return [{ head }];
}

/** A signed checkpoint without a key proves nothing to anybody. */
export function requireKeyFor(checkpoints: readonly GivenCheckpoint[], verifiers: NoteVerifiers | null): void {
  if (verifiers !== null || !checkpoints.some((given) => "note" in given)) return;
  throw new CliError("a signed checkpoint was given, and no key to check it with", {
    next: "give --key with the line that `postern audit key show` printed on the gateway, or set keys.audit.",
    exitCode: 2,
  });
}

function read(path: string): string | null {
  try {
    return readFileSync(path === "-" ? STANDARD_INPUT : path, "utf8");
  } catch {
    // Said by the caller, who knows what the file was for.
    return null;
  }
}

function linesOf(path: string): readonly string[] | null {
  return (
    read(path)
      ?.split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#")) ?? null
  );
}

function notesInLog(content: string): readonly string[] {
  if (!content.includes('"audit_checkpoint"')) return [];
  return content.split("\n").flatMap((line) => {
    const note = /"note":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
    return note === undefined ? [] : [JSON.parse(note) as string];
  });
}

function toHead(text: string): ChainHead | null {
  const match = /^(?:head )?(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim());
  return match === null ? null : { seq: Number(match[1]), hash: match[2] ?? "" };
}
