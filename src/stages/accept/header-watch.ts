/**
 * Reads the header section as it streams by: hops, the loop marker and the headers that prove a submitter.
 * Promises: looks at canonical CRLF text only, holds at most headerBytesMax, and nothing once the section has ended.
 * Keeps the values of the watched names and of no other header.
 */

export type HeaderFacts = {
  readonly receivedCount: number;
  /** Values by lower-case name, unfolded and trimmed; null where the field is written in a form that proves nothing. */
  readonly watched: ReadonlyMap<string, readonly (string | null)[]>;
};

/** The name of a field, and the white space behind it where there is some, folds included. */
const FIELD_START = /\r\n([!-9;-~]+)((?:[ \t]|\r\n[ \t])*):/g;
const EMPTY_LINE = Buffer.from("\r\n\r\n");

export class HeaderWatch {
  readonly #names: ReadonlySet<string>;
  readonly #headerBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** CRLF of the empty line the section may begin with, and of each line, is found over chunk borders by this tail. */
  #tail: Buffer = Buffer.from("\r\n");
  #hasEnded = false;
  #isTooLong = false;

  constructor(names: readonly string[], headerBytesMax: number) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#headerBytesMax = headerBytesMax;
  }

  get isTooLong(): boolean {
    return this.#isTooLong;
  }

  push(segment: Buffer): void {
    if (this.#hasEnded || this.#isTooLong) return;
    const border = Buffer.concat([this.#tail, segment.subarray(0, EMPTY_LINE.length - 1)]);
    const atBorder = border.indexOf(EMPTY_LINE);
    const end = atBorder === -1 ? segment.indexOf(EMPTY_LINE) : atBorder - this.#tail.length;
    this.#hasEnded = atBorder !== -1 || end !== -1;
    const taken = this.#hasEnded ? Math.max(0, end + 2) : segment.length;
    this.#bytes += taken;
    if (this.#bytes > this.#headerBytesMax) {
      this.#isTooLong = true;
      this.#chunks = [];
      return;
    }
    this.#chunks.push(segment.subarray(0, taken));
    this.#tail = (segment.length < 3 ? border : segment).subarray(-3);
  }

  facts(): HeaderFacts {
    const watched = new Map<string, (string | null)[]>();
    let receivedCount = 0;
    const text = `\r\n${Buffer.concat(this.#chunks).toString("utf8")}`;
    for (const match of text.matchAll(FIELD_START)) {
      const name = match[1]?.toLowerCase() ?? "";
      if (name === "received") receivedCount++;
      if (!this.#names.has(name)) continue;
      // White space before the colon (RFC 5322 section 4.5) is read by some and not by others: it counts, and proves nothing.
      const value = match[2] === "" ? unfoldedFrom(text, match.index + match[0].length) : null;
      const values = watched.get(name);
      if (values === undefined) watched.set(name, [value]);
      else values.push(value);
    }
    return { receivedCount, watched };
  }
}

/** The value that begins there, without its folds. */
function unfoldedFrom(text: string, start: number): string {
  const end = text.slice(start).search(/\r\n(?![ \t])/);
  return text
    .slice(start, end === -1 ? undefined : start + end)
    .replaceAll("\r\n", "")
    .trim();
}
