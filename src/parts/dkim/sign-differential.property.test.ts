import { generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import * as fc from "fast-check";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { describe, expect, test } from "vitest";
import { signMessage } from "./sign.ts";

const KEYS: Readonly<Record<"rsa" | "ed25519", KeyObject>> = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey,
  ed25519: generateKeyPairSync("ed25519").privateKey,
};
const AT = 1_767_225_600_000;

/** mailauth's own signer, whole: what ours is held against. */
async function reference(bytes: Buffer, privateKey: KeyObject): Promise<string> {
  const identity = {
    signingDomain: "example.org",
    selector: "gate",
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
  const signed = await dkimSign(bytes, {
    ...identity,
    signatureData: [identity],
    canonicalization: "relaxed/relaxed",
    signTime: new Date(AT),
    strict: true,
  });
  expect(signed.errors).toEqual([]);
  return signed.signatures;
}

async function ours(bytes: Buffer, privateKey: KeyObject, cuts: readonly number[]): Promise<string> {
  const ends = [...new Set([...cuts.filter((cut) => cut < bytes.length), bytes.length])].toSorted((a, b) => a - b);
  async function* message(): AsyncGenerator<Uint8Array> {
    // Each chunk in a buffer of its own that is overwritten once it was read.
    for (const [index, end] of ends.entries()) {
      const chunk = Buffer.from(bytes.subarray(ends[index - 1] ?? 0, end));
      yield chunk;
      chunk.fill(0x2a);
    }
  }
  const key = { domain: "example.org", selector: "gate", privateKey };
  return (await signMessage({ message: message(), key, at: AT })).toString("latin1");
}

const HEAD = "From: A <a@example.org>\r\nSubject: =?utf-8?q?x?=\r\n\ty\r\nX-Other: z\r\nMIME-Version : 1.0\r\n";
/** What canonicalisation is about, and a little content between. */
const BODY_TOKENS = ["\r\n", "\r\n", "\n", "\r", " ", "  ", "\t", "a", "bc", "\u0000", "\x0b", "\xe4", "\xff", "."];
const HEAD_TOKENS = [
  "\r\n ",
  "\r\n\t",
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  ":",
  "From",
  "To: x",
  "subject:",
  "\xe4",
  "b=1;",
];

const textOf = (tokens: readonly string[], maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...tokens), { maxLength }).map((parts) => parts.join(""));
const cutsOf = fc.array(fc.nat(300), { maxLength: 12 });

describe("the signature field is mailauth's own, byte for byte,", () => {
  test.each(["rsa", "ed25519"] as const)("whatever the body and however it is cut (%s)", async (kind) => {
    await fc.assert(
      fc.asyncProperty(textOf(BODY_TOKENS, 60), cutsOf, async (body, cuts) => {
        const bytes = Buffer.from(`${HEAD}\r\n${body}`, "latin1");
        expect(await ours(bytes, KEYS[kind], cuts)).toBe(await reference(bytes, KEYS[kind]));
      }),
      { numRuns: kind === "rsa" ? 400 : 100 },
    );
  });

  test("whatever the header section", async () => {
    await fc.assert(
      fc.asyncProperty(textOf(HEAD_TOKENS, 30), cutsOf, async (fields, cuts) => {
        const bytes = Buffer.from(`${HEAD}${fields}\r\n\r\nbody\r\n`, "latin1");
        expect(await ours(bytes, KEYS.rsa, cuts)).toBe(await reference(bytes, KEYS.rsa));
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ["no blank line after the header", HEAD],
    ["an empty body", `${HEAD}\r\n`],
    ["a body of blank lines", `${HEAD}\r\n \r\n\t\r\n\r\n`],
    ["bare line feeds", `${HEAD}\r\na \n\nb\n`.replaceAll("\r\n", "\n")],
    ["many blank lines before the last word", `${HEAD}\r\na${"\r\n".repeat(20_000)}b`],
    ["many trailing spaces", `${HEAD}\r\n${`${"word ".repeat(12)}\r\n`.repeat(3_000)}`],
    ["one line of many megabytes", `${HEAD}\r\n${"a b\t".repeat(1_000_000)}`],
    ["no white space at all", `${HEAD}\r\n${"a".repeat(200_000)}`],
  ])("for %s", async (_, text) => {
    const bytes = Buffer.from(text, "latin1");
    const cuts = Array.from({ length: 40 }, (_each, index) => index * 65_536);
    expect(await ours(bytes, KEYS.rsa, cuts)).toBe(await reference(bytes, KEYS.rsa));
  });
});
