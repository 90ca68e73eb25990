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

const EMPTY_LINE = Buffer.from("\r\n\r\n");

export class HeaderWatch {
  readonly #names: ReadonlySet<string>;
  readonly #headerBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** CRLF of the empty line the section may begin with, and of each line, is found over chunk borders by this tail. */
  #tail = Buffer.from("\r\n");
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
    const joined = Buffer.concat([this.#tail, segment]);
    const end = joined.indexOf(EMPTY_LINE);
    const taken = end === -1 ? segment.length : Math.max(0, end + 2 - this.#tail.length);
    this.#bytes += taken;
    if (this.#bytes > this.#headerBytesMax) {
      this.#isTooLong = true;
      this.#chunks = [];
      return;
    }
    this.#chunks.push(segment.subarray(0, taken));
    this.#tail = joined.subarray(-3);
    this.#hasEnded = end !== -1;
  }

  facts(): HeaderFacts {
    const watched = new Map<string, (string | null)[]>();
    let receivedCount = 0;
    const text = Buffer.concat(this.#chunks).toString("utf8");
    for (const field of text.replace(/\r\n(?=[ \t])/g, "").split("\r\n")) {
      const match = /^([!-9;-~]+)([ \t]*):(.*)$/s.exec(field);
      const name = match?.[1]?.toLowerCase();
      if (name === undefined) continue;
      if (name === "received") receivedCount++;
      if (!this.#names.has(name)) continue;
      // Space before the colon (RFC 5322 section 4.5) is read by some and not by others: it counts, and proves nothing.
      const value = match?.[2] === "" ? (match[3] ?? "").trim() : null;
      watched.set(name, [...(watched.get(name) ?? []), value]);
    }
    return { receivedCount, watched };
  }
}
