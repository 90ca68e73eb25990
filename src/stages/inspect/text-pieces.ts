/** Texts cut out of what stands around them: between the parts of a message, among bytes, in file names. Pure. */

/** Outside of every part, and a part for readers that count delimiters differently. */
const ENCODED_PART = /^content-transfer-encoding[ \t]*:[^\n]{0,200}(?:base64|quoted-printable)/im;

export function holdsEncodedPart(text: string): boolean {
  return ENCODED_PART.test(text);
}

/** Texts between bytes that are none. */
export function printableRuns(bytes: Buffer): string {
  return (bytes.toString("latin1").match(/[\t\n\r -~]{8,}/g) ?? []).join("\n");
}

/** The delimiter that ended the part before, and the one that begins the part after, are no text. */
export function withoutDelimiters(
  text: string,
  at: { readonly isAfterPart: boolean; readonly isBeforePart: boolean },
): string {
  const end = at.isBeforePart ? text.lastIndexOf("\n", text.length - 2) + 1 : text.length;
  if (!at.isAfterPart) return text.slice(0, end);
  const line = text.startsWith("\r\n") ? 2 : 0;
  const lineEnd = text.indexOf("\n", line);
  return lineEnd === -1 ? "" : text.slice(lineEnd + 1, Math.max(end, lineEnd + 1));
}

/** Words of a file name parted as a reader parts them. */
export function nameText(filename: string): string {
  return filename.replaceAll("_", " ").replace(/\.[A-Za-z0-9]{1,5}$/, "");
}
