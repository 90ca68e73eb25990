/**
 * A message as Outlook keeps it, given back as the mail it is (RFC 5322, RFC 2045), so that it is read as any other: subject, names,
 * bodies of every kind, attachments with their names and types, messages within messages.
 * Promises: what is no field, body or attachment of a mail stands in a text beside them, properties of people's own with their
 * names; a boundary is the hash of what it parts, and so stands in nothing. Attachments beyond `bytesMax` are left out and told.
 */
import { createHash } from "node:crypto";
import { charsetOf } from "./code-pages.ts";
import { contentKindOf } from "./content-kind.ts";
import { ID, isText, LABELS } from "./mapi-properties.ts";
import type { MapiProperties } from "./mapi-properties.ts";

export type OutlookAttachment = { readonly properties: MapiProperties; readonly content: AttachmentContent };
export type AttachmentContent =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "message"; readonly message: OutlookMessage }
  /** Read by itself, or not in the file at all: only what is said of it belongs into the mail. */
  | { readonly kind: "elsewhere" };

export type OutlookMessage = {
  readonly properties: MapiProperties;
  /** The rich text, where it could be unpacked. */
  readonly richTexts: readonly Buffer[];
  readonly recipients: readonly MapiProperties[];
  readonly attachments: readonly OutlookAttachment[];
};

const FIELD_CHARS_MAX = 900;
const HEADER_CHARS_MAX = 200_000;
const RECIPIENT_FIELDS: ReadonlyMap<number, string> = new Map([
  [1, "To"],
  [2, "Cc"],
  [3, "Bcc"],
]);
/** Told in the header, or of no interest to people: classes, and addresses, which are no more read here than in any header. */
const ELSEWHERE: ReadonlySet<number> = new Set([
  ...Object.values(ID),
  // Kinds of addresses, search keys and addresses of others it was received for or by.
  0x0064,
  0x0075,
  0x0076,
  0x0077,
  0x0078,
  0x0c1e,
  0x3002,
  0x0e02,
  0x0e03,
  0x0e04,
  0x39ff,
  0x5d07,
  0x5d08,
  0x5d09,
  0x5d0a,
  0x5d0b,
]);
const CONTENT_FIELD = /^(?:content-[^:]*|mime-version)[ \t]*:/i;
const FIELD = /^[!-9;-~]{1,76}:/;
const CONTROLS = /[\0-\x1f\x7f]+/g; // oxlint-disable-line no-control-regex
const MIME_TYPE = /^[\w!#$&^.+-]{1,60}\/[\w!#$&^.+-]{1,80}$/;

/** Bytes of attachments that may still be taken. */
export type Room = { bytesMax: number; isOver: boolean };

export function composeMail(message: OutlookMessage, room: Room): Buffer {
  const { properties } = message;
  const header = headerOf(message);
  const parts: Part[] = bodiesOf(message);
  const rest = [...header.rest, propertiesText(properties)].filter((text) => text !== "").join("\n");
  if (rest !== "") parts.push(part("text/plain; charset=utf-8", Buffer.from(rest)));
  for (const attachment of message.attachments) parts.push(attachmentPart(attachment, room));
  // A multipart without parts is a defect.
  if (parts.length === 0) parts.push(part("text/plain", Buffer.alloc(0)));
  return Buffer.concat([Buffer.from(header.lines.join("")), ...multipart(parts)]);
}

type Part = readonly Buffer[];

function part(type: string, content: Buffer, ...fields: readonly string[]): Part {
  const header = [`Content-Type: ${type}`, "Content-Transfer-Encoding: binary", ...fields, "", ""].join("\r\n");
  return [Buffer.from(header), content];
}

function multipart(parts: readonly Part[]): readonly Buffer[] {
  const hash = createHash("sha256");
  for (const piece of parts.flat()) hash.update(piece);
  const boundary = hash.digest("hex");
  const head = `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`;
  const delimiter = Buffer.from(`\r\n--${boundary}\r\n`);
  return [
    Buffer.from(head),
    ...parts.flatMap((pieces) => [delimiter, ...pieces]),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ];
}

/** Fields, and what is too long to be one. */
class Header {
  readonly lines: string[] = [];
  readonly rest: string[] = [];
  #chars = 0;

  add(name: string, value: string): void {
    // A line break would begin another field.
    const line = value.replace(CONTROLS, " ").trim();
    if (line === "") return;
    const isLong = line.length > FIELD_CHARS_MAX || this.#chars + line.length > HEADER_CHARS_MAX;
    if (isLong) this.rest.push(`${name}: ${line}`);
    else this.#push(`${name}: ${line}\r\n`);
  }

  /** Fields as they came over the net; those that say how to read a body that is not here are told, not followed. */
  addRaw(text: string): void {
    for (const field of text.split(/\r?\n(?![ \t])/)) {
      if (field.trim() === "") continue;
      const line = field.replace(/\r?\n(?=[ \t])/g, "").replace(CONTROLS, " ");
      const isField = FIELD.test(line) && !CONTENT_FIELD.test(line) && this.#chars + line.length <= HEADER_CHARS_MAX;
      if (isField) this.#push(`${line}\r\n`);
      else this.rest.push(line);
    }
  }

  #push(line: string): void {
    this.#chars += line.length;
    this.lines.push(line);
  }
}

function headerOf({ properties, recipients }: OutlookMessage): Header {
  const header = new Header();
  for (const text of properties.texts(ID.transportHeaders)) header.addRaw(text);
  for (const subject of [ID.subject, ID.normalizedSubject, ID.conversationTopic].flatMap((id) => properties.texts(id)))
    header.add("Subject", subject);
  const { senderName, senderSmtpAddress, senderAddress, representedName, representedSmtpAddress, representedAddress } =
    ID;
  header.add("Sender", mailbox(properties, [senderName], [senderSmtpAddress, senderAddress]));
  header.add("From", mailbox(properties, [representedName], [representedSmtpAddress, representedAddress]));
  for (const recipient of recipients) {
    const kind = RECIPIENT_FIELDS.get((recipient.integer(ID.recipientKind) ?? 1) & 0xf) ?? "To";
    header.add(kind, mailbox(recipient, [ID.displayName], [ID.smtpAddress, ID.address]));
  }
  return header;
}

function mailbox(properties: MapiProperties, names: readonly number[], addresses: readonly number[]): string {
  const name = names.map((id) => properties.text(id)).find((text) => text !== null) ?? "";
  const address = addresses.map((id) => properties.text(id)).find((text) => text?.includes("@") === true) ?? "";
  const quoted = name === "" ? "" : `"${name.replace(/["\\]/g, "\\$&")}"`;
  return address === "" ? quoted : `${quoted} <${address.replace(/[<>\s]/g, "")}>`;
}

function bodiesOf({ properties, richTexts }: OutlookMessage): Part[] {
  const parts: Part[] = [];
  const charset = charsetOf(properties.integer(ID.internetCodePage) ?? properties.codePage);
  for (const text of properties.texts(ID.body)) parts.push(part("text/plain; charset=utf-8", Buffer.from(text)));
  for (const html of properties.texts(ID.html)) parts.push(part("text/html; charset=utf-8", Buffer.from(html)));
  for (const html of properties.binaries(ID.html)) parts.push(part(`text/html; charset=${charset}`, html));
  for (const rtf of richTexts) parts.push(part("application/rtf", rtf));
  return parts;
}

/** What else people wrote, or programs for them. */
function propertiesText(properties: MapiProperties): string {
  const lines = new Set<string>();
  for (const property of properties.all) {
    if (ELSEWHERE.has(property.id)) continue;
    if (!isText(property) && property.name === null && !LABELS.has(property.id)) continue;
    const text = properties.shown(property)?.trim() ?? "";
    if (text === "" || (property.name === null && /^\S+@\S+$/.test(text))) continue;
    const label = LABELS.get(property.id) ?? property.name;
    lines.add(label === null ? text : `${label}: ${text}`);
  }
  return [...lines].join("\n");
}

function attachmentPart({ properties, content }: OutlookAttachment, room: Room): Part {
  const fields = attachmentFields(properties);
  switch (content.kind) {
    case "message":
      return part("message/rfc822", composeMail(content.message, room), ...fields);
    case "bytes":
      room.bytesMax -= content.bytes.length;
      if (room.bytesMax >= 0) return part(typeOf(properties, content.bytes), content.bytes, ...fields);
      room.isOver = true;
      break;
    case "elsewhere":
      break;
  }
  return part("text/plain; charset=utf-8", Buffer.from(propertiesText(properties)), ...fields);
}

function attachmentFields(properties: MapiProperties): readonly string[] {
  const names = [ID.attachmentLongFilename, ID.attachmentFilename, ID.displayName].flatMap((id) =>
    properties.texts(id),
  );
  const [first] = names.filter((name) => name !== "");
  const contentId = properties.text(ID.attachmentContentId)?.replace(/[^!-~]|[<>]/g, "") ?? "";
  const others = [...new Set(names)].filter((name) => name !== "" && name !== first);
  return [
    first === undefined
      ? "Content-Disposition: attachment"
      : `Content-Disposition: attachment; filename*=utf-8''${encoded(first)}`,
    ...(contentId === "" ? [] : [`Content-ID: <${contentId}>`]),
    ...others.map((name) => `Content-Description: ${name.replace(CONTROLS, " ").slice(0, FIELD_CHARS_MAX)}`),
  ];
}

/** RFC 2231; half a character, which has no encoding, is one nobody knows. */
function encoded(name: string): string {
  return encodeURIComponent(name.slice(0, FIELD_CHARS_MAX).toWellFormed()).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
}

/** As declared, but for a whole mail, which is read as one; what only says how to take a mail apart is not followed. */
function typeOf(properties: MapiProperties, bytes: Buffer): string {
  const declared = properties.text(ID.attachmentMimeType)?.trim().toLowerCase() ?? "";
  const name = properties.text(ID.attachmentLongFilename) ?? properties.text(ID.attachmentFilename) ?? "";
  const isMail = /^(?:message|multipart)\//.test(declared) || /\.eml$/i.test(name);
  if (isMail && FIELD.test(bytes.toString("latin1", 0, 100))) return "message/rfc822";
  if (declared === "" && contentKindOf(bytes).kind === "image") return "image/unknown";
  return MIME_TYPE.test(declared) && !isMail ? declared : "application/octet-stream";
}
