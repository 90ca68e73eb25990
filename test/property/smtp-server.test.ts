/**
 * A server, or somebody before it, that says anything at greeting, EHLO and STARTTLS, in any pieces. The real delivery comes to an end in time,
 * says MAIL only where what was asked of the connection is proven, and calls delivered only what was taken.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MxTls } from "../../src/cli/loopback/mx-server.ts";
import type { DaneState } from "../../src/core/dane.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { Rung } from "../../src/core/rung.ts";
import { systemClock } from "../support/real-clock.ts";
import {
  issueTestCertificates,
  makeDelivery,
  makeRequest,
  MX,
  mxHost,
  outcomeOf,
  TEST_OPTIONS,
} from "../support/deliver-rig.ts";
import type { TestCertificates } from "../support/deliver-rig.ts";
import { tlsaOf, usableDane } from "../support/dane-rig.ts";
import { damage, damaged, fuzz, FUZZ_TIMEOUT_MS, pieces } from "../support/fuzz.ts";
import { startOddMx } from "../support/odd-mx.ts";
import type { OddMx, OddScript, Say } from "../support/odd-mx.ts";

const STEP_MS = 60;
/** Where the server is honest, nothing is waited for in vain. */
const PATIENT_MS = 5_000;
/** A handshake needs longer, where both ends are busy. */
const HANDSHAKE_MS = 2_000;
const PATIENCE_MS = 20_000;

let certificates: TestCertificates;
let server: OddMx;
beforeAll(async () => {
  certificates = await issueTestCertificates();
  server = await startOddMx();
});
afterAll(() => server.close());

type Demand = { readonly minRung: Rung; readonly dane: "none" | "wrong" };
const DEMANDS: readonly Demand[] = [
  { minRung: "plain", dane: "none" },
  { minRung: "tls-unauthenticated", dane: "none" },
  { minRung: "pkix", dane: "none" },
  { minRung: "plain", dane: "wrong" },
];

type Shown = "good" | "selfSigned" | "none";

function tlsOf(shown: Shown): MxTls | null {
  return shown === "none" ? null : certificates[shown];
}

function daneOf(dane: Demand["dane"]): DaneState {
  // No server here has the key of this certificate.
  return dane === "none" ? { kind: "none" } : usableDane([tlsaOf("3 1 1", certificates.expired.cert)], [MX]);
}

/** Fails where the delivery does not end. */
async function deliverTo(script: OddScript, { minRung, dane }: Demand, stepMs = STEP_MS): Promise<Outcome> {
  server.play(script);
  const timeouts = Object.fromEntries(Object.keys(TEST_OPTIONS.timeouts).map((name) => [name, stepMs]));
  const delivery = makeDelivery({
    port: server.port,
    ca: certificates.ca,
    clock: systemClock,
    options: {
      timeouts: {
        ...TEST_OPTIONS.timeouts,
        ...timeouts,
        handshakeMs: HANDSHAKE_MS,
        totalMs: 3_000 + stepMs,
        dotMs: 2_000,
      },
    },
  });
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the delivery hangs")), PATIENCE_MS);
  try {
    const request = makeRequest({ hosts: [mxHost(server.host, MX, daneOf(dane))], minRung });
    return outcomeOf(await Promise.race([delivery.deliver(request), late]));
  } finally {
    clearTimeout(timer);
    await delivery.close();
  }
}

/** Said where it may not be said, or counted where nothing was taken; null where all is as it should be. */
function flawIn(outcome: Outcome, { minRung, dane }: Demand, shown: Shown): string | null {
  const { mails, taken } = server;
  const isAllowed = ({ isSecure }: { readonly isSecure: boolean }): boolean => {
    if (dane === "wrong") return false;
    if (minRung === "pkix") return isSecure && shown === "good";
    return minRung === "plain" || isSecure;
  };
  if (!mails.every(isAllowed)) return `MAIL to a server that shows ${shown} for ${minRung}, ${dane}`;
  const takenMax = outcome.kind === "delivered" || outcome.kind === "ambiguous" ? 1 : 0;
  if (taken > takenMax) return `${outcome.kind}, and ${taken} taken`;
  return outcome.kind === "delivered" && taken === 0 ? "delivered, and nothing was taken" : null;
}

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, "latin1");
const GREETING = line("220 odd.test ESMTP");
const EHLO = Buffer.concat([line("250-odd.test"), line("250-PIPELINING"), line("250 STARTTLS")]);
const EHLO_CLEAR = Buffer.concat([line("250-odd.test"), line("250 PIPELINING")]);
/** Without PIPELINING each reply is waited for. */
const EHLO_BARE = line("250 odd.test");
const GO = line("220 go ahead");

const REPLIES = [
  "250 ok",
  "250-odd",
  "250 STARTTLS",
  "354 go",
  "220 go",
  "421 4.7.0 no",
  "454 later",
  "530 no",
  "554 5.7.1 no",
  "25",
  "0",
  "",
];
/** Line ends that are none, octets that are no text, and lines that do not end. */
const noise = fc.oneof(
  fc
    .constantFrom("\r", "\n", "\r\n", "\0", "\r\0\n", "\n.\r\n", "\u00ff\u00fe", "\t", " ")
    .map((text) => Buffer.from(text, "latin1")),
  fc
    .constantFrom(...REPLIES)
    .chain((text) => fc.constantFrom("\r\n", "\n", "\r", "\0\r\n", "").map((end) => Buffer.from(text + end, "latin1"))),
  fc.constantFrom(
    Buffer.alloc(5_000, "x"),
    Buffer.from("250-more\r\n".repeat(150)),
    Buffer.from("250 ok\r\n".repeat(1_100)),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const noises = fc.array(noise, { maxLength: 3 }).map((parts) => Buffer.concat(parts));

/** Mostly what it should be, with something wrong about it. */
function utterance(honest: Buffer): fc.Arbitrary<Say> {
  const text = fc.oneof(
    { weight: 3, arbitrary: fc.constant(honest) },
    { weight: 2, arbitrary: fc.array(damage, { minLength: 1, maxLength: 3 }).map((done) => damaged(honest, done)) },
    { weight: 2, arbitrary: noises.map((behind) => Buffer.concat([honest, behind])) },
    { weight: 1, arbitrary: noises.map((before) => Buffer.concat([before, honest])) },
    { weight: 1, arbitrary: noises },
  );
  return fc.tuple(text, fc.array(fc.nat(), { maxLength: 4 })).map(([bytes, cuts]) => pieces(bytes, cuts));
}

const shown = fc.constantFrom<Shown>("good", "selfSigned", "none");
const script = fc.record({
  greeting: utterance(GREETING),
  ehlo: fc.oneof({ weight: 4, arbitrary: utterance(EHLO) }, { weight: 1, arbitrary: utterance(EHLO_CLEAR) }),
  starttls: utterance(GO),
  ehlo2: fc.oneof(...[EHLO, EHLO_CLEAR, EHLO_BARE].map(utterance)),
  shown,
});

const HONEST: Omit<OddScript, "tls"> = { greeting: [GREETING], ehlo: [EHLO], starttls: [GO], ehlo2: [EHLO_CLEAR] };

describe("a delivery", () => {
  test("to the same server, were it honest, goes as far as its certificate reaches", async () => {
    const ends: string[] = [];
    for (const demand of DEMANDS) {
      const outcome = await deliverTo({ ...HONEST, tls: certificates.selfSigned }, demand, PATIENT_MS);
      expect(flawIn(outcome, demand, "selfSigned")).toBeNull();
      ends.push(outcome.kind);
    }
    expect(ends).toEqual(["delivered", "delivered", "unmet", "deferred"]);
    const verified = { minRung: "pkix", dane: "none" } as const;
    expect((await deliverTo({ ...HONEST, tls: certificates.good }, verified, PATIENT_MS)).kind).toBe("delivered");
  });

  test(
    "to a server that says anything ends, and says MAIL only where it may",
    async () => {
      await fc.assert(
        fc.asyncProperty(script, fc.constantFrom(...DEMANDS), async ({ shown: kind, ...said }, demand) => {
          const outcome = await deliverTo({ ...said, tls: tlsOf(kind) }, demand);
          expect(flawIn(outcome, demand, kind)).toBeNull();
        }),
        fuzz(90),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    "never takes what was said in the clear behind the 220 for an answer under TLS",
    async () => {
      const injected = fc.tuple(
        noises.filter((bytes) => bytes.length > 0),
        fc.array(fc.nat(), { maxLength: 4 }),
      );
      await fc.assert(
        fc.asyncProperty(injected, fc.constantFrom(...DEMANDS), async ([bytes, cuts], demand) => {
          const starttls = pieces(Buffer.concat([GO, bytes]), cuts);
          const outcome = await deliverTo({ ...HONEST, starttls, tls: certificates.good }, demand);
          expect(flawIn(outcome, demand, "good")).toBeNull();
          expect(server.mails.filter(({ isSecure }) => isSecure)).toEqual([]);
          expect(demand.minRung !== "plain" && outcome.kind === "delivered").toBe(false);
        }),
        fuzz(80),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test.each<[what: string, ehlo2: readonly Buffer[]]>([
    ["with one more", [EHLO_CLEAR, line("250 2.0.0 ok")]],
    [
      "with all that could be asked for",
      [EHLO_CLEAR, line("250 ok"), line("250 ok"), line("354 go"), line("250 taken")],
    ],
    ["before it is asked", [Buffer.concat([EHLO_CLEAR, line("354 go"), line("250 taken")])]],
  ])("whose replies come early (%s) calls nothing delivered", async (_what, ehlo2) => {
    const demand = { minRung: "pkix", dane: "none" } as const;
    const outcome = await deliverTo({ ...HONEST, ehlo2, tls: certificates.good }, demand);
    expect(flawIn(outcome, demand, "good")).toBeNull();
    expect(outcome.kind).toBe("deferred");
  });
});
