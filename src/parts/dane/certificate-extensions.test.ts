import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { X509Certificate } from "node:crypto";
import { issueAuthority } from "../keys/issue-certificate.ts";
import { extensionsOf, pathLengthIn } from "./certificate-extensions.ts";

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex");

describe("the limit of path length", () => {
  test.each<[what: string, hex: string, length: number | null]>([
    ["an authority without limit", "30030101ff", Infinity],
    ["no authority", "3000", Infinity],
    ["none between", "30060101ff020100", 0],
    ["three between", "30060101ff020103", 3],
    ["a negative number", "30060101ff0201ff", null],
    ["a number of two octets", "30070101ff02020100", null],
    ["cut short", "30060101ff0201", null],
    ["no sequence", "0101ff", null],
    ["nothing", "", null],
  ])("%s", (_what, hex, length) => {
    expect(pathLengthIn(bytes(hex))).toBe(length);
  });
});

describe("extensions", () => {
  const certificate = issueAuthority({ commonName: "CA", notBefore: Date.now(), notAfter: Date.now() + 86_400_000 });

  test("of an authority are read with their weight", async () => {
    const { raw } = new X509Certificate((await certificate).certPem);
    const read = extensionsOf(raw)?.map(({ oid, isCritical }) => `${oid}${isCritical ? " critical" : ""}`);
    expect(read).toEqual(expect.arrayContaining(["2.5.29.19 critical", "2.5.29.15 critical", "2.5.29.14"]));
  });

  test("of a certificate that is cut anywhere are not read in part", async () => {
    const { raw } = new X509Certificate((await certificate).certPem);
    for (let end = 0; end < raw.length; end += 1) expect(extensionsOf(raw.subarray(0, end))).toBeNull();
  });

  test("any bytes give a list or none, and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
        const read = extensionsOf(der);
        expect(read === null || Array.isArray(read)).toBe(true);
      }),
    );
  });
});
