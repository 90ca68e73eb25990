/**
 * Writes what a new gateway needs. Promises: a file that is there is kept as it is and named as kept; private files are never
 * readable by others, not even for a moment; what is written belongs to the service's group where root writes it.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CliError } from "../cli-error.ts";

export type Written = { readonly path: string; readonly what: string; readonly isNew: boolean };

export const SERVICE_GROUP = "postern";

export class InitFolder {
  readonly #root: string;
  readonly #groupId: number | null;
  readonly written: Written[] = [];

  constructor(root: string) {
    this.#root = root;
    this.#groupId = process.getuid?.() === 0 ? groupIdOf(SERVICE_GROUP) : null;
  }

  path(name: string): string {
    return join(this.#root, name);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** `make` runs only where the file is missing. */
  write(name: string, what: string, make: () => string | Buffer): void {
    const path = this.path(name);
    const isNew = !existsSync(path);
    if (isNew) {
      try {
        this.#folder(dirname(path));
        writeFileSync(path, make(), { mode: 0o600, flag: "wx", flush: true });
        this.#give(path, 0o640);
      } catch (error) {
        const why = error instanceof Error && "code" in error ? String(error.code) : "unknown";
        throw new CliError(`${path} cannot be written (${why})`, {
          next: "Run as root, or name another folder with --dir.",
        });
      }
    }
    this.written.push({ path, what, isNew });
  }

  #folder(path: string): void {
    if (existsSync(path)) return;
    this.#folder(dirname(path));
    mkdirSync(path, { mode: 0o750 });
    this.#give(path, 0o750);
  }

  /** Without the group the mode stays as narrow as it was made: only its owner reads it. */
  #give(path: string, mode: number): void {
    if (this.#groupId === null) return;
    chownSync(path, statSync(path).uid, this.#groupId);
    chmodSync(path, mode);
  }
}

export function newKeyText(): string {
  return `${randomBytes(32).toString("hex")}\n`;
}

/** RSA of 2,048 bits: every verifier takes it (RFC 8301), and its record fits into DNS. */
export function newDkimKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" });
}

function groupIdOf(name: string): number | null {
  try {
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .find((entry) => entry.startsWith(`${name}:`));
    const id = Number(line?.split(":")[2]);
    return Number.isInteger(id) ? id : null;
  } catch {
    // No such file, no such group: the files stay root's alone.
    return null;
  }
}
