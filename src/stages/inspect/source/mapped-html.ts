/** The text of an HTML body with the places of its characters in the markup. Promises: what htmlToText tells, character by character. */
import { shownText, tidySpaces, tracedHtml } from "../html-text.ts";
import { MappedText } from "./mapped-text.ts";

export function mappedHtml(html: string): MappedText {
  const { pieces, origins, aside } = tracedHtml(html);
  const source = MappedText.of(html);
  const shown = pieces.map((piece, index) => {
    const [start = 0, end = 0] = origins.slice(2 * index, 2 * index + 2);
    // A tag makes white space, or tells an attribute; a text never begins with "<" unless it is one.
    const isTag = html[start] === "<" && piece !== "<";
    return isTag ? MappedText.made(piece, { start, end }) : shownText(source.slice(start, end));
  });
  return MappedText.joined([tidySpaces(MappedText.joined(shown)), MappedText.unknown(aside)]);
}
