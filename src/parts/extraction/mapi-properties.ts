/**
 * Properties of messages as Outlook and Exchange keep them (MS-OXPROPS, MS-OXCDATA 2.11): texts, times and bytes by number or name.
 * Promises: texts are decoded by the code page of their message; one that is unknown is read all the same and told. Pure.
 */
import { codePageText } from "./code-pages.ts";

/** Types of values. */
export const MAPI = {
  integer16: 0x02,
  integer32: 0x03,
  double: 0x05,
  boolean: 0x0b,
  object: 0x0d,
  integer64: 0x14,
  text8: 0x1e,
  text: 0x1f,
  time: 0x40,
  binary: 0x102,
  multiple: 0x1000,
} as const;

/** Properties with a place of their own in a mail. */
export const ID = {
  messageClass: 0x001a,
  subject: 0x0037,
  conversationTopic: 0x0070,
  normalizedSubject: 0x0e1d,
  transportHeaders: 0x007d,
  body: 0x1000,
  rtf: 0x1009,
  html: 0x1013,
  senderName: 0x0c1a,
  senderAddress: 0x0c1f,
  senderSmtpAddress: 0x5d01,
  representedName: 0x0042,
  representedAddress: 0x0065,
  representedSmtpAddress: 0x5d02,
  recipientKind: 0x0c15,
  displayName: 0x3001,
  address: 0x3003,
  smtpAddress: 0x39fe,
  attachmentData: 0x3701,
  attachmentFilename: 0x3704,
  attachmentMethod: 0x3705,
  attachmentLongFilename: 0x3707,
  attachmentMimeType: 0x370e,
  attachmentContentId: 0x3712,
  messageCodePage: 0x3ffd,
  internetCodePage: 0x3fde,
} as const;

export type MapiProperty = {
  readonly id: number;
  /** Of one value; properties of several values stand here once for each. */
  readonly type: number;
  /** Where people or programs gave it one. */
  readonly name: string | null;
  readonly bytes: Buffer;
};

/** Of people, in words that say what the value is. */
export const LABELS: ReadonlyMap<number, string> = new Map([
  [0x3a00, "Account number"],
  [0x3a07, "Government ID number"],
  [0x3a08, "Phone"],
  [0x3a09, "Home phone"],
  [0x3a10, "ID number"],
  [0x3a15, "Address"],
  [0x3a1c, "Mobile phone"],
  [0x3a24, "Fax"],
  [0x3a42, "Date of birth"],
  [0x3a4a, "Customer ID"],
]);

const WINDOWS_1252 = 1252;
const UTF_16 = 1200;
const UTF_16_BE = 1201;
const TO_1970_MS = 11_644_473_600_000;

export class MapiProperties {
  readonly all: readonly MapiProperty[];
  readonly #codePage: number;
  hasUnknownCharset = false;

  /** `codePage`: that of the message around, for what has none of its own. */
  constructor(all: readonly MapiProperty[], codePage: number | null = null) {
    this.all = all;
    this.#codePage = this.integer(ID.messageCodePage) ?? this.integer(ID.internetCodePage) ?? codePage ?? WINDOWS_1252;
    // A code page of texts in bytes is never UTF-16.
    if (this.#codePage === UTF_16 || this.#codePage === UTF_16_BE) this.#codePage = WINDOWS_1252;
  }

  get codePage(): number {
    return this.#codePage;
  }

  texts(id: number): readonly string[] {
    return this.all.filter((one) => one.id === id && isText(one)).map((one) => this.textOf(one));
  }

  text(id: number): string | null {
    return this.texts(id).find((text) => text !== "") ?? null;
  }

  binaries(id: number): readonly Buffer[] {
    return this.all.filter((one) => one.id === id && one.type === MAPI.binary).map(({ bytes }) => bytes);
  }

  integer(id: number): number | null {
    const found = this.all.find((one) => one.id === id && one.type === MAPI.integer32 && one.bytes.length >= 4);
    return found?.bytes.readUInt32LE(0) ?? null;
  }

  textOf({ type, bytes }: MapiProperty): string {
    if (type === MAPI.text) return withoutEnd(bytes.toString("utf16le"));
    const { text, isKnown } = codePageText(bytes, this.#codePage);
    if (!isKnown) this.hasUnknownCharset = true;
    return withoutEnd(text);
  }

  /** What people see of a value that is no text; null where there is nothing to see. */
  shown(property: MapiProperty): string | null {
    const { type, bytes } = property;
    if (isText(property)) return this.textOf(property);
    if (type === MAPI.time && bytes.length >= 8) return dateOf(bytes.readBigUInt64LE(0));
    if (type === MAPI.double && bytes.length >= 8) return String(bytes.readDoubleLE(0));
    if (type === MAPI.integer32 && bytes.length >= 4) return String(bytes.readInt32LE(0));
    return null;
  }
}

export function isText({ type }: Pick<MapiProperty, "type">): boolean {
  return type === MAPI.text || type === MAPI.text8;
}

function withoutEnd(text: string): string {
  return text.replace(/\0+$/, "");
}

function dateOf(ticks: bigint): string | null {
  const ms = Number(ticks / 10_000n) - TO_1970_MS;
  if (Math.abs(ms) > 4e12) return null;
  const date = new Date(ms);
  return `${String(date.getUTCMonth() + 1).padStart(2, "0")}/${String(date.getUTCDate()).padStart(2, "0")}/${date.getUTCFullYear()}`;
}
