/** The mails of test/fixtures/clinic-mail, and of its folders, as messages. See the README there for the format. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type ClinicMail = {
  readonly id: string;
  readonly label: "phi" | "clean";
  /** Why it has its label; not every batch says it. */
  readonly reason: string | undefined;
  readonly bytes: Buffer;
};

const FOLDER = join(import.meta.dirname, "../fixtures/clinic-mail");
const ATTACHMENT_TYPES: Readonly<Record<string, string>> = {
  text: "text/plain",
  csv: "text/csv",
  ical: "text/calendar",
  hl7: "application/octet-stream",
  x12: "text/plain",
  ccda: "application/xml",
  fhir: "application/json",
};
const NOTICE = `--
Northgate Family Practice, 12 Mill Road, Mercer, OH 45846, phone 555-0142, fax 555-0143
CONFIDENTIALITY NOTICE: This message may contain protected health information about a patient, such as diagnosis or
treatment, that is privileged under HIPAA. If you are not the intended recipient, delete it and tell the sender.`;

/** Written at different times; `.` is the first. */
export const BATCHES = [
  ".",
  "later",
  "unseen",
  "another-hand",
  "wide",
  "fresh-ward",
  "fresh-office",
  "train-hospital",
  "train-practice",
  "train-payer",
  "train-loose",
  "held-mixed",
  "held-field",
  "desk",
  "money",
  "people",
  "hosp2",
  "field2",
  "desk3",
  "money3",
  "people3",
  "kept2",
  "mixed3",
  "desk4",
  "hosp4",
  "people4",
  "money4",
  "admin4",
  "desk5",
  "kept4",
  "field4",
  "desk6",
  "hosp5",
  "mixed5",
  "admin5",
  "kept5",
  "kept6",
  "people5",
  "mixed6",
  "people6",
  "hosp6",
  "mixed7",
] as const;
export type Batch = (typeof BATCHES)[number];

/** Throws for a file that is not written as the README says. */
export function clinicMails(batch: Batch = "."): readonly ClinicMail[] {
  const folder = join(FOLDER, batch);
  const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
  return files
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split(/^=== /m).slice(1).map(toMail));
}

function toMail(source: string): ClinicMail {
  const [head = "", ...rest] = source.trimEnd().split("\n");
  const [said = "", reason] = head.split(" # ");
  const [id = "", label, shape = "plain"] = said.split(" ");
  const from = header(rest, "From");
  const to = header(rest.slice(from.length), "To");
  const [subject = "", ...lines] = rest.slice(from.length + to.length);
  if ((label !== "phi" && label !== "clean") || !subject.startsWith("Subject: ")) throw new Error(`${id}: not a mail`);
  const [text = "", ...attachments] = lines.join("\n").split(/^--- /m);
  const parts = [...bodyParts(text.trim(), shape), ...attachments.map(attachment)];
  const [sender = "From: desk@northgate.example"] = from;
  const [recipient = "To: somebody@elsewhere.example"] = to;
  return { id, label, reason, bytes: message([sender, recipient, encoded(subject)], parts, id) };
}

/** The first of the lines, if it is that header. */
function header([first = ""]: readonly string[], name: string): readonly string[] {
  return first.startsWith(`${name}: `) ? [first] : [];
}

type Part = { readonly headers: readonly string[]; readonly content: Buffer };

function part(headers: readonly string[], content: string | Buffer): Part {
  return { headers, content: Buffer.from(content) };
}

function bodyParts(text: string, shape: string): readonly Part[] {
  const plain = "Content-Type: text/plain; charset=utf-8";
  const page = `<html><body>${text.startsWith("<") ? text : text.replaceAll("\n", "<br>\n")}</body></html>`;
  const html = part(["Content-Type: text/html; charset=utf-8"], page);
  switch (shape) {
    case "html":
      return [html];
    case "alternative":
      return [multipart("alternative", [part([plain], text), html], "inner")];
    case "base64":
      return [part([plain, "Content-Transfer-Encoding: base64"], inLines(Buffer.from(text).toString("base64")))];
    case "utf16":
      return [
        part(
          ["Content-Type: text/plain; charset=utf-16le", "Content-Transfer-Encoding: base64"],
          inLines(Buffer.from(text, "utf16le").toString("base64")),
        ),
      ];
    case "qp":
      return [
        part(
          ["Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable"],
          quotedPrintable(text),
        ),
      ];
    case "forward": {
      const at = text.indexOf("Subject: ");
      const inner = `From: colleague@lakeview.example\n${plain}\n${text.slice(at).replace("\n", "\n\n")}`;
      return [part([plain], text.slice(0, at)), part(["Content-Type: message/rfc822"], inner)];
    }
    case "signature":
      return [part([plain], `${text}\n\n${NOTICE}`)];
    default:
      return text === "" ? [] : [part([plain], text)];
  }
}

function attachment(source: string): Part {
  const [head = "", ...lines] = source.split("\n");
  const [, kind = "", name = ""] = /^(\w+) "?([^"]+)"?$/.exec(head) ?? [];
  const type = ATTACHMENT_TYPES[kind];
  if (type === undefined) throw new Error(`no kind of attachment is called ${kind}`);
  const content = lines.join("\n");
  const text = kind === "ical" ? `BEGIN:VCALENDAR\nBEGIN:VEVENT\n${content}\nEND:VEVENT\nEND:VCALENDAR\n` : content;
  const headers = [
    `Content-Type: ${type}; name="${name}"`,
    `Content-Disposition: attachment; filename="${name}"`,
    "Content-Transfer-Encoding: base64",
  ];
  return part(headers, inLines(Buffer.from(text).toString("base64")));
}

function multipart(kind: string, parts: readonly Part[], boundary: string): Part {
  const pieces = parts.map(({ headers, content }) => `--${boundary}\n${headers.join("\n")}\n\n${content.toString()}\n`);
  return part([`Content-Type: multipart/${kind}; boundary=${boundary}`], `${pieces.join("")}--${boundary}--\n`);
}

function encoded(subject: string): string {
  return /^[ -~]*$/.test(subject)
    ? subject
    : `Subject: =?utf-8?B?${Buffer.from(subject.slice(9)).toString("base64")}?=`;
}

function message(addressed: readonly string[], parts: readonly Part[], id: string): Buffer {
  const [only] = parts;
  const { headers, content } = parts.length === 1 && only !== undefined ? only : multipart("mixed", parts, "outer");
  const head = [
    ...addressed,
    `Message-ID: <${id}@northgate.example>`,
    "Date: Tue, 14 May 2024 10:15:00 +0000",
    "MIME-Version: 1.0",
    ...headers,
  ];
  return Buffer.from(`${head.join("\n")}\n\n${content.toString()}\n`.replaceAll("\n", "\r\n"));
}

function inLines(text: string): string {
  return text.replace(/.{76}/g, "$&\n");
}

function quotedPrintable(text: string): string {
  return Buffer.from(text, "latin1")
    .toString("latin1")
    .replace(/[^\n -<>-~]/g, (character) => `=${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
    .replace(/.{70}(?=.)/g, "$&=\n");
}
