/**
 * Files of rows that are about to leave the database, one for each removal: whole exports, which `audit verify --export` reads.
 * Promises that `finish` resolves when the file is on disk under its name, and that a file begun and not finished never has it.
 */
import { mkdir, open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { AuditRow } from "../../core/event.ts";
import { endLine, headerLine } from "./export-lines.ts";
import type { ExportHeader } from "./export-lines.ts";

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
/** Text kept before it is written. */
const BUFFER_CHARACTERS = 256 * 1024;

export type ArchiveFile = {
  add(row: AuditRow): Promise<void>;
  /** `note`: a checkpoint of exactly these rows. Resolves to the file's name in the folder. */
  finish(note: string): Promise<string>;
  /** Takes an unfinished file away; does nothing after `finish`. */
  abandon(): Promise<void>;
};

export type AuditArchive = {
  begin(header: Omit<ExportHeader, "export" | "version">, throughSeq: number): ArchiveFile;
};

export function auditArchive(folder: string): AuditArchive {
  return { begin: (header, throughSeq) => new Unfinished(folder, header, throughSeq) };
}

class Unfinished implements ArchiveFile {
  readonly #folder: string;
  readonly #name: string;
  #text: string;
  #rows = 0;
  #handle: FileHandle | null = null;

  constructor(folder: string, header: Omit<ExportHeader, "export" | "version">, throughSeq: number) {
    this.#folder = folder;
    // Sorted as the rows are.
    this.#name = `audit-${pad(header.firstSeq)}-${pad(throughSeq)}.jsonl`;
    this.#text = `${headerLine(header)}\n`;
  }

  async add(row: AuditRow): Promise<void> {
    this.#text += `${JSON.stringify(row)}\n`;
    this.#rows += 1;
    if (this.#text.length >= BUFFER_CHARACTERS) await this.#flush();
  }

  async finish(note: string): Promise<string> {
    this.#text += `${endLine({ rows: this.#rows, head: null, checkpoint: note })}\n`;
    const handle = await this.#flush();
    await handle.sync();
    await handle.close();
    this.#handle = null;
    await rename(this.#path(".new"), this.#path(""));
    const folder = await open(this.#folder, "r");
    await folder.sync();
    await folder.close();
    return this.#name;
  }

  async abandon(): Promise<void> {
    if (this.#handle === null) return;
    await this.#handle.close();
    this.#handle = null;
    await rm(this.#path(".new"), { force: true });
  }

  async #flush(): Promise<FileHandle> {
    if (this.#handle === null) {
      await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
      this.#handle = await open(this.#path(".new"), "w", FILE_MODE);
    }
    await this.#handle.appendFile(this.#text);
    this.#text = "";
    return this.#handle;
  }

  #path(suffix: string): string {
    return join(this.#folder, this.#name + suffix);
  }
}

function pad(seq: number): string {
  return String(seq).padStart(12, "0");
}
