/**
 * Texts a stranger may make as long as their limits let them: DNS, policies, replies, headers. Each is read within a fraction of a second of CPU, or
 * whoever sends one holds all mail up.
 */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import type { MxHost, Route } from "../../src/core/capabilities.ts";
import { verifyDane } from "../../src/parts/dane/verify.ts";
import { decodeMessage } from "../../src/parts/dns/codec.ts";
import { toHostName } from "../../src/parts/dns/host-name.ts";
import { parseMailbox } from "../../src/parts/smtp/mailbox.ts";
import { ReplyParser, toPeerReply } from "../../src/parts/smtp/reply.ts";
import { matchesMx } from "../../src/parts/sts/mx-match.ts";
import { readPolicy } from "../../src/parts/sts/policy.ts";
import { readStsRecord } from "../../src/parts/sts/txt-record.ts";
import { chooseTlsrptRecord } from "../../src/parts/tlsrpt/record.ts";
import { readExtensions } from "../../src/stages/deliver/extensions.ts";
import { isNoneNamed, underPolicy } from "../../src/stages/discover/sts-route.ts";
import { encodedRunsOf } from "../../src/stages/inspect/encoded-runs.ts";
import { normaliseText } from "../../src/stages/inspect/normalise.ts";
import { retoldTexts } from "../../src/stages/inspect/retold-text.ts";
import { undisguisedTexts } from "../../src/stages/inspect/undisguised.ts";
import { headerSegments, namedValues, senderNamesOf } from "../../src/stages/inspect/message-header.ts";
import { usableDane } from "../support/dane-rig.ts";
import { cpuMsOf } from "../support/cpu-time.ts";

const LIMIT_MS = 400;
const LENGTH = 64_000;
/** Whatever a pattern may stumble over when it comes again and again. */
const PIECES = [
  " ",
  "\t",
  "a",
  "a ",
  " ,",
  ";",
  "; ",
  "=",
  "a=",
  ".",
  "a.",
  "-",
  "*.",
  ":",
  "<",
  "<>",
  "<a",
  "@",
  '"',
  "\\",
  "(",
  "[",
  "\r",
  "\n",
  "\0",
  "é",
  "а",
  "mx: ",
  "rua=",
  ",",
];

const repeated = (piece: string): string => piece.repeat(Math.ceil(LENGTH / piece.length)).slice(0, LENGTH);

function policyWith(text: string): Buffer {
  return Buffer.from(`version: STSv1\nmode: enforce\nmx: x${text}y\nmax_age: 1${text}x`);
}

function reply(text: string): void {
  const parser = new ReplyParser();
  parser.push(Buffer.from(text.replaceAll(/(.{1,900})/gs, "250-$1\r\n").concat("250 x\r\n")));
  const read = parser.take();
  if (read === null) return;
  toPeerReply(read);
  readExtensions(read);
}

const READERS: readonly (readonly [what: string, read: (text: string) => unknown])[] = [
  ["a policy", (text) => readPolicy(policyWith(text.slice(0, LENGTH / 2 - 100)))],
  ["a policy of many lines", (text) => readPolicy(Buffer.from(text.slice(0, 60_000)))],
  ["an MTA-STS record", (text) => readStsRecord([`v=STSv1; id=1${text}x;`, text])],
  ["a TLSRPT record", (text) => chooseTlsrptRecord([`v=TLSRPTv1; rua=mailto:a@b${text}x`, text])],
  ["a name", (text) => [toHostName(`${text}x`), matchesMx([`*.${text}`, text], `${text}x.test`)]],
  ["a mailbox", (text) => parseMailbox(`${text}@${text}x`)],
  ["a reply", reply],
  ["a DNS message", (text) => decodeMessage(Buffer.from(`\0\u0001\u0001\0\0\u0001\0\u0010\0\0\0\0${text}`, "latin1"))],
  [
    "a body",
    (text) => [undisguisedTexts(text, normaliseText(text)), encodedRunsOf(text), retoldTexts(text, { isMarkup: true })],
  ],
  [
    "a header",
    (text) => {
      const values = namedValues(
        ["From", "To", "Subject", "List-Id"].map((name) => ({ name, value: `x${text}y`, start: 0, end: 0 })),
      );
      return [headerSegments(values, { senders: true }), senderNamesOf(values)];
    },
  ],
];

describe.each(READERS)("%s", (_what, read) => {
  test.each(PIECES.map((piece) => [JSON.stringify(piece), piece] as const))(
    "of %s without end is read at once",
    (_shown, piece) => {
      expect(cpuMsOf(() => read(repeated(piece)))).toBeLessThan(LIMIT_MS);
    },
  );
});

test("a policy of thousands of servers is held against many mail servers at once", () => {
  const lines = Array.from({ length: 7_000 }, (_, n) => `mx:${n.toString(36)}.b\n`).join("");
  const read = readPolicy(Buffer.from(`version: STSv1\nmode: enforce\nmax_age: 1\n${lines}`));
  const mx = read.kind === "policy" ? read.policy.mx : [];
  expect(mx.length).toBe(7_000);
  const policy = { kind: "enforce", id: "1", mx, fetchedAt: 0, expiresAt: 1, failure: null } as const;
  const hosts = Array.from({ length: 20 }, (_, n): MxHost => {
    const addresses = { kind: "found", value: ["192.0.2.1"], security: "insecure" } as const;
    return { name: `mx${n}.example.org`, preference: n, addresses, dane: { kind: "none" }, sts: { kind: "none" } };
  });
  const route: Route = { kind: "hosts", hosts, via: "mx", security: "insecure" };
  const mails = (): void => {
    for (let mail = 0; mail < 5; mail += 1)
      underPolicy(route, isNoneNamed(route, policy) ? policy : { kind: "unknown" });
  };
  expect(cpuMsOf(mails)).toBeLessThan(LIMIT_MS);
});

test("a server's certificate is held against hundreds of TLSA records at once", () => {
  const leaf = new X509Certificate(rootCertificates[0] ?? "");
  const record = (n: number) => ({ usage: 3, selector: 1, matching: 2, data: Buffer.alloc(64, n) });
  const [first, ...others] = Array.from({ length: 1_000 }, (_, n) => record(n % 256));
  const state = usableDane([first ?? record(0), ...others], ["mx.example.org"]);
  const sessions = (): void => {
    for (let session = 0; session < 20; session += 1) verifyDane([leaf], state, Date.now());
  };
  expect(cpuMsOf(sessions)).toBeLessThan(LIMIT_MS);
});
