/**
 * The characters of a stretch of text as numbers, and which of them make words.
 * Promises: an array answers many times faster than a string, asked for each character; one look tells whether a character is
 * part of a word and what it is in lower case.
 */

/** Longest stretch read at once. */
export const STRETCH_CHARS = 32_768;
const CODES = 65_536;

/** UTF-16 codes of the stretch read last, and a 0 behind it. */
export const codes = new Uint16Array(STRETCH_CHARS + 1);
const codesAsBytes = Buffer.from(codes.buffer);

/** Reads a text of at most STRETCH_CHARS. */
export function readCodes(text: string): void {
  codesAsBytes.write(text, "utf16le");
  codes[text.length] = 0;
}

/** By UTF-16 code: the code as words hold it, ASCII in lower case; 0 where it is no part of a word. */
export const WORD_CODES = new Uint16Array(CODES);
for (let code = 0; code < CODES; code += 1) WORD_CODES[code] = isOfWord(code) ? lowerAscii(code) : 0;

function isOfWord(code: number): boolean {
  if (code < 128) return (code >= 48 && code <= 57) || (lowerAscii(code) >= 97 && lowerAscii(code) <= 122);
  return code >= 0xaa && !(code >= 0x2000 && code <= 0x2bff) && code !== 0xd7 && code !== 0xf7 && !isLatinSign(code);
}

function lowerAscii(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code;
}

/** Signs of the Latin-1 block that are no letters. */
function isLatinSign(code: number): boolean {
  return code >= 0xab && code <= 0xbf && code !== 0xb5 && code !== 0xba;
}

/** Of a letter's code, what its capital has too. */
const LETTER_BITS = 31;
/** Numbers made of three letters are below. */
export const THREE_LETTERS = (LETTER_BITS + 1) ** 3;

/** One number for the last three letters of a word whatever their case; other characters may look like letters here. */
export function threeLetters(first: number, second: number, third: number): number {
  return ((first & LETTER_BITS) << 10) | ((second & LETTER_BITS) << 5) | (third & LETTER_BITS);
}
