import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readTlsa } from "../../../test/support/dane-rig.ts";
import { peers } from "../../../test/support/peers.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import { isUsable } from "./usable.ts";

const certificate = new X509Certificate(rootCertificates[0] ?? "");
const whole = new Uint8Array(certificate.raw);
const key = new Uint8Array(certificate.publicKey.export({ type: "spki", format: "der" }));
const digest = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x22);
const and = (data: Uint8Array, ...more: readonly number[]): Uint8Array => Uint8Array.from([...data, ...more]);

describe("a record", () => {
  test.each<[string, readonly [number, number, number], Uint8Array, boolean]>([
    ["a SHA-256 digest of a key", [3, 1, 1], digest(32), true],
    ["a SHA-512 digest of an authority's certificate", [2, 0, 2], digest(64), true],
    ["a whole certificate", [2, 0, 0], whole, true],
    ["a whole key", [3, 1, 0], key, true],
    ["the usage PKIX-TA", [0, 0, 1], digest(32), false],
    ["the usage PKIX-EE", [1, 1, 1], digest(32), false],
    ["a private usage", [255, 1, 1], digest(32), false],
    ["an unknown selector", [3, 2, 1], digest(32), false],
    ["an unknown matching type", [3, 1, 3], digest(32), false],
    ["a digest that is too short", [3, 1, 1], digest(31), false],
    ["a digest that is too long", [3, 1, 1], digest(33), false],
    ["a SHA-512 digest with the length of SHA-256", [3, 1, 2], digest(32), false],
    ["no data", [3, 1, 1], digest(0), false],
    ["no certificate", [2, 0, 0], digest(0), false],
    ["a key in the place of a certificate", [2, 0, 0], key, false],
    ["a certificate in the place of a key", [3, 1, 0], whole, false],
    ["a certificate with something behind it", [2, 0, 0], and(whole, 0), false],
    ["a key with something behind it", [3, 1, 0], and(key, 0x30, 0), false],
    ["a certificate cut short", [2, 0, 0], whole.subarray(0, -1), false],
    ["text", [3, 1, 0], Buffer.from("-----BEGIN PUBLIC KEY-----"), false],
  ])("with %s", (_name, [usage, selector, matching], data, expected) => {
    expect(isUsable({ usage, selector, matching, data })).toBe(expected);
  });

  test("of any numbers and octets is judged without an exception, and usable only within the rules", () => {
    const octet = fc.oneof(fc.nat(4), fc.nat(255));
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.constantFrom(digest(32), digest(64)),
      fc.nat(key.length).map((end) => key.subarray(0, end)),
      fc.nat(key.length - 1).map((at) => key.map((value, index) => (index === at ? value ^ 0x40 : value))),
    );
    const record = fc.record({ usage: octet, selector: octet, matching: octet, data });
    fc.assert(
      fc.property(record, (given) => {
        const isWithin = [2, 3].includes(given.usage) && given.selector <= 1 && given.matching <= 2;
        expect(isUsable(given) && !isWithin).toBe(false);
      }),
    );
  });
});

type Case = { readonly id: string; readonly tlsa: readonly string[] };
const data = peers("transport-data");

describe.skipIf(data.areMissing)(`vectors judged by others${data.note}`, () => {
  const vectors = (): { readonly cases: readonly Case[]; readonly unusable: readonly Case[] } =>
    JSON.parse(readFileSync(join(TRANSPORT_DATA, "dane-tlsa-vectors.json"), "utf8")) as ReturnType<typeof vectors>;
  const verdicts = (cases: readonly Case[]): readonly string[] =>
    cases.flatMap(({ id, tlsa }) => tlsa.map((text) => `${id} ${isUsable(readTlsa(text)) ? "usable" : "unusable"}`));

  test("none that is useless is used", () => {
    const judged = verdicts(vectors().unusable);
    expect(judged.length).toBeGreaterThan(10);
    expect(judged.filter((line) => !line.endsWith(" unusable"))).toEqual([]);
  });

  test("none that proves or refutes something is left out", () => {
    const judged = verdicts(vectors().cases);
    expect(judged.length).toBeGreaterThan(29);
    expect(judged.filter((line) => !line.endsWith(" usable"))).toEqual([]);
  });
});
