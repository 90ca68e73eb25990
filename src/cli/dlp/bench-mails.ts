/**
 * Mails for measuring speed: invented prose in which every fourth sentence speaks of care and every ninth holds a number with
 * its label, so that prefilters do not have it easy. Deterministic.
 */

const SENTENCES = [
  "The committee meets again on Thursday at nine, and the minutes of the last meeting are attached below.",
  "Please move the boxes from the hallway before the painters come, and tell the front desk when you are done.",
  "I looked at the figures once more; the second column does not add up, and the footnote is from last year.",
  "After the visit she was told to take metformin with breakfast and to measure her blood pressure at home.",
  "Could somebody water the plants on the fourth floor while Anna is away until the end of the month?",
  "The new printer needs a driver that is on the shared drive, next to the manual and the list of error codes.",
  "Our volunteers sold two hundred tickets, more than ever, and the band has promised to come back in spring.",
  "He has a history of asthma and was admitted with pneumonia, but the chest x-ray looked better on Monday.",
  "Order number 4471920 was shipped by the usual carrier and should be with you within five working days.",
  "For the record, MRN 00482913 belongs to the file on the second shelf, and the account number is 99887766.",
  "Thank you for the quick answer; I have forwarded it to everybody who was on the call this morning.",
] as const;

/** About so many bytes of plain text in lines of mail. */
export function benchText(bytes: number): string {
  const lines: string[] = [];
  for (let length = 0, i = 0; length < bytes; i += 1) {
    const line = SENTENCES[(i * 7) % SENTENCES.length] ?? "";
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join("\n").slice(0, bytes);
}

/** A message of about so many bytes: half as text, half as HTML, as mail programs send it. */
export function benchMail(text: string, bytes: number): Buffer {
  const half = text.slice(0, Math.floor(bytes / 2)).replaceAll("\r", "");
  const paragraphs = half.split("\n").map((line) => `<p>${line.replace(/[<>&]/g, " ")}</p>`);
  const parts = [
    "Subject: figures\nFrom: desk@example.org\nTo: office@example.net\nMIME-Version: 1.0",
    "Content-Type: multipart/alternative; boundary=bench-boundary\n",
    `--bench-boundary\nContent-Type: text/plain; charset=utf-8\n\n${half}`,
    `--bench-boundary\nContent-Type: text/html; charset=utf-8\n\n<html><body>${paragraphs.join("\n")}</body></html>`,
    "--bench-boundary--\n",
  ];
  return Buffer.from(parts.join("\n").replaceAll("\n", "\r\n"));
}
