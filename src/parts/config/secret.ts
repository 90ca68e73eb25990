/**
 * Secrets and where they come from: `file:PATH` (relative to the configuration), `credential:NAME` (a file in
 * $CREDENTIALS_DIRECTORY, as systemd gives it) or `env:NAME`.
 * Promises: a Secret prints as [redacted] wherever it ends up; a file others may read is refused; errors name the place,
 * never the value.
 */
import { join, resolve } from "node:path";
import { inspect } from "node:util";

export const SECRET_REFERENCE = /^(?:file:[^\0]+|credential:[A-Za-z0-9._-]+|env:[A-Za-z_][A-Za-z0-9_]*)$/;

/** Largest secret or certificate file read. */
const SECRET_BYTES_MAX = 1024 * 1024;
const OTHERS_MASK = 0o007;

export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  /** A copy: the caller may wipe it. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }

  /** As UTF-8 text without the line break an editor leaves at the end. */
  text(): string {
    return this.#bytes.toString("utf8").replace(/\r?\n$/, "");
  }

  toString(): string {
    return "[redacted]";
  }

  toJSON(): string {
    return "[redacted]";
  }

  [inspect.custom](): string {
    return "[redacted]";
  }
}

/** What reading the configuration needs from outside; `nodeConfigEnvironment` in config-environment.ts is the real one. */
export interface ConfigEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Fully qualified name of this machine where it has one. */
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Throws a Node file system error. */
  readFile(path: string): Buffer;
  /** Permission bits. Throws a Node file system error. */
  fileMode(path: string): number;
}

export type SecretReading =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly message: string; /** Nothing is there. */ readonly isMissing?: boolean };

export type ReferenceContext = { readonly environment: ConfigEnvironment; readonly folder: string };

/** Reads what a reference points at. `isPublic`: a certificate, which others may read. */
export function resolveReference(reference: string, context: ReferenceContext, isPublic = false): SecretReading {
  const colon = reference.indexOf(":");
  const scheme = reference.slice(0, colon);
  const place = reference.slice(colon + 1);
  if (scheme === "env") {
    const value = context.environment.variables[place];
    if (value === undefined || value === "")
      return { ok: false, message: `the environment variable ${place} is not set` };
    return { ok: true, bytes: Buffer.from(value) };
  }
  if (scheme === "file") return readGuarded(resolve(context.folder, place), context.environment, isPublic);
  const directory = context.environment.variables["CREDENTIALS_DIRECTORY"];
  if (directory === undefined || directory === "") {
    return {
      ok: false,
      message: "$CREDENTIALS_DIRECTORY is not set; start through systemd with LoadCredential=, or use file:",
    };
  }
  return readGuarded(join(directory, place), context.environment, isPublic);
}

function readGuarded(path: string, environment: ConfigEnvironment, isPublic: boolean): SecretReading {
  try {
    const mode = environment.fileMode(path);
    if (!isPublic && (mode & OTHERS_MASK) !== 0) {
      return { ok: false, message: `${path} is open to every user; run: chmod 0640 ${path}` };
    }
    const bytes = environment.readFile(path);
    if (bytes.length === 0) return { ok: false, message: `${path} is empty` };
    if (bytes.length > SECRET_BYTES_MAX)
      return { ok: false, message: `${path} is larger than ${SECRET_BYTES_MAX} bytes` };
    return { ok: true, bytes };
  } catch (error) {
    const why = errorCode(error);
    return { ok: false, message: `${path} ${unreadable(why)}`, isMissing: why === "ENOENT" };
  }
}

/** The system's short word for a file error, `ENOENT`; never a message with content. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}

/** Configuration and keys are closed to other users, and who administers a machine is often one of them at first. */
export function unreadable(why: string): string {
  return `cannot be read (${why})${why === "EACCES" ? "; run the command as root" : ""}`;
}
