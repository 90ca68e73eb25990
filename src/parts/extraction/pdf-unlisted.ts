/**
 * Files within a PDF that stand in no list of attachments: associated with a page or a picture (ISO 32000-2 section 14.13), or left behind.
 * Promises: linear in the file; each is found by the type of its stream and given once; those of an encrypted file are only counted.
 */
import { inflate } from "./inflate.ts";
import { readContent, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import type { Reading } from "./reading.ts";

const TYPE = /\/Type\s{0,9}\/EmbeddedFile(?![A-Za-z])/;
const DICTIONARY_BYTES_MAX = 4_096;
const STREAM = /stream\r?\n/;
const END = Buffer.from("endstream");

type Raw = { readonly bytes: Buffer; readonly filter: "none" | "flate" | "other" };

/**
 * `isKnown` is told each file once, and says whether it was read already. `listed`: files that the document lists. They may lack a type, so
 * their number counts only where nothing can be compared.
 */
export async function readUnlisted(
  bytes: Buffer,
  content: Content,
  {
    reading,
    listed,
    isKnown,
  }: { readonly reading: Reading; readonly listed: number; readonly isKnown: (file: Buffer) => boolean },
): Promise<void> {
  const streams = embeddedIn(bytes, reading);
  if (bytes.includes("/Encrypt")) {
    if (streams.length > listed) reading.unread(content.place, "encrypted");
    return;
  }
  for (const [index, { bytes: raw, filter }] of streams.entries()) {
    reading.checkTime();
    const place = within(content.place, `file${index + 1}`);
    if (filter === "other") {
      if (streams.length > listed) reading.unread(place, "unsupported_type");
      continue;
    }
    const file = filter === "none" ? raw : (await inflate(raw, "zlib", reading)).bytes;
    if (isKnown(file)) continue;
    reading.spendEntries(1);
    await readContent(file, { place, name: null, depth: content.depth + 1 }, reading);
  }
}

function embeddedIn(bytes: Buffer, reading: Reading): readonly Raw[] {
  const found: Raw[] = [];
  let end = 0;
  for (let at = bytes.indexOf("/EmbeddedFile"); at !== -1; at = bytes.indexOf("/EmbeddedFile", at + 1)) {
    const type = TYPE.exec(bytes.toString("latin1", Math.max(0, at - 16), at + 16));
    if (type === null) continue;
    reading.checkTime();
    const before = bytes.toString("latin1", Math.max(0, at - DICTIONARY_BYTES_MAX), at);
    const from = at - before.length + Math.max(0, before.lastIndexOf(" obj"));
    const head = bytes.toString("latin1", from, at + DICTIONARY_BYTES_MAX);
    const opening = STREAM.exec(head.slice(at - from));
    if (opening === null) continue;
    const start = at + opening.index + opening[0].length;
    // One end serves all that begin before it.
    if (end < start) end = bytes.indexOf(END, start);
    if (end === -1) break;
    const dictionary = head.slice(0, at - from + opening.index);
    found.push({ bytes: withoutLineEnd(bytes.subarray(start, end)), filter: filterOf(dictionary) });
  }
  return found;
}

function filterOf(dictionary: string): Raw["filter"] {
  const filter = /\/Filter\s{0,9}(\[[^\]]{0,200}\]|\/\w{1,40})/.exec(dictionary)?.[1];
  if (filter === undefined) return "none";
  return /^\[?\s{0,9}\/(?:FlateDecode|Fl)\s{0,9}\]?$/.test(filter) ? "flate" : "other";
}

/** The one before the end of a stream belongs to the file format (ISO 32000-2 section 7.3.8.1). */
function withoutLineEnd(bytes: Buffer): Buffer {
  const cut = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? 2 : 1) : bytes.at(-1) === 0x0d ? 1 : 0;
  return bytes.subarray(0, bytes.length - cut);
}
