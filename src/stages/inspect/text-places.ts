/**
 * Says what of a message a place in it is: subject, sender, body, quoted tail, signature, footer, blank form, attachment, file name, header.
 * Promises: a text is marked when its first place is asked for, never before, in time linear in the text; what is not clearly
 * quoted, a signature, a footer or a form is the plain text it stands in. Reads lines as people write them; proves nothing.
 */
import type { MimePart } from "../../core/mime-structure.ts";
import { isEmbeddedMessage } from "../../parts/mime/part-facts.ts";
import type { Segment } from "./compiled-pack.ts";
import type { Markup } from "./html-places.ts";
import { footerParagraphs, mayHoldFooter } from "./text-footers.ts";
import { isBlankForm } from "./text-forms.ts";
import { LINES_MAX, linesOf } from "./text-lines.ts";
import type { Line } from "./text-lines.ts";
import { quotedFrom } from "./text-quotes.ts";
import { isShort, signatureFrom } from "./text-signature.ts";

/** Told apart within a text. */
export const MARKED_PLACES = ["quoted", "signature", "footer", "form"] as const;
export const TEXT_PLACES = ["subject", "sender", "body", ...MARKED_PLACES, "attachment", "filename", "header"] as const;
export type TextPlace = (typeof TEXT_PLACES)[number];
export type MarkedPlace = (typeof MARKED_PLACES)[number];

/** Where a match counts: in one of `in` (null: everywhere), and in none of `notIn`. */
export type PlaceFilter = { readonly in: readonly TextPlace[] | null; readonly notIn: readonly TextPlace[] };

/** A stretch of lines of one kind. */
export type Mark = { readonly start: number; readonly end: number; readonly place: MarkedPlace };
type Span = { readonly start: number; readonly end: number };

export class TextPlaces {
  readonly segments: readonly Segment[];
  readonly #marks = new Map<number, readonly Mark[]>();

  constructor(segments: readonly Segment[]) {
    this.segments = segments;
  }

  /** One place; of an attachment the marked place within it as well. */
  of(index: number, span: Span): readonly TextPlace[] {
    const segment = this.segments[index];
    if (segment === undefined) return [];
    if (segment.kind !== "body") return [segment.kind];
    const mark = this.markOf(index, span);
    if (segment.isAttached === true) return mark === null ? ["attachment"] : ["attachment", mark.place];
    return [mark?.place ?? "body"];
  }

  /** The stretch in which all of it stands; one object for each. */
  markOf(index: number, { start, end }: Span): Mark | null {
    const marks = this.marksOf(index);
    let low = 0;
    let high = marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((marks[middle]?.end ?? 0) < end) low = middle + 1;
      else high = middle;
    }
    const mark = marks[low];
    return mark !== undefined && mark.start <= start ? mark : null;
  }

  counts(index: number, span: Span, filter: PlaceFilter): boolean {
    const places = this.of(index, span);
    return (
      (filter.in === null || places.some((each) => filter.in?.includes(each))) &&
      !places.some((each) => filter.notIn.includes(each))
    );
  }

  /** Of a body, in order; they do not overlap. */
  marksOf(index: number): readonly Mark[] {
    const known = this.#marks.get(index);
    if (known !== undefined) return known;
    const segment = this.segments[index];
    const marks = segment?.kind === "body" ? marksIn(segment.text, segment.markup?.()) : [];
    this.#marks.set(index, marks);
    return marks;
  }
}

/** `markup`: what HTML says of the lines beside what they say themselves. */
export function marksIn(text: string, markup?: Markup): readonly Mark[] {
  const lines = linesOf(text);
  if (lines.length > LINES_MAX) return [];
  const places = lines.map((): MarkedPlace | null => null);
  const shown = markup === undefined ? lines : markFrom(markup, lines, places);
  const own = quotedFrom(shown, (line) => places[line] === "quoted");
  places.fill("quoted", own, shown.length);
  for (let i = 0; i < own; i += 1) if (lines[i]?.isQuoted === true) places[i] = "quoted";
  const footers = mayHoldFooter(text) ? footerParagraphs(shown.slice(0, own)) : [];
  for (const { from, to } of footers) for (let i = from; i < to; i += 1) places[i] ??= "footer";
  let end = own;
  while (end > 0 && (places[end - 1] !== null || lines[end - 1]?.isBlank === true)) end -= 1;
  const signature = signatureFrom(lines.slice(0, end));
  for (let i = signature; i < end; i += 1) places[i] ??= "signature";
  for (let i = 0; i < signature; i += 1) if (places[i] === null && isBlankForm(lines, i)) places[i] = "form";
  return joined(lines, places);
}

/** Returns the lines that are shown. */
function markFrom(markup: Markup, lines: readonly Line[], places: (MarkedPlace | null)[]): readonly Line[] {
  const written = lines.flatMap((line, index) => (line.isBlank ? [] : [index]));
  for (const { from, to, place } of markup.marks) {
    const [first, last] = [written[from], written[to - 1]];
    if (first === undefined || last === undefined || to <= from) continue;
    if (place === "signature" && !isShort(lines.slice(first, last + 1))) continue;
    places.fill(place, first, last + 1);
  }
  return lines.slice(0, written[markup.shown] ?? lines.length);
}

/** Neighbours of one kind are one. */
function joined(lines: readonly Line[], places: readonly (MarkedPlace | null)[]): readonly Mark[] {
  const marks: Mark[] = [];
  for (const [i, { start, end }] of lines.entries()) {
    const place = places[i] ?? null;
    if (place === null) continue;
    const last = marks.at(-1);
    if (last?.place === place && last.end + 1 === start) marks.splice(-1, 1, { ...last, end });
    else marks.push({ start, end, place });
  }
  return marks;
}

/** Tells the texts of attachments from those of the message, and of messages within it. */
export function withAttached(segments: readonly Segment[], root: MimePart): readonly Segment[] {
  const attached = attachedParts(root);
  if (attached.size === 0 && !segments.some(({ part }) => part.includes(">"))) return segments;
  return segments.map((segment) => {
    const isAttached = segment.kind === "body" && (segment.part.includes(">") || attached.has(segment.part));
    return isAttached ? { ...segment, isAttached } : segment;
  });
}

function attachedParts(root: MimePart): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = [root];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (isAttachment(part)) found.add(part.path);
    waiting.push(...part.children);
  }
  return found;
}

function isAttachment({ contentType, disposition, filename, children }: MimePart): boolean {
  if (children.length > 0 || isEmbeddedMessage(contentType)) return false;
  return disposition === "attachment" || filename !== null || !contentType.startsWith("text/");
}
