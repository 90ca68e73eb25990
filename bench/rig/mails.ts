/**
 * The mails of the benchmark: clean text nothing holds, in the shapes of the table. The words are everyday office words;
 * the same seed gives the same mail.
 */
import { generateKeyPairSync } from "node:crypto";

export const OWN_DOMAIN = "clinic.test";
export const SENDER = `office@${OWN_DOMAIN}`;
export const RECIPIENT = "reader@partner.test";
/** A field that must not leave: its removal breaks the signature below, so that a gateway signs anew. */
export const INTERNAL_FIELD = "X-Internal-Id";
export const DKIM_SELECTOR = "bench";

const WORDS = (
  "the quick meeting about our schedule for next week will cover invoices travel plan budget team office and the " +
  "visitor feedback form of the sales department please send updated numbers before friday thanks"
).split(" ");

/** A linear congruential generator: the same text every time. */
class Text {
  #state = 7;

  paragraph(characters: number): string {
    let text = "";
    while (text.length < characters) {
      text += `${WORDS[this.#next(WORDS.length)] ?? ""}${this.#next(12) === 0 ? ". " : " "}`;
    }
    return text;
  }

  #next(below: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (this.#state >>> 8) % below;
  }
}

function wrapped(text: string): string {
  return text.replace(/(.{1,75})(?:\s|$)/g, "$1\r\n");
}

function base64(text: string): string {
  return Buffer.from(text)
    .toString("base64")
    .replace(/.{1,76}/g, "$&\r\n");
}

function header(fields: readonly string[]): string {
  const common = [
    `From: "Front Office" <${SENDER}>`,
    `To: "Reader" <${RECIPIENT}>`,
    "Subject: Schedule for next week",
    "Date: Mon, 01 Jun 2026 10:00:00 +0000",
    `Message-ID: <schedule.1@${OWN_DOMAIN}>`,
    "MIME-Version: 1.0",
  ];
  return `${[...fields, ...common].join("\r\n")}\r\n`;
}

/** Plain text of about this size. */
export function plainMail(bytes: number): Buffer {
  const head = `${header([])}Content-Type: text/plain; charset=us-ascii\r\n\r\n`;
  return Buffer.from(head + wrapped(new Text().paragraph(bytes - head.length - bytes / 75)));
}

/** text/plain quoted-printable, text/html base64 and a text attachment in base64, together of about this size. */
export function mimeMail(bytes: number, extraFields: readonly string[] = []): Buffer {
  const text = new Text();
  const plain = text.paragraph(bytes * 0.18);
  const html = text.paragraph(bytes * 0.2).replace(/[^.]*\. /g, '<p style="font: 12px sans-serif">$&</p>\n');
  const attachment = wrapped(text.paragraph(bytes * 0.35));
  return Buffer.from(
    [
      header(extraFields) + 'Content-Type: multipart/mixed; boundary="mixed-1"',
      "",
      "--mixed-1",
      'Content-Type: multipart/alternative; boundary="alternative-1"',
      "",
      "--alternative-1",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      wrapped(plain),
      "--alternative-1",
      "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
      base64(`<html><body>${html}</body></html>`),
      "--alternative-1--",
      "--mixed-1",
      'Content-Type: text/plain; charset=utf-8; name="minutes.txt"',
      'Content-Disposition: attachment; filename="minutes.txt"',
      "Content-Transfer-Encoding: base64",
      "",
      base64(attachment),
      "--mixed-1--",
      "",
    ].join("\r\n"),
  );
}

/** A mail that a gateway has to sign: it carries a field to be removed, and a signature of our domain over that field. */
export function mimeMailToSign(bytes: number): Buffer {
  const signature =
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${OWN_DOMAIN}; s=inside; t=1780308000;\r\n` +
    ` h=from:to:subject:date:message-id:${INTERNAL_FIELD.toLowerCase()};\r\n` +
    ` bh=${"A".repeat(43)}=;\r\n b=${"B".repeat(70)}\r\n ${"B".repeat(70)}\r\n ${"B".repeat(30)}==`;
  return mimeMail(bytes, [signature, `${INTERNAL_FIELD}: 4711`]);
}

/** Blocks of a mail with one large text attachment, so that nobody has to hold it. */
export function* largeMail(bytes: number): Generator<Buffer, void, undefined> {
  yield Buffer.from(
    header([]) +
      'Content-Type: multipart/mixed; boundary="mixed-1"\r\n\r\n--mixed-1\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n' +
      '--mixed-1\r\nContent-Type: text/plain; charset=us-ascii; name="export.txt"\r\n' +
      'Content-Disposition: attachment; filename="export.txt"\r\nContent-Transfer-Encoding: base64\r\n\r\n',
  );
  const block = Buffer.from(base64(new Text().paragraph(57 * 840)).repeat(1));
  for (let sent = 0; sent < bytes; sent += block.length) yield block;
  yield Buffer.from("--mixed-1--\r\n");
}

/** RSA of 2,048 bits for the same DKIM key at every peer; PKCS #1, which every peer reads. */
export function dkimKeyPem(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs1", format: "pem" });
}
