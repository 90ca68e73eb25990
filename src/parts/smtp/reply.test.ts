import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Reply, ReplyDefect } from "./reply.ts";
import { REPLY_LIMITS, ReplyParser, toPeerReply } from "./reply.ts";

function parse(chunks: readonly (string | Uint8Array)[]): { replies: Reply[]; defect: ReplyDefect | null } {
  const parser = new ReplyParser();
  for (const chunk of chunks) parser.push(Buffer.from(chunk));
  const replies: Reply[] = [];
  for (let reply = parser.take(); reply !== null; reply = parser.take()) replies.push(reply);
  return { replies, defect: parser.defect };
}

const first = (text: string): Reply | undefined => parse([text]).replies[0];

describe("a reply", () => {
  test.each<[string, Reply]>([
    ["250 ok\r\n", { code: 250, enhanced: null, lines: ["ok"] }],
    ["250\r\n", { code: 250, enhanced: null, lines: [""] }],
    ["250 ok\n", { code: 250, enhanced: null, lines: ["ok"] }],
    ["250 2.1.5 ok\r\n", { code: 250, enhanced: "2.1.5", lines: ["2.1.5 ok"] }],
    ["550 5.1.1\r\n", { code: 550, enhanced: "5.1.1", lines: ["5.1.1"] }],
    ["450 4.999.999 x\r\n", { code: 450, enhanced: "4.999.999", lines: ["4.999.999 x"] }],
    ["550 4.1.1 class differs\r\n", { code: 550, enhanced: null, lines: ["4.1.1 class differs"] }],
    ["550 5.1.1x\r\n", { code: 550, enhanced: null, lines: ["5.1.1x"] }],
    ["550 5.01.1 x\r\n", { code: 550, enhanced: null, lines: ["5.01.1 x"] }],
    ["250-a\r\n250-b\r\n250 c\r\n", { code: 250, enhanced: null, lines: ["a", "b", "c"] }],
    ["250-a\r\n250\r\n", { code: 250, enhanced: null, lines: ["a", ""] }],
  ])("%j is read", (text, reply) => {
    expect(parse([text])).toEqual({ replies: [reply], defect: null });
  });

  test.each<[string, ReplyDefect]>([
    ["hello\r\n", "malformed"],
    ["\r\n", "malformed"],
    ["25 ok\r\n", "malformed"],
    ["2500 ok\r\n", "malformed"],
    ["150 ok\r\n", "malformed"],
    ["650 ok\r\n", "malformed"],
    ["250_ok\r\n", "malformed"],
    [" 250 ok\r\n", "malformed"],
    ["250-a\r\n251 b\r\n", "code_changed"],
    [`250 ${"x".repeat(REPLY_LIMITS.lineBytesMax)}\r\n`, "line_too_long"],
    ["x".repeat(REPLY_LIMITS.lineBytesMax + 1), "line_too_long"],
    ["250-x\r\n".repeat(REPLY_LIMITS.replyLinesMax + 1), "reply_too_long"],
    [`250-${"x".repeat(4000)}\r\n`.repeat(17), "reply_too_long"],
    ["250 x\r\n".repeat(REPLY_LIMITS.unreadRepliesMax + 1), "too_many_replies"],
  ])("%j is refused as %s", (text, defect) => {
    expect(parse([text]).defect).toBe(defect);
  });

  test("at the limits is still read", () => {
    expect(first(`250 ${"x".repeat(REPLY_LIMITS.lineBytesMax - 5)}\r\n`)?.code).toBe(250);
    expect(first(`${"250-x\r\n".repeat(REPLY_LIMITS.replyLinesMax - 1)}250 x\r\n`)?.lines).toHaveLength(100);
  });

  test("complete before a defect may still be taken, nothing after it", () => {
    const { replies, defect } = parse(["421 bye\r\ngarbage\r\n250 ok\r\n"]);
    expect([replies.map(({ code }) => code), defect]).toEqual([[421], "malformed"]);
  });

  test("is noticed from its first byte on", () => {
    const parser = new ReplyParser();
    expect(parser.hasUnread).toBe(false);
    parser.push(Buffer.from("2"));
    expect(parser.hasUnread).toBe(true);
    parser.push(Buffer.from("50-a\r\n"));
    expect(parser.hasUnread).toBe(true);
    parser.push(Buffer.from("250 b\r\n"));
    expect(parser.take()?.lines).toEqual(["a", "b"]);
    expect(parser.hasUnread).toBe(false);
  });
});

describe("properties", () => {
  const line = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replaceAll(/[\r\n]/g, " "));
  const reply = fc.record({
    code: fc.integer({ min: 200, max: 599 }),
    lines: fc.array(line, { minLength: 1, maxLength: 5 }),
  });
  const wire = ({ code, lines }: { code: number; lines: string[] }): string =>
    lines.map((text, index) => `${code}${index === lines.length - 1 ? " " : "-"}${text}\r\n`).join("");

  test("what was written is read, however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 6 }), fc.array(fc.nat()), (replies, cuts) => {
        const bytes = Buffer.from(replies.map(wire).join(""));
        const expected = replies.map(({ code, lines }) => ({
          code,
          lines: lines.map((text) => Buffer.from(text).toString()),
        }));
        const parsed = parse(cut(bytes, cuts));
        expect(parsed.defect).toBeNull();
        expect(parsed.replies.map(({ code, lines }) => ({ code, lines }))).toEqual(expected);
      }),
    );
  });

  test("any bytes give the same answer in one piece and in many, without throwing", () => {
    const soup = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .array(fc.constantFrom("250", "-", " ", "\r\n", "\n", "\r", "5.1.1", "x"), { maxLength: 40 })
        .map((parts) => Buffer.from(parts.join(""))),
    );
    fc.assert(
      fc.property(soup, fc.array(fc.nat()), (bytes, cuts) => {
        expect(parse(cut(Buffer.from(bytes), cuts))).toEqual(parse([bytes]));
      }),
    );
  });
});

describe("the form that is stored", () => {
  test("is one line without controls, format characters and separators, and capped", () => {
    const reply = first("550-5.1.1 a\u0007b\u001b[31mc\r\n550 \u202ed\u2028e\u0000f\r\n");
    expect(reply && toPeerReply(reply)).toEqual({ code: 550, enhanced: "5.1.1", text: "5.1.1 a b [31mc d e f" });
    const long = first(`550 ${"😀".repeat(900)}\r\n`);
    const text = long === undefined ? "" : toPeerReply(long).text;
    expect(text.length).toBe(REPLY_LIMITS.textCharsMax);
    expect(text.isWellFormed()).toBe(true);
  });
});

/** Cuts the bytes at the given places, modulo the length. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    chunks.push(bytes.subarray(from, place));
    from = place;
  }
  return chunks;
}
