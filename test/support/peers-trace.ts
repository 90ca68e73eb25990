/** Compares what arrived with what was sent: the same bytes, but for trace fields on top. */
import { readHeaders } from "../../src/parts/mime/header-fields.ts";
import type { PostfixDelivery } from "./peers-postfix.ts";

/** What each station of the path A → Postern → B may put on top, from the top down. */
export const TRACE_OF_POSTFIX_B = ["Return-Path", "X-Original-To", "Delivered-To", "Received"] as const;
export const TRACE_OF_POSTERN = ["Received", "X-Postern-Loop"] as const;
export const TRACE_OF_POSTFIX_A = ["Received"] as const;

/** A delivered message with the line ends it had on the wire: a maildir keeps LF. */
export function onTheWire({ bytes }: Pick<PostfixDelivery, "bytes">): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

/** Names of the fields on top of `original`; throws where the rest is not the original, byte for byte. */
export function addedFields(arrived: Buffer, original: Buffer): readonly string[] {
  const start = arrived.length - original.length;
  const rest = arrived.subarray(Math.max(start, 0));
  if (!rest.equals(original)) throw new Error(`the message changed ${describeChange(rest, original)}`);
  return readHeaders(Buffer.concat([arrived.subarray(0, start), Buffer.from("\r\n")])).map(({ name }) => name);
}

/** Counted from the end, because more on top moves everything. */
function describeChange(rest: Buffer, original: Buffer): string {
  let same = 0;
  while (same < rest.length && rest.at(-1 - same) === original.at(-1 - same)) same += 1;
  const at = Math.max(original.length - same - 20, 0);
  const excerpt = (bytes: Buffer): string =>
    JSON.stringify(
      bytes
        .subarray(Math.max(bytes.length - same - 20, 0))
        .subarray(0, 40)
        .toString("latin1"),
    );
  return `at byte ${at + 20}: ${excerpt(rest)} in place of ${excerpt(original)}`;
}
