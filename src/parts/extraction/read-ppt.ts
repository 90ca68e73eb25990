/**
 * Reads a presentation of PowerPoint 97 to 2003 (MS-PPT): the text of every slide, master and note in the order of the file, old versions
 * of edited ones included, names and remarks, and the objects and macros that lie in it.
 * Promises: records are walked once and in one direction; a presentation under a password is `encrypted`.
 */
import { createInflate } from "node:zlib";
import { readContent, attempt, within } from "./read-content.ts";
import type { Content } from "./read-content.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";
import { TextCollector } from "./text-collector.ts";

const HEADER_BYTES = 8;
const CONTAINER = 0xf;
const RECORD = { wideText: 0x0fa0, narrowText: 0x0fa8, string: 0x0fba, object: 0x1011, encryption: 0x2f14 } as const;
/** Records between two looks at the clock. */
const CHECK_EVERY = 10_000;
const PIECE_BYTES = 65_536;

export async function readPpt(bytes: Buffer, content: Content, reading: Reading): Promise<void> {
  const out = new TextCollector(content.place, reading);
  let objects = 0;
  try {
    for (const { type, instance, body } of recordsOf(bytes, reading)) {
      if (type === RECORD.encryption) throw new Unreadable("encrypted");
      if (type === RECORD.object) {
        objects += 1;
        reading.spendEntries(1);
        const inner = { place: within(content.place, `o${objects}`), name: null, depth: content.depth + 1 };
        await attempt(inner.place, reading, async () =>
          readContent(await objectOf(body, instance, reading), inner, reading),
        );
      } else if (type === RECORD.narrowText) append(out, body.toString("latin1"));
      else if (type === RECORD.wideText || type === RECORD.string) append(out, body.toString("utf16le"));
    }
  } finally {
    out.flush();
  }
}

function append(out: TextCollector, text: string): void {
  out.append(text.replace(/[\r\v]/g, "\n").replaceAll("\0", ""));
  out.endLine();
}

type PptRecord = { readonly type: number; readonly instance: number; readonly body: Buffer };

/** Records that hold no others; what a container holds follows it. */
function* recordsOf(bytes: Buffer, reading: Reading): Generator<PptRecord, void, undefined> {
  let at = 0;
  for (let count = 0; at + HEADER_BYTES <= bytes.length; count += 1) {
    if (count % CHECK_EVERY === 0) reading.checkTime();
    const head = bytes.readUInt16LE(at);
    const type = bytes.readUInt16LE(at + 2);
    const length = bytes.readUInt32LE(at + 4);
    const start = at + HEADER_BYTES;
    if (start + length > bytes.length) throw new Unreadable("damaged");
    const isContainer = (head & 0xf) === CONTAINER;
    if (!isContainer || type === RECORD.encryption)
      yield { type, instance: head >> 4, body: bytes.subarray(start, start + length) };
    at = isContainer ? start : start + length;
  }
  if (at < bytes.length) throw new Unreadable("damaged");
}

/** A compound file, deflated behind its length or as it is (2.10.33 to 2.10.36). */
async function objectOf(body: Buffer, instance: number, reading: Reading): Promise<Buffer> {
  if (instance === 0) return body;
  const inflate = createInflate({ chunkSize: PIECE_BYTES });
  inflate.end(body.subarray(4));
  const pieces: Buffer[] = [];
  try {
    for await (const piece of inflate) {
      const bytes = piece as Buffer;
      reading.spendInflated(bytes.length);
      pieces.push(bytes);
    }
  } catch (error) {
    throw error instanceof Unreadable ? error : new Unreadable("damaged");
  } finally {
    inflate.destroy();
  }
  return Buffer.concat(pieces);
}
