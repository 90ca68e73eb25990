/** Gathers the text of one document, and hands it on before it takes more memory than it may. */
import type { Reading } from "./reading.ts";

/** Handed on in pieces of this size; a piece is a text of its own, so nothing short falls into two. */
const PIECE_CHARS = 1024 * 1024;

export class TextCollector {
  readonly #place: string;
  readonly #reading: Reading;
  #pieces: string[] = [];
  #length = 0;
  #last = "\n";

  constructor(place: string, reading: Reading) {
    this.#place = place;
    this.#reading = reading;
  }

  append(text: string): void {
    if (text === "") return;
    this.#pieces.push(text);
    this.#length += text.length;
    this.#last = text.charAt(text.length - 1);
    if (this.#length > this.#reading.charsLeft || (this.#length > PIECE_CHARS && this.#last === "\n")) this.flush();
  }

  /** Ends the line, where one has begun. */
  endLine(): void {
    if (this.#last !== "\n") this.append("\n");
  }

  flush(): void {
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    this.#reading.text(this.#place, text);
  }
}
