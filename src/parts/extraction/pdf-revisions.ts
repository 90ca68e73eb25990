/**
 * Earlier states of a PDF (ISO 32000-2 section 7.5.6): what was changed or taken out since is still in the file, before the end of each.
 * Promises: linear in the file; a file that was written in one go has none. Leaves to the reader whether what ends there is whole.
 */
import type { TextCollector } from "./text-collector.ts";

/** Saved more often, its first states are not read. */
export const EARLIER_MAX = 20;
const END = Buffer.from("%%EOF", "latin1");
const HEAD_BYTES = 1_024;

/** Where each earlier state ends, the last of them first, and whether these are all. */
export function earlierEnds(bytes: Buffer): { readonly ends: readonly number[]; readonly isWhole: boolean } {
  const ends: number[] = [];
  for (let at = bytes.indexOf(END); at !== -1; at = bytes.indexOf(END, at + END.length)) ends.push(at + END.length);
  // What is written for the web begins with the table of its first page, which ends like a state and is none.
  if (bytes.subarray(0, HEAD_BYTES).includes("/Linearized")) ends.shift();
  const earlier = ends.slice(0, -1);
  return { ends: earlier.slice(-EARLIER_MAX).toReversed(), isWhole: earlier.length <= EARLIER_MAX };
}

/**
 * The text of a document, told page by page; of an earlier state only pages, and lists of fields, that no later one has: whole, since a
 * name may stand where nothing was changed.
 */
export class PdfSections {
  readonly #out: TextCollector;
  /** null: nothing else will be read. */
  readonly #seen: Set<string> | null;
  readonly #isEarlier: boolean;
  #section = "";

  constructor(out: TextCollector, seen: Set<string> | null, { isEarlier }: { readonly isEarlier: boolean }) {
    this.#out = out;
    this.#seen = seen;
    this.#isEarlier = isEarlier;
  }

  append(text: string): void {
    if (this.#isEarlier) this.#section += text;
    else {
      if (this.#seen !== null) this.#section += text;
      this.#out.append(text);
    }
  }

  endLine(): void {
    if (this.#section !== "" && !this.#section.endsWith("\n")) this.#section += "\n";
    if (!this.#isEarlier) this.#out.endLine();
  }

  endSection(): void {
    const section = this.#section.trim();
    this.#section = "";
    if (section === "" || this.#seen === null) return;
    const isNew = !this.#seen.has(section);
    this.#seen.add(section);
    if (!this.#isEarlier || !isNew) return;
    this.#out.append(section);
    this.#out.endLine();
  }

  flush(): void {
    this.endSection();
    this.#out.flush();
  }
}
