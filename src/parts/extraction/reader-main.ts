/**
 * A reader process: takes attachments from its input one by one, says on its output what could be read of each, and ends
 * with its input. Promises: once its code is loaded it gives up the right to read even that; an error, whatever it is, is a
 * reason word and never a text.
 */
import { writeSync } from "node:fs";
import type { ExtractedItem, ExtractionBudgets, PictureItem } from "./extraction-types.ts";
import { encodeFrame, FrameReader } from "./frames.ts";
import type { Frame } from "./frames.ts";
import { readContent } from "./read-content.ts";
import { reasonOfError, Reading } from "./reading.ts";
import { giveUpRights } from "./sandbox.ts";

giveUpRights();

/** Not the standard output: a library may write to that. */
const ANSWERS_FD = 3;
const NOTHING = Buffer.alloc(0);
const LENGTH_MAX = 0xffff_ffff;
const frames = new FrameReader({ headBytesMax: 16_384, bodyBytesMax: LENGTH_MAX });
const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

for await (const piece of process.stdin) {
  for (const frame of frames.push(piece as Buffer)) await answer(frame);
}

async function answer({ head, body }: Frame): Promise<void> {
  // The service is trusted: it is the other direction that is not.
  const reading = new Reading(head["budgets"] as ExtractionBudgets, body.length, { say, monotonic });
  try {
    await readContent(body, { place: "", name: null, depth: 0 }, reading);
  } catch (error) {
    reading.unread("", reasonOfError(error));
  }
  write({ kind: "done", ...reading.spent }, NOTHING);
}

function say(item: ExtractedItem | PictureItem): void {
  switch (item.kind) {
    case "text":
    case "name":
      return write({ kind: item.kind, place: item.place }, Buffer.from(item.text, "utf8"));
    case "file":
      return write({ kind: item.kind, place: item.place, name: item.name }, item.bytes);
    case "picture":
      return write({ kind: item.kind, place: item.place, reason: item.reason }, item.bytes);
    case "unread":
      return write({ kind: item.kind, place: item.place, reason: item.reason }, NOTHING);
    case "misnamed":
      return write({ kind: item.kind, place: item.place }, NOTHING);
  }
}

function write(head: Readonly<Record<string, unknown>>, body: Uint8Array): void {
  for (const bytes of encodeFrame(head, body)) {
    for (let at = 0; at < bytes.length;) at += writeSync(ANSWERS_FD, bytes, at);
  }
}
