import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, chainRow, EMPTY_CHAIN, GENESIS_HASH, hashRow } from "./audit-chain.ts";

const event = { at: 5, messageId: "m", recipientId: null, kind: "alert", body: '{"kind":"alert"}' } as const;

describe("canonical JSON", () => {
  test("is what JSON.parse reads back, and does not depend on the order of members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("x"), undefined])("refuses %s", (value) => {
    expect(() => canonicalJson({ value: [value] })).toThrow(TypeError);
  });

  test("leaves out members that are undefined, sorts by code unit and writes no spaces", () => {
    expect(canonicalJson({ b: 1, a: [null, true, "é"], c: undefined, B: {} })).toBe(
      '{"B":{},"a":[null,true,"é"],"b":1}',
    );
  });
});

/** The form as first released, in the plainest words. */
function released(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(released).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${released(member)}`).join(",")}}`;
}

const anyEvent = fc.object({
  key: fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("10", "9", "a", "B", "__proto__", "é", "\ud800")),
  values: [
    fc.string({ unit: "binary" }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  ],
});

describe("the chain", () => {
  test("never changes a released hash: the same text is hashed as at first", () => {
    fc.assert(
      fc.property(anyEvent, fc.nat(), fc.string({ unit: "binary" }), (value, seq, id) => {
        const body = canonicalJson(value);
        expect(body).toBe(released(value));
        const row = { ...event, seq, body, messageId: id, previousHash: GENESIS_HASH };
        const { previousHash, ...rest } = row;
        const text = previousHash + released(rest);
        expect(hashRow(row)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
      }),
    );
  });

  test("keeps its form: a released hash never changes", () => {
    expect(GENESIS_HASH).toBe("9b9ea95d3e5addf95a4f00b6a2c19cb4ad0c61ecabd744b17d64c0f1c792a2e3");
    const row = chainRow(event, EMPTY_CHAIN);
    expect(row).toMatchObject({ seq: 1, previousHash: GENESIS_HASH });
    expect(row.hash).toMatchInlineSnapshot(`"d79ecec9ed38c1f705072060dca5f085f13a135bddbe1037060a73fd879b07e2"`);
  });

  test("every part of a row is in its hash", () => {
    const row = chainRow(event, EMPTY_CHAIN);
    const others = [
      { seq: 2 },
      { at: 6 },
      { messageId: null },
      { recipientId: "m" },
      { kind: "held" as const },
      { body: "{}" },
      { previousHash: row.hash },
    ];
    const hashes = [row, ...others.map((other) => ({ ...row, ...other }))].map(hashRow);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
