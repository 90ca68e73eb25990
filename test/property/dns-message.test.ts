/** Responses damaged on the way, and ones made to confuse, through the real codec: never a throw, never more than the octets bear out. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DnsAnswer } from "../../src/core/dns-answer.ts";
import { readAnswer } from "../../src/parts/dns/answer.ts";
import { encodeResponse, TYPE_CODE } from "../../src/parts/dns/codec.ts";
import type { DnsRecord, RecordType } from "../../src/parts/dns/codec.ts";
import { readReply } from "../../src/parts/dns/reply.ts";
import type { Attempt } from "../../src/parts/dns/reply.ts";
import { overclaim } from "../support/dns-verdict.ts";
import type { WireQuestion } from "../support/dns-verdict.ts";
import { ANSWERED, FLAGS, writeMessage } from "../support/dns-wire.ts";
import { HONEST } from "../support/dns-answers.ts";
import type { HonestAnswer } from "../support/dns-answers.ts";
import { damage, damaged, fuzz, FUZZ_TIMEOUT_MS } from "../support/fuzz.ts";

const ID = 0x1f2e;

function attemptOf({ name, type }: { readonly name: string; readonly type: RecordType }): Attempt {
  return {
    server: { host: "127.0.0.1", port: 53, family: 4 },
    id: ID,
    question: { name, type },
    query: Buffer.alloc(0),
    timeoutMs: 1,
    signal: new AbortController().signal,
  };
}

/** As the exchange does with one response; null where it would go on waiting. */
function answerTo(bytes: Buffer, attempt: Attempt): DnsAnswer<readonly DnsRecord[]> | null {
  const reply = readReply(bytes, attempt);
  if (reply.kind === "ignored") return null;
  if (reply.kind !== "message" || reply.message.isTruncated) return { kind: "unavailable", detail: reply.kind };
  return readAnswer(reply.message, attempt.question);
}

const askedOf = ({ name, type }: HonestAnswer["question"]): WireQuestion => ({ id: ID, name, type: TYPE_CODE[type] });

/** What is wrong with what is made of the octets; null where they bear it out. */
function flawIn({ question }: Pick<HonestAnswer, "question">, bytes: Buffer): string | null {
  const answer = answerTo(bytes, attemptOf(question));
  return answer === null ? null : overclaim(answer, bytes, askedOf(question));
}

/** What is wrong with any of them, and which. */
function flawsIn(asked: Pick<HonestAnswer, "question">, all: Iterable<Buffer>): readonly string[] {
  return [...all].flatMap((bytes) => {
    const flaw = flawIn(asked, bytes);
    return flaw === null ? [] : [`${flaw}: ${bytes.toString("hex")}`];
  });
}

const VALUES = [0, 1, 2, 3, 5, 15, 16, 0x29, 0x2e, 0x3f, 0x7f, 0x80, 0xc0, 0xff];

function* withOneChanged(honest: Buffer): Generator<Buffer> {
  for (let at = 0; at < honest.length; at += 1) {
    for (const value of [...VALUES, (honest[at] ?? 0) ^ 1]) {
      const bytes = Buffer.from(honest);
      bytes[at] = value;
      yield bytes;
    }
  }
}

function* cutAndLengthened(honest: Buffer): Generator<Buffer> {
  for (let end = 0; end < honest.length; end += 1) yield honest.subarray(0, end);
  yield Buffer.concat([honest, Buffer.of(0)]);
}

describe("responses", () => {
  test.each(HONEST)("$what is read for what it is", ({ question, write, expected }) => {
    const bytes = write(ID);
    expect(answerTo(bytes, attemptOf(question))).toMatchObject(expected);
    expect(flawIn({ question }, bytes)).toBeNull();
  });

  test(
    "damaged anywhere never say more than their octets",
    () => {
      fc.assert(
        fc.property(fc.constantFrom(...HONEST), fc.array(damage, { minLength: 1, maxLength: 4 }), (honest, damages) => {
          expect(flawIn(honest, damaged(honest.write(ID), damages))).toBeNull();
        }),
        fuzz(3_000),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test.each(HONEST)("$what, with any single octet changed, never says more than its octets", (honest) => {
    expect(flawsIn(honest, withOneChanged(honest.write(ID)))).toEqual([]);
  });

  test.each(HONEST)("$what, cut anywhere or with anything behind it, is no answer", (honest) => {
    expect(flawsIn(honest, cutAndLengthened(honest.write(ID)))).toEqual([]);
  });

  test(
    "of octets by chance never say more than their octets",
    () => {
      const header = fc
        .tuple(fc.nat(0xffff), fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }))
        .map(([flags, counts]): Buffer => {
          const bytes = Buffer.alloc(12);
          for (const [index, value] of [ID, flags | FLAGS.qr, ...counts].entries())
            bytes.writeUInt16BE(value, 2 * index);
          return bytes;
        });
      const body = fc.uint8Array({ maxLength: 120 });
      fc.assert(
        fc.property(header, fc.boolean(), body, (head, withQuestion, rest) => {
          const question = writeMessage({ id: 0, flags: 0, question: { name: "a.test", type: 15 }, answers: [] });
          const middle = withQuestion ? question.subarray(12) : Buffer.alloc(0);
          const bytes = Buffer.concat([head, middle, rest]);
          expect(flawIn({ question: { name: "a.test", type: "MX" } }, bytes)).toBeNull();
        }),
        fuzz(2_000),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe("contradictions", () => {
  const question = { name: "a.test", type: "MX" } as const;
  const mx = { name: "a.test", type: 15, rdata: { head: Uint8Array.of(0, 10), name: "mx.a.test" } };
  const asked = { name: question.name, type: 15 };
  test.each<[what: string, bytes: Buffer]>([
    [
      "a denial of the name beside the records",
      writeMessage({ id: ID, flags: ANSWERED | 3, question: asked, answers: [mx] }),
    ],
    [
      "records of another class alone",
      writeMessage({ id: ID, flags: ANSWERED, question: asked, answers: [{ ...mx, class: 3 }] }),
    ],
    [
      "records of another name alone",
      writeMessage({ id: ID, flags: ANSWERED, question: asked, answers: [{ ...mx, name: "b.test" }] }),
    ],
    [
      "records of another type alone",
      writeMessage({ id: ID, flags: ANSWERED, question: asked, answers: [{ ...mx, type: 14 }] }),
    ],
    [
      "two different aliases of one name",
      writeMessage({
        id: ID,
        flags: ANSWERED,
        question: asked,
        answers: [
          { name: "a.test", type: 5, rdata: { name: "b.test" } },
          { name: "a.test", type: 5, rdata: { name: "c.test" } },
        ],
      }),
    ],
  ])("%s is neither an answer nor a denial", (_what, bytes) => {
    expect(answerTo(bytes, attemptOf(question))).toMatchObject({ kind: "unavailable" });
  });

  test("what the loopback server of the tests writes is judged alike", () => {
    const parts = { id: ID, question: { name: "a.test", type: 15, class: 1 }, rcode: 0, isTruncated: false };
    const rest = { isAuthenticated: true, extendedErrors: [], withEdns: true };
    const answers: DnsRecord[] = [{ type: "MX", name: "a.test", preference: 10, exchange: "mx.a.test" }];
    const bytes = encodeResponse({ ...parts, ...rest, answers });
    expect(answerTo(bytes, attemptOf(question))).toMatchObject({ kind: "found", security: "secure" });
    expect(flawIn({ question }, bytes)).toBeNull();
  });
});

describe("messages that take long", () => {
  const question = { name: "a.test", type: "TXT" } as const;
  test.each<[what: string, names: (at: number) => readonly number[]]>([
    ["a pointer to itself", (at) => [0xc0 | (at >> 8), at & 0xff]],
    ["a label and a pointer back to it", (at) => [1, 97, 0xc0 | (at >> 8), at & 0xff]],
    ["a pointer beyond the end", () => [0xff, 0xff]],
    ["reserved label types", () => [0x40, 0x80]],
  ])("%s in each of hundreds of names end at once", (_what, names) => {
    const head = writeMessage({ id: ID, flags: ANSWERED, question: { name: "a.test", type: 16 }, answers: [] });
    const bytes: number[] = [...head];
    for (let count = 0; count < 500; count += 1) bytes.push(...names(bytes.length), 0, 16, 0, 1, 0, 0, 0, 0, 0, 0);
    const message = Buffer.from(bytes);
    message.writeUInt16BE(500, 6);
    expect(answerTo(message, attemptOf(question))).toMatchObject({ kind: "unavailable" });
  });
});
