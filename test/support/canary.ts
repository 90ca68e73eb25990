/**
 * Canaries: words that stand in a message and must be found nowhere else, and the forms in which a leak may hide them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The bytes a text takes in the encodings a careless writer would use: UTF-8, UTF-16, base64 at each alignment, hex, quoted. */
export function formsOf(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text, "utf8");
  return [
    bytes,
    Buffer.from(text, "utf16le"),
    Buffer.from(text, "utf16le").swap16(),
    Buffer.from(bytes.toString("hex")),
    Buffer.from(bytes.toString("hex").toUpperCase()),
    Buffer.from(encodeURIComponent(text)),
    Buffer.from(JSON.stringify(text).slice(1, -1)),
    ...[0, 1, 2].map((shift) => base64Core(bytes, shift)),
  ];
}

/** What base64 makes of the text at this alignment, without the characters that depend on what stands around it. */
function base64Core(bytes: Buffer, shift: number): Buffer {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
  const from = shift === 0 ? 0 : shift + 1;
  const whole = Math.floor(((shift + bytes.length) * 8) / 6);
  return Buffer.from(padded.slice(from, whole));
}

/** Which of these words are in there, in whatever form; compared without regard to case where the form is text. */
export function leaksIn(haystack: Buffer | string, words: readonly string[]): readonly string[] {
  const bytes = typeof haystack === "string" ? Buffer.from(haystack, "utf8") : haystack;
  const lower = Buffer.from(bytes.toString("latin1").toLowerCase(), "latin1");
  return words.filter(
    (word) =>
      formsOf(word).some((form) => bytes.includes(form)) || lower.includes(Buffer.from(word.toLowerCase(), "utf8")),
  );
}

/** Every file below a folder with its bytes; sockets are left out. */
export function filesUnder(folder: string): readonly { readonly path: string; readonly bytes: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: readFileSync(path) }));
}
