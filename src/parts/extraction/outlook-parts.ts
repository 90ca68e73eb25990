/** What message files and TNEF have in common: unpacking rich texts, and handing the finished mail to the service. */
import { decompressRtf } from "./lzfu.ts";
import { ID } from "./mapi-properties.ts";
import type { MapiProperties } from "./mapi-properties.ts";
import { composeMail } from "./outlook-message.ts";
import type { OutlookMessage, Room } from "./outlook-message.ts";
import { Unreadable } from "./reading.ts";
import type { Reading } from "./reading.ts";

/** The service reads a file of such a name as a mail. */
const MAIL_NAME = "message.eml";

export function unpackRichTexts(properties: MapiProperties, place: string, reading: Reading): readonly Buffer[] {
  const richTexts: Buffer[] = [];
  for (const bytes of properties.binaries(ID.rtf)) {
    if (bytes.length === 0) continue;
    try {
      const { rtf, isWhole } = decompressRtf(bytes, reading);
      if (!isWhole) reading.unread(place, "damaged");
      richTexts.push(rtf);
    } catch (error) {
      // The rest of the message is worth reading, whatever its rich text would have cost.
      reading.unread(place, error instanceof Unreadable ? error.reason : "damaged");
    }
  }
  return richTexts;
}

/** What is too large is told and left out: attachments first, then the rich texts, which may have inflated. */
export function handOn(message: OutlookMessage, place: string, reading: Reading): void {
  const { fileBytesLeft } = reading;
  const room: Room = { bytesMax: fileBytesLeft, isOver: false };
  let mail = composeMail(message, room);
  if (mail.length > fileBytesLeft) mail = composeMail(message, noRoom(room));
  if (mail.length > fileBytesLeft) mail = composeMail({ ...message, richTexts: [] }, noRoom(room));
  if (room.isOver) reading.unread(place, "over_budget");
  if (hasUnknownCharset(message)) reading.unread(place, "unknown_charset");
  reading.file(place, MAIL_NAME, mail);
}

function noRoom(room: Room): Room {
  room.bytesMax = 0;
  room.isOver = true;
  return room;
}

function hasUnknownCharset({ properties, recipients, attachments }: OutlookMessage): boolean {
  if ([properties, ...recipients].some((one) => one.hasUnknownCharset)) return true;
  return attachments.some(
    (one) =>
      one.properties.hasUnknownCharset || (one.content.kind === "message" && hasUnknownCharset(one.content.message)),
  );
}
