/**
 * Takes letters off both ends of a text in one pass. The pattern that says the same, `/^[ \t]+|[ \t]+$/g`, tries again from every blank of a
 * run in the middle: seconds for a few ten thousand of them, which is nothing for a stranger to send.
 */

/** WSP of the mail grammars (RFC 5234 appendix B.1). */
const BLANKS = " \t";

export function trimBlanks(text: string): string {
  return trimLetters(text, (letter) => BLANKS.includes(letter));
}

/** `isOuter`: of one UTF-16 unit. */
export function trimLetters(text: string, isOuter: (letter: string) => boolean): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOuter(text.charAt(start))) start += 1;
  while (end > start && isOuter(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
