/** The real resolver before a server that answers with damaged octets, by UDP and by TCP in any pieces: it answers in time, and never too well. */
import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Log } from "../../src/core/log.ts";
import type { DnsAnswer, Resolver } from "../../src/core/dns-answer.ts";
import { TYPE_CODE } from "../../src/parts/dns/codec.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import { HONEST } from "../support/dns-answers.ts";
import type { HonestAnswer } from "../support/dns-answers.ts";
import { overclaim } from "../support/dns-verdict.ts";
import { ANSWERED, FLAGS, TYPE, writeMessage } from "../support/dns-wire.ts";
import { damage, damaged, fuzz, FUZZ_TIMEOUT_MS, pieces } from "../support/fuzz.ts";
import type { Damage } from "../support/fuzz.ts";
import { startOddDnsServer } from "../support/odd-dns-server.ts";
import type { OddAnswer, OddDnsServer } from "../support/odd-dns-server.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const TIMEOUT_MS = 40;
/** One attempt by UDP and one by TCP, on a machine that is busy. */
const PATIENCE_MS = 2 * TIMEOUT_MS + 5_000;

let server: OddDnsServer;
let hasty: Resolver;
let patient: Resolver;
beforeAll(async () => {
  server = await startOddDnsServer();
  const resolverOf = (timeoutMs: number): Resolver => {
    const options = { servers: [server.address], timeoutMs, retries: 0, trustAd: "loopback", inFlightMax: 4 } as const;
    return createResolver(options, { randomBytes, log: silent });
  };
  hasty = resolverOf(TIMEOUT_MS);
  patient = resolverOf(PATIENCE_MS);
});
afterAll(() => server.close());

const ASKED = HONEST.filter(({ question: { type } }) => type === "MX" || type === "TXT" || type === "TLSA");

function ask({ question: { name, type } }: HonestAnswer, resolver: Resolver): Promise<DnsAnswer<unknown>> {
  if (type === "MX") return resolver.mx(name);
  return type === "TXT" ? resolver.txt(name) : resolver.tlsa(name);
}

/** Gives the answer, or fails where none comes in time. */
async function inTime(answer: Promise<DnsAnswer<unknown>>): Promise<DnsAnswer<unknown>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the resolver hangs")), PATIENCE_MS);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong with the answer; null where one of the messages that were sent bears it out under the id of the query. */
async function flawIn(
  honest: HonestAnswer,
  odd: OddAnswer,
  messages: readonly ((id: number) => Buffer)[],
): Promise<readonly (string | null)[] | null> {
  const ids: number[] = [];
  const seen = (id: number): number => {
    ids.push(id);
    return id;
  };
  server.answerWith({ ...odd, packets: (id) => odd.packets(seen(id)), stream: (id) => odd.stream(seen(id)) });
  const answer = await inTime(ask(honest, hasty));
  if (answer.kind === "unavailable" || answer.kind === "bogus") return null;
  const { name, type } = honest.question;
  const claims = ids.flatMap((id) =>
    messages.map((write) => overclaim(answer, write(id), { id, name, type: TYPE_CODE[type] })),
  );
  return claims.includes(null) ? null : [answer.kind, ...claims];
}

function prefixed(bytes: Buffer, length = bytes.length): Buffer {
  return Buffer.concat([Buffer.of((length >> 8) & 0xff, length & 0xff), bytes]);
}

/** Sends everybody to TCP. */
const truncated =
  ({ question: { name, type } }: HonestAnswer) =>
  (id: number): Buffer =>
    writeMessage({ id, flags: ANSWERED | FLAGS.tc, question: { name, type: TYPE_CODE[type] }, answers: [] });

const damages = fc.array(damage, { maxLength: 3 });
const answerAs =
  ({ write }: HonestAnswer, done: readonly Damage[]) =>
  (id: number): Buffer =>
    damaged(write(id), done);

describe("a resolver", () => {
  test(
    "takes damaged packets for no more than they are, whichever come first",
    async () => {
      const packets = fc.array(damages, { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...ASKED), packets, async (honest, all) => {
          const messages = all.map((done) => answerAs(honest, done));
          const stream = (): readonly Buffer[] => [];
          const odd: OddAnswer = { packets: (id) => messages.map((write) => write(id)), stream, ending: "close" };
          expect(await flawIn(honest, odd, messages)).toBeNull();
        }),
        fuzz(150),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    "reads a stream alike however it is cut, whatever its length says and whatever follows",
    async () => {
      const lengths = fc.oneof(
        { weight: 3, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -20, max: 20 }) },
      );
      const stream = fc.record({
        done: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: damages }),
        cuts: fc.array(fc.nat(), { maxLength: 12 }),
        tooLong: lengths,
        behind: fc.uint8Array({ maxLength: 8 }),
        ending: fc.constantFrom("close", "wait", "reset"),
      });
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...ASKED), stream, async (honest, { done, cuts, tooLong, behind, ending }) => {
          const whole = (id: number): Buffer => {
            const message = answerAs(honest, done)(id);
            return Buffer.concat([prefixed(message, Math.max(0, message.length + tooLong)), behind]);
          };
          const first = (id: number): Buffer => whole(id).subarray(2, 2 + whole(id).readUInt16BE(0));
          const odd: OddAnswer = {
            packets: (id) => [truncated(honest)(id)],
            stream: (id) => pieces(whole(id), cuts),
            ending,
          };
          expect(await flawIn(honest, odd, [first])).toBeNull();
        }),
        fuzz(150),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test("reads a whole answer that comes octet by octet, and waits for no end", async () => {
    for (const honest of ASKED.filter(({ expected }) => expected.kind !== "unavailable")) {
      const whole = (id: number): Buffer => prefixed(honest.write(id));
      const octets = (id: number): readonly Buffer[] =>
        pieces(
          whole(id),
          Array.from({ length: 600 }, (_, at) => at),
        );
      server.answerWith({ packets: (id) => [truncated(honest)(id)], stream: octets, ending: "wait" });
      expect(await inTime(ask(honest, patient))).toMatchObject(honest.expected);
    }
  });

  test("believes no packet of another id or question, however many come before its own", async () => {
    const [honest] = ASKED;
    if (honest === undefined) throw new Error("nothing to ask");
    const forged = (id: number, name: string): Buffer =>
      writeMessage({
        id,
        flags: ANSWERED | FLAGS.ad,
        question: { name, type: TYPE.MX },
        answers: [{ name, type: TYPE.MX, rdata: { head: Uint8Array.of(0, 1), name: "mx.evil.test" } }],
      });
    const packets = (id: number): readonly Buffer[] => [
      ...Array.from({ length: 50 }, (_, other) => forged((id + 1 + other) % 65_536, "example.test")),
      ...["evil.test", "example.tes", "xample.test", ""].map((name) => forged(id, name)),
      honest.write(id),
    ];
    server.answerWith({ packets, stream: () => [], ending: "close" });
    const answer = await inTime(ask(honest, patient));
    expect(answer).toMatchObject({ kind: "found", value: [{ exchange: "mx1.example.test" }, {}] });
  });

  test.each(["close", "wait", "reset"] as const)(
    "that is sent to TCP and finds nothing there (%s) knows nothing",
    async (ending) => {
      for (const honest of ASKED) {
        server.answerWith({ packets: (id) => [truncated(honest)(id)], stream: () => [], ending });
        expect(await inTime(ask(honest, hasty))).toMatchObject({ kind: "unavailable" });
      }
    },
  );
});
