import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { itemOf } from "./answer.ts";
import { encodeFrame, FrameError, FrameReader } from "./frames.ts";
import type { Frame } from "./frames.ts";

const LIMITS = { headBytesMax: 100, bodyBytesMax: 1_000 };
const bytesOf = (head: Record<string, unknown>, body = ""): Buffer =>
  Buffer.concat(encodeFrame(head, Buffer.from(body)));

describe("frames", () => {
  test("come out as they went in, wherever they are cut", () => {
    const frame = fc.tuple(fc.record({ kind: fc.string({ maxLength: 20 }) }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 50 })), (frames, cuts) => {
        const whole = Buffer.concat(frames.flatMap(([head, body]) => encodeFrame(head, body)));
        const reader = new FrameReader({ headBytesMax: 1_000, bodyBytesMax: 1_000 });
        const read: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, whole.length]) {
          read.push(...reader.push(whole.subarray(at, at + cut)));
          at = Math.min(whole.length, at + cut);
        }
        expect(read.map(({ head }) => head)).toEqual(frames.map(([head]) => head));
        expect(read.map(({ body }) => [...body])).toEqual(frames.map(([, body]) => [...body]));
        expect(reader.isEmpty).toBe(true);
      }),
    );
  });

  test.each<[string, Buffer]>([
    ["a head above the limit", bytesOf({ kind: "x".repeat(200) })],
    ["a body above the limit", bytesOf({ kind: "text" }, "x".repeat(1_001))],
    ["a head that is no JSON", Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x7b])],
    ["a head that is no object", Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x31])],
    ["a head that is a list", Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0x5b, 0x5d])],
  ])("%s is refused", (_, bytes) => {
    expect(() => new FrameReader(LIMITS).push(bytes)).toThrow(FrameError);
  });
});

describe("what a reader says", () => {
  const said = (head: Record<string, unknown>, body = ""): unknown => itemOf({ head, body: Buffer.from(body) });

  test.each<[Record<string, unknown>, unknown]>([
    [
      { kind: "text", place: "1>2" },
      { kind: "text", place: "1>2", text: "x" },
    ],
    [
      { kind: "name", place: "" },
      { kind: "name", place: "", text: "x" },
    ],
    [
      { kind: "file", place: "1", name: "a.txt" },
      { kind: "file", place: "1", name: "a.txt", bytes: Buffer.from("x") },
    ],
    [
      { kind: "unread", place: "1", reason: "damaged" },
      { kind: "unread", place: "1", reason: "damaged" },
    ],
    [
      { kind: "misnamed", place: "sheet1" },
      { kind: "misnamed", place: "sheet1" },
    ],
    [{ kind: "done" }, null],
  ])("%j is understood", (head, item) => {
    expect(said(head, "x")).toEqual(item);
  });

  test.each<[string, Record<string, unknown>]>([
    ["a place in the sender's words", { kind: "text", place: "Anna Sample" }],
    ["a place without an end", { kind: "text", place: "1".repeat(200) }],
    ["no place", { kind: "text" }],
    ["a kind nobody knows", { kind: "clean", place: "" }],
    ["a reason nobody knows", { kind: "unread", place: "", reason: "MRN 1" }],
    ["a reason of the service's own", { kind: "unread", place: "", reason: "crashed" }],
    ["a file without a name", { kind: "file", place: "" }],
    ["a name without an end", { kind: "file", place: "", name: "x".repeat(2_000) }],
  ])("%s is refused", (_, head) => {
    expect(() => said(head)).toThrow(FrameError);
  });
});
