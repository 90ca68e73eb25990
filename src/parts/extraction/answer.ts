/** Heads of the frames a reader sends, as items. Promises: whatever a reader may have become says nothing but these. */
import type { UninspectableReason } from "../../core/findings.ts";
import type { ExtractedItem, PictureItem, Spent } from "./extraction-types.ts";
import { FrameError } from "./frames.ts";
import type { Frame } from "./frames.ts";

const REASONS: ReadonlySet<string> = new Set<UninspectableReason>([
  "unsupported_type",
  "encrypted",
  "damaged",
  "unknown_charset",
  "over_budget",
  "structure_defect",
  "image_only",
  "inspection_error",
]);
/** Numbers and words of the readers' own. */
const PLACE = /^[a-z0-9>:]{0,100}$/;
const NAME_CHARS_MAX = 1_024;

/** The item of a frame, or null for the last frame of an answer. Throws FrameError. */
export function itemOf({ head, body }: Frame): ExtractedItem | PictureItem | null {
  const { kind, place, name, reason } = head;
  if (kind === "done") return null;
  if (typeof place !== "string" || !PLACE.test(place)) throw new FrameError();
  switch (kind) {
    case "text":
    case "name":
      return { kind, place, text: body.toString("utf8") };
    case "file":
      if (typeof name !== "string" || name.length > NAME_CHARS_MAX) throw new FrameError();
      return { kind, place, name, bytes: body };
    case "picture":
      return { kind, place, reason: reasonOf(reason), bytes: body };
    case "unread":
      return { kind, place, reason: reasonOf(reason) };
    case "misnamed":
      return { kind, place };
    default:
      throw new FrameError();
  }
}

export const NOTHING_SPENT: Spent = { entries: 0, inflatedBytes: 0 };

/** What the last frame of an answer tells. Throws FrameError. */
export function spentOf({ head }: Frame): Spent {
  return { entries: amountOf(head["entries"]), inflatedBytes: amountOf(head["inflatedBytes"]) };
}

function amountOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new FrameError();
  return value;
}

function reasonOf(word: unknown): UninspectableReason {
  if (typeof word !== "string" || !REASONS.has(word)) throw new FrameError();
  return word as UninspectableReason;
}
