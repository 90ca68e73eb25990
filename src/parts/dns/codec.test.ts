import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAnswer } from "./answer.ts";
import { CLASS_IN, decodeMessage, encodeQuery, encodeResponse, TYPE_CODE } from "./codec.ts";
import type { DnsRecord, RecordType } from "./codec.ts";
import { readReply } from "./reply.ts";
import type { Attempt } from "./reply.ts";

const name = fc
  .array(fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join("."));

const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({ type: fc.constant("A"), name, address: fc.ipV4() }),
  fc.record({ type: fc.constant("CNAME"), name, target: name }),
  fc.record({ type: fc.constant("MX"), name, preference: fc.nat(65_535), exchange: name }),
  fc.record({
    type: fc.constant("TLSA"),
    name,
    rdata: fc.uint8Array({ maxLength: 80 }).map((rdata) => Buffer.from(rdata)),
  }),
  fc.record({ type: fc.constant("TXT"), name, strings: fc.array(fc.string({ maxLength: 60 }), { minLength: 1 }) }),
);

const parts = fc.record({
  id: fc.nat(65_535),
  question: fc.record({ name, type: fc.constant(TYPE_CODE.MX), class: fc.constant(CLASS_IN) }),
  rcode: fc.nat(5),
  isTruncated: fc.constant(false),
  isAuthenticated: fc.boolean(),
  answers: fc.array(record, { maxLength: 8 }),
  extendedErrors: fc.array(fc.nat(30), { maxLength: 2 }),
  withEdns: fc.constant(true),
});

function attempt(id: number, question: { readonly name: string; readonly type: RecordType }): Attempt {
  return {
    server: { host: "127.0.0.1", port: 53, family: 4 },
    id,
    question,
    query: Buffer.alloc(0),
    timeoutMs: 1,
    signal: new AbortController().signal,
  };
}

describe("the codec", () => {
  test("a query asks recursively for AD and offers EDNS 1232", () => {
    const query = decodeMessage(encodeQuery({ id: 4711, name: "example.test", type: "MX" }));
    expect(query).toMatchObject({ id: 4711, isResponse: false, isAuthenticated: true, udpPayloadBytes: 1232 });
    expect(query?.questions).toEqual([{ name: "example.test", type: 15, class: 1 }]);
  });

  test("a response comes back as it was written", () => {
    fc.assert(
      fc.property(parts, (response) => {
        const { question, isTruncated: _truncated, withEdns: _edns, ...rest } = response;
        expect(decodeMessage(encodeResponse(response))).toMatchObject({ ...rest, questions: [question] });
      }),
      { numRuns: 60 },
    );
  });

  test("a message cut anywhere is refused whole and never read as a shorter answer", () => {
    fc.assert(
      fc.property(parts, fc.nat(), (response, cut) => {
        const bytes = encodeResponse(response);
        expect(decodeMessage(bytes.subarray(0, cut % bytes.length))).toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  test("arbitrary bytes never throw, in whatever place they stand", () => {
    const damaged = fc.tuple(parts, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged.map(damage)), (bytes) => {
        const message = decodeMessage(Buffer.from(bytes));
        if (message !== null) readAnswer(message, { name: "example.test", type: "MX" });
        expect(message === null || typeof message.rcode === "number").toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a message of chained compression pointers ends quickly", () => {
    const pointers = Buffer.alloc(16_000);
    for (let at = 12; at + 1 < pointers.length; at += 2) pointers.writeUInt16BE(0xc000 | (at + 2), at);
    pointers.writeUInt16BE(0x8180, 2);
    pointers.writeUInt16BE(1, 4);
    pointers.writeUInt16BE(500, 6);
    expect(decodeMessage(pointers)).toBeNull();
  });

  test("more records than sense are refused before they are decoded", () => {
    const records = (count: number): Buffer =>
      encodeResponse({ ...base, answers: Array.from({ length: count }, () => mx) });
    expect(decodeMessage(records(500))?.answers).toHaveLength(500);
    expect(decodeMessage(records(700))).toBeNull();
  });

  test("an empty answer denies only where the server resolves or holds the zone", () => {
    const bytes = encodeResponse({ ...base, answers: [] });
    const question = { name: "example.test", type: "MX" } as const;
    const answerOf = (flags: number): string | undefined => {
      bytes.writeUInt16BE(flags, 2);
      const message = decodeMessage(bytes);
      return message === null ? undefined : readAnswer(message, question).kind;
    };
    expect([0x8180, 0x8500, 0x8100].map(answerOf)).toEqual(["absent", "absent", "unavailable"]);
  });

  test("records of another class are no answer", () => {
    const bytes = encodeResponse({ ...base, withEdns: false, answers: [mx] });
    const at = bytes.lastIndexOf(Buffer.from([0, 15, 0, 1]));
    bytes.writeUInt16BE(3, at + 2);
    expect(decodeMessage(bytes)?.answers).toEqual([{ type: "other", name: "example.test", code: 0 }]);
  });

  test("octets behind the last record make a message of no use", () => {
    const bytes = encodeResponse({ ...base, answers: [mx] });
    expect(decodeMessage(bytes)?.answers).toHaveLength(1);
    expect(decodeMessage(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull();
    bytes.writeUInt16BE(0, 6);
    expect(decodeMessage(bytes)).toBeNull();
  });
});

const mx: DnsRecord = { type: "MX", name: "example.test", preference: 1, exchange: "mx.example.test" };
const base = {
  id: 7,
  question: { name: "example.test", type: TYPE_CODE.MX, class: CLASS_IN },
  rcode: 0,
  isTruncated: false,
  isAuthenticated: false,
  answers: [mx],
  extendedErrors: [],
  withEdns: true,
};

function damage([response, changes]: [Parameters<typeof encodeResponse>[0], [number, number][]]): Uint8Array {
  const bytes = encodeResponse(response);
  for (const [at, value] of changes) bytes[at % bytes.length] = value;
  return bytes;
}

describe("whose answer it is", () => {
  test("only our id with our question is taken, in any case of letters", () => {
    const bytes = encodeResponse({ ...base, question: { ...base.question, name: "EXAMPLE.test" } });
    expect(readReply(bytes, attempt(7, { name: "example.test", type: "MX" }))).toMatchObject({ kind: "message" });
  });

  test("another id or another question is ignored, whatever it says", () => {
    fc.assert(
      fc.property(parts, fc.nat(65_535), name, (response, id, asked) => {
        fc.pre(id !== response.id || asked !== response.question.name);
        const reply = readReply(encodeResponse(response), attempt(id, { name: asked, type: "MX" }));
        expect(reply).toEqual({ kind: "ignored" });
      }),
      { numRuns: 150 },
    );
  });

  test.each<[string, RecordType, number]>([
    ["another type", "A", CLASS_IN],
    ["another class", "MX", 3],
  ])("%s is ignored", (_name, type, cls) => {
    const bytes = encodeResponse({ ...base, question: { ...base.question, class: cls } });
    expect(readReply(bytes, attempt(7, { name: "example.test", type }))).toEqual({ kind: "ignored" });
  });

  test("what cannot be read is malformed under our id and ignored under any other", () => {
    const bytes = Buffer.concat([Buffer.from([0, 7]), Buffer.alloc(40, 0xff)]);
    const asked = { name: "example.test", type: "MX" } as const;
    expect(readReply(bytes, attempt(7, asked))).toEqual({ kind: "malformed" });
    expect(readReply(bytes, attempt(8, asked))).toEqual({ kind: "ignored" });
    expect(readReply(Buffer.from([0, 7]), attempt(7, asked))).toEqual({ kind: "ignored" });
  });

  test("a complaint may leave the question out, an answer may not", () => {
    const complaint = (rcode: number): Buffer => Buffer.from([0, 7, 0x81, 0x80 + rcode, 0, 0, 0, 0, 0, 0, 0, 0]);
    const asked = attempt(7, { name: "example.test", type: "MX" });
    expect(readReply(complaint(1), asked)).toMatchObject({ kind: "message" });
    expect(readReply(complaint(0), asked)).toEqual({ kind: "ignored" });
    expect(readReply(complaint(3), asked)).toEqual({ kind: "ignored" });
  });

  test("a query sent back is no answer", () => {
    const query = encodeQuery({ id: 7, name: "example.test", type: "MX" });
    expect(readReply(query, attempt(7, { name: "example.test", type: "MX" }))).toEqual({ kind: "ignored" });
  });
});
