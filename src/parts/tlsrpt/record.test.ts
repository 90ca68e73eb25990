import { readFileSync } from "node:fs";
import { join } from "node:path";
import { array, assert, constantFrom, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import { chooseTlsrptRecord, parseTlsrptRecord } from "./record.ts";

type Case = { readonly txt: string; readonly result: { readonly rua: readonly string[] } | null };

const GOOD = "v=TLSRPTv1; rua=mailto:a@x.example";

const data = peers("transport-data");
test.skipIf(data.areMissing)(`every record of the collection is judged as it says${data.note}`, () => {
  const text = readFileSync(join(TRANSPORT_DATA, "tlsrpt-record.json"), "utf8");
  const { cases } = JSON.parse(text) as { readonly cases: readonly Case[] };
  expect(cases.length).toBeGreaterThan(10);
  expect(cases.map(({ txt }) => [txt, parseTlsrptRecord(txt)?.rua ?? null])).toEqual(
    cases.map(({ txt, result }) => [txt, result?.rua ?? null]),
  );
});

test.each<readonly [string, readonly string[] | null]>([
  ["v=TLSRPTv1;rua=https://x.example/r", ["https://x.example/r"]],
  ["v=TLSRPTv1; ext=1; rua=mailto:a@x.example", ["mailto:a@x.example"]],
  ["v=TLSRPTv1; a_b-c.d=x:y; rua=mailto:a@x.example; z=1;", ["mailto:a@x.example"]],
  ["v=TLSRPTv1; _a=1; rua=mailto:a@x.example", null],
  ["v=TLSRPTv1; rua=mailto:a@x.example; ext=", null],
  ["v=TLSRPTv1; rua=mailto:a@x.example; ext", null],
  ["v=TLSRPTv1; RUA=mailto:a@x.example", null],
  ["v=TLSRPTv1; rua=mailto:a@x.example,", null],
  ["v=TLSRPTv1; rua=mailto:\u00e4@x.example", null],
  ["v=TLSRPTv1 rua=mailto:a@x.example", null],
  [" v=TLSRPTv1; rua=mailto:a@x.example", null],
  ["", null],
  [`v=TLSRPTv1; rua=mailto:${"a".repeat(9_000)}@x.example`, null],
])("%s", (text, rua) => {
  expect(parseTlsrptRecord(text)?.rua ?? null).toEqual(rua);
});

describe("of what stands in DNS", () => {
  test.each([
    ["nothing", [], "absent"],
    ["other records", ["v=spf1 -all", "v=TLSRPTv10; rua=mailto:a@x.example", "v=TLSRPTv1"], "absent"],
    ["one among others", ["v=spf1 -all", GOOD], "found"],
    ["two", [GOOD, GOOD], "invalid"],
    ["a good one beside a malformed one", [GOOD, "v=TLSRPTv1; rua=none"], "invalid"],
    ["a malformed one", ["v=TLSRPTv1; rua=none"], "invalid"],
  ] as const)("%s", (_what, texts, kind) => {
    expect(chooseTlsrptRecord(texts).kind).toBe(kind);
  });
});

test("whatever the text, the parser ends, and its targets are printable and hold no separator", () => {
  const piece = constantFrom("v=TLSRPTv1", ";", "rua=", ",", " ", "\t", "mailto:a@b", "https://c/d", "x=1", "!", "é");
  assert(
    property(
      oneof(
        string(),
        array(piece).map((pieces) => pieces.join("")),
      ),
      (text) => {
        const record = parseTlsrptRecord(text);
        for (const target of record?.rua ?? []) expect(target).toMatch(/^[A-Za-z][A-Za-z0-9+.-]*:[!-+\--:<-~]+$/);
      },
    ),
  );
});
