/** Names and TLSA records as anybody may publish them: what passes is what its promise says, and nothing throws. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isUsable } from "../../src/parts/dane/usable.ts";
import { shortTlsa, tlsaText } from "../../src/parts/dane/tlsa-text.ts";
import { extensionsOf, pathLengthIn } from "../../src/parts/dane/certificate-extensions.ts";
import { toHostName, toQueryName } from "../../src/parts/dns/host-name.ts";
import { readTlsa } from "../../src/parts/dns/tlsa.ts";
import { readTlsa as fromText } from "../support/dane-rig.ts";
import { fuzz, FUZZ_TIMEOUT_MS } from "../support/fuzz.ts";

/** By its octets, apart from the code under test (RFC 952, RFC 1123 section 2.1). */
function isHostName(name: string): boolean {
  const labels = name.split(".");
  const isLabel = (label: string): boolean =>
    label.length > 0 &&
    label.length <= 63 &&
    [...Buffer.from(label)].every((octet) =>
      "abcdefghijklmnopqrstuvwxyz0123456789-".includes(String.fromCharCode(octet)),
    ) &&
    !label.startsWith("-") &&
    !label.endsWith("-");
  const last = labels.at(-1) ?? "";
  return name.length <= 253 && labels.every(isLabel) && /[^0-9]/.test(last);
}

/** Nearly names: letters that look alike, fold alike, or end lines. */
const nearName = fc
  .array(
    fc.constantFrom(
      ..."aZk09-._".split(""),
      "\u212a",
      "\u0130",
      "\u017f",
      "\u0131",
      "\u3002",
      "\uff0e",
      "\u0000",
      "\n",
      "\r",
      " ",
      "*",
      "[",
      "]",
      ":",
      "%",
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));
const anyText = fc.oneof(nearName, fc.string({ unit: "binary", maxLength: 300 }), fc.domain());

describe("names", () => {
  test(
    "that pass as host names are ones by their octets, lowered from ASCII alone, and pass again unchanged",
    () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const name = toHostName(text);
          if (name === null) return;
          expect(isHostName(name)).toBe(true);
          expect(Buffer.byteLength(text)).toBe(name.length + (text.endsWith(".") ? 1 : 0));
          expect(toHostName(name)).toBe(name);
          expect(toQueryName(text)).toBe(name);
        }),
        fuzz(3_000),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    "that are host names pass in any case, with and without the last dot",
    () => {
      const cased = fc.tuple(fc.domain().filter(isHostName), fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }));
      fc.assert(
        fc.property(cased, fc.boolean(), ([name, upper], hasDot) => {
          const text = name
            .split("")
            .map((letter, at) => (upper[at % upper.length] === true ? letter.toUpperCase() : letter));
          expect(toHostName(`${text.join("")}${hasDot ? "." : ""}`)).toBe(name);
        }),
        fuzz(300),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe("TLSA records", () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 90 }),
    fc
      .tuple(fc.nat(4), fc.nat(2), fc.nat(3), fc.constantFrom(0, 1, 31, 32, 33, 63, 64, 65))
      .map(([usage, selector, matching, length]) =>
        Uint8Array.of(usage, selector, matching, ...Buffer.alloc(length, 0xa5)),
      ),
    // The start of something in DER, with lengths that lie.
    fc
      .tuple(fc.constantFrom(2, 3), fc.nat(1), fc.uint8Array({ maxLength: 80 }))
      .map(([usage, selector, rest]) => Uint8Array.of(usage, selector, 0, 0x30, ...rest)),
  );

  test(
    "of any octets are read whole or not at all, and usable only as RFC 7672 says",
    () => {
      fc.assert(
        fc.property(octets, (rdata) => {
          const record = readTlsa(rdata);
          expect(record === null).toBe(rdata.length < 3);
          fc.pre(record !== null);
          expect([record.usage, record.selector, record.matching, ...record.data]).toEqual([...rdata]);
          expect(fromText(tlsaText(record))).toEqual({ ...record, data: Buffer.from(record.data) });
          expect(shortTlsa(record)).toMatch(/^\d{1,3} \d{1,3} \d{1,3} [0-9a-f]{0,8}…?$/);
          const length = { 0: record.data.length, 1: 32, 2: 64 }[record.matching];
          const isLawful =
            [2, 3].includes(record.usage) && [0, 1].includes(record.selector) && record.data.length === length;
          expect(isUsable(record) && !isLawful).toBe(false);
        }),
        fuzz(1_500),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  test(
    "and certificates that are none never throw where their extensions are read",
    () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
          extensionsOf(der);
          extensionsOf(Uint8Array.of(0x30, der.length & 0x7f, ...der));
          const limit = pathLengthIn(der);
          expect(limit === null || limit >= 0).toBe(true);
        }),
        fuzz(1_500),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
