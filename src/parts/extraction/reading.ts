/**
 * One job of a reader process: what it may still spend, and what it has to say.
 * Promises: every limit is checked where it is spent, on what was really made and not on what a file says of itself; reaching
 * one throws `Unreadable` with `over_budget`, and whatever was said before stays said.
 */
import type { UninspectableReason } from "../../core/findings.ts";
import type { ExtractedItem, ExtractionBudgets, PictureItem, Spent } from "./extraction-types.ts";

/** Why a file, or the rest of it, cannot be read. */
export class Unreadable extends Error {
  readonly reason: UninspectableReason;

  constructor(reason: UninspectableReason) {
    super(reason);
    this.name = "Unreadable";
    this.reason = reason;
  }
}

/** Below this, what inflating makes is no bomb, whatever its ratio. */
const RATIO_FLOOR_BYTES = 1024 * 1024;
/** Pictures handed on of one attachment, all together. */
export const PICTURE_BYTES_MAX = 64 * 1024 * 1024;
/** Texts are handed on in pieces no longer than this. */
const NAME_CHARS_MAX = 1_000;

export class Reading {
  readonly budgets: ExtractionBudgets;
  readonly #say: (item: ExtractedItem | PictureItem) => void;
  readonly #monotonic: () => number;
  readonly #deadline: number;
  readonly #inflatedMax: number;
  #inflatedBytes = 0;
  #charsLeft: number;
  #fileBytesLeft: number;
  #entries = 0;
  #picturesLeft: number;
  #pictureBytesLeft = PICTURE_BYTES_MAX;

  constructor(
    budgets: ExtractionBudgets,
    sizeBytes: number,
    deps: { readonly say: (item: ExtractedItem | PictureItem) => void; readonly monotonic: () => number },
  ) {
    this.budgets = budgets;
    this.#say = deps.say;
    this.#monotonic = deps.monotonic;
    this.#deadline = deps.monotonic() + budgets.timeMsMax;
    const byRatio = Math.max(RATIO_FLOOR_BYTES, sizeBytes * budgets.inflateRatioMax);
    this.#inflatedMax = Math.min(budgets.inflatedBytesMax, byRatio);
    this.#charsLeft = budgets.textCharsMax;
    this.#fileBytesLeft = budgets.fileBytesMax;
    this.#picturesLeft = budgets.picturesMax;
  }

  /** Throws once time is over; asked in every loop that a file can prolong. */
  checkTime(): void {
    if (this.#monotonic() > this.#deadline) throw new Unreadable("over_budget");
  }

  spendInflated(bytes: number): void {
    this.#inflatedBytes += bytes;
    if (this.#inflatedBytes > this.#inflatedMax) throw new Unreadable("over_budget");
    this.checkTime();
  }

  spendEntries(count: number): void {
    this.#entries += count;
    if (this.#entries > this.budgets.archiveEntriesMax) throw new Unreadable("over_budget");
  }

  /** Also beyond what it might. */
  get spent(): Spent {
    return { entries: this.#entries, inflatedBytes: this.#inflatedBytes };
  }

  /** Characters that are still worth reading. */
  get charsLeft(): number {
    return this.#charsLeft;
  }

  /** Bytes of files that may still be handed back. */
  get fileBytesLeft(): number {
    return this.#fileBytesLeft;
  }

  text(place: string, text: string): void {
    if (text.trim() === "") return;
    const kept = text.length > this.#charsLeft ? text.slice(0, Math.max(0, this.#charsLeft)) : text;
    this.#charsLeft -= text.length;
    if (kept !== "") this.#say({ kind: "text", place, text: kept });
    if (this.#charsLeft < 0) throw new Unreadable("over_budget");
  }

  name(place: string, text: string): void {
    if (text !== "") this.#say({ kind: "name", place, text: text.slice(0, NAME_CHARS_MAX) });
    if (text.length > NAME_CHARS_MAX) this.text(place, text);
  }

  file(place: string, name: string, bytes: Buffer): void {
    this.#fileBytesLeft -= bytes.length;
    if (this.#fileBytesLeft < 0) throw new Unreadable("over_budget");
    this.#say({ kind: "file", place, name: name.slice(-NAME_CHARS_MAX), bytes });
  }

  unread(place: string, reason: UninspectableReason): void {
    this.#say({ kind: "unread", place, reason });
  }

  /** Somebody reads pictures, and there is room for another one. */
  get takesPictures(): boolean {
    return this.#picturesLeft > 0 && this.#pictureBytesLeft > 0;
  }

  /** Handed on where somebody reads it, else told as not read. */
  picture(place: string, bytes: Buffer, reason: UninspectableReason): void {
    this.#picturesLeft -= 1;
    this.#pictureBytesLeft -= bytes.length;
    if (this.#picturesLeft < 0 || this.#pictureBytesLeft < 0) return this.unread(place, reason);
    this.#say({ kind: "picture", place, reason, bytes });
  }

  misnamed(place: string): void {
    this.#say({ kind: "misnamed", place });
  }
}

/** The reason an error stands for; one that is no Unreadable is a fault of a reader, told as damage of what it read. */
export function reasonOfError(error: unknown): UninspectableReason {
  return error instanceof Unreadable ? error.reason : "damaged";
}
