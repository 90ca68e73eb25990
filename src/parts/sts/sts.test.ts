/** TXT records, policies and patterns, judged by the lists others judge by (shared/data/transport). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import type { StsPolicy } from "../../core/sts.ts";
import { matchesMx } from "./mx-match.ts";
import { MAX_AGE_SECONDS_MAX, POLICY_BYTES_MAX, readPolicy } from "./policy.ts";
import type { ReadPolicy } from "./policy.ts";
import { readStsRecord } from "./txt-record.ts";

const given = peers("transport-data");
function casesOf(file: string): readonly unknown[] {
  if (given.areMissing) return [];
  return (JSON.parse(readFileSync(join(TRANSPORT_DATA, file), "utf8")) as { readonly cases: readonly unknown[] }).cases;
}

type TxtCase = {
  readonly id: string;
  readonly records: readonly (readonly string[])[];
  readonly result: { readonly id?: string; readonly none?: true };
};
type MxCase = { readonly pattern: string; readonly host: string; readonly match: boolean };
type PolicyCase = {
  readonly id: string;
  readonly body: string;
  readonly result: Partial<StsPolicy> & {
    readonly maxAge?: number;
    readonly invalid?: true;
    readonly invalidOrNoUsableMx?: true;
    readonly matches?: readonly string[];
    readonly notMatches?: readonly string[];
  };
};

const txt = casesOf("mta-sts-txt.json") as readonly TxtCase[];
const mx = casesOf("mta-sts-mx-match.json") as readonly MxCase[];
const policies = casesOf("mta-sts-policy.json") as readonly PolicyCase[];
const read = (body: string) => readPolicy(Buffer.from(body));

describe.skipIf(given.areMissing)(`the lists of others${given.note}`, () => {
  test("are all there", () => {
    expect([txt.length, mx.length, policies.length]).toEqual([14, 14, 22]);
  });

  test.each(txt)("TXT $id", ({ records, result }) => {
    expect(readStsRecord(records.map((strings) => strings.join("")))).toBe(result.id ?? null);
  });

  test.each(mx)("$pattern and $host: $match", ({ pattern, host, match }) => {
    expect(matchesMx([pattern], host)).toBe(match);
  });

  const isInvalid = ({ result }: PolicyCase): boolean => result.invalid === true || result.invalidOrNoUsableMx === true;

  test.each(policies.filter(isInvalid))("policy $id is none", ({ body }) => {
    expect(read(body).kind).toBe("invalid");
  });

  test.each(policies.filter((one) => !isInvalid(one)))("policy $id", ({ body, result }) => {
    const { maxAge, matches = [], notMatches = [], ...same } = result;
    const policy = { ...same, ...(maxAge === undefined ? {} : { maxAgeSeconds: maxAge }) };
    const got = read(body);
    expect(got).toMatchObject({ kind: "policy", policy });
    const patterns = got.kind === "policy" ? got.policy.mx : [];
    expect(matches.filter((host) => !matchesMx(patterns, host))).toEqual([]);
    expect(notMatches.filter((host) => matchesMx(patterns, host))).toEqual([]);
  });
});

describe("TXT records", () => {
  test.each<[what: string, records: readonly string[], id: string | null]>([
    ["two of this version", ["v=STSv1; id=a;", "v=STSv1; id=a;"], null],
    ["two of this version, one broken", ["v=STSv1; id=a;", "v=STSv1; x"], null],
    ["an empty id", ["v=STSv1; id=;"], null],
    ["no id", ["v=STSv1; x=y;"], null],
    ["two ids: the first", ["v=STSv1; id=a; id=b"], "a"],
    ["an empty field in between", ["v=STSv1;; id=a"], null],
    ["a blank at the end", ["v=STSv1; id=a; "], "a"],
    ["a line break in a field", ["v=STSv1; id=a;\nx=y"], null],
  ])("%s", (_what, records, id) => expect(readStsRecord(records)).toBe(id));

  test("any text gives an id of 1 to 32 letters and digits, or none", () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom("v=STSv1", ";", "id=", "a", " ", "=", "\t") }),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (records) => {
        expect(readStsRecord(records) ?? "none").toMatch(/^[A-Za-z0-9]{1,32}$/);
      }),
    );
  });
});

function isWithinLimits(got: ReadPolicy): boolean {
  if (got.kind === "invalid") return got.why !== "";
  const { mode, mx: patterns, maxAgeSeconds } = got.policy;
  const isAge = Number.isInteger(maxAgeSeconds) && maxAgeSeconds >= 0 && maxAgeSeconds <= MAX_AGE_SECONDS_MAX;
  const arePatterns = patterns.every((pattern) => /^(?:\*\.)?[a-z0-9.-]+$/.test(pattern));
  return isAge && arePatterns && (mode === "none" || patterns.length > 0);
}

describe("policies", () => {
  const lines = fc.array(
    fc.oneof(
      fc.constantFrom("version: STSv1", "mode: enforce", "mode: none", "mx: *.a.test", "mx: b.test", "max_age: 9"),
      fc.string(),
    ),
    { maxLength: 12 },
  );

  test("any bytes give a policy within its limits, or a reason", () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      lines.map((some) => Buffer.from(some.join("\r\n"))),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        expect(isWithinLimits(readPolicy(body))).toBe(true);
      }),
    );
  });

  test("of which a line is added that is no field are what they were", () => {
    const body = "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 60\n";
    const strange = fc.string().filter((line) => !/^(?:version|mode|mx|max_age):|[\r\n]/.test(line));
    fc.assert(
      fc.property(strange, (line) => {
        expect(read(`${body}${line}\n`)).toEqual(read(body));
      }),
    );
  });

  test("larger than the limit are none", () => {
    const body = "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 60\n";
    expect(read(body.padEnd(POLICY_BYTES_MAX, "x")).kind).toBe("policy");
    expect(read(body.padEnd(POLICY_BYTES_MAX + 1, "x")).kind).toBe("invalid");
  });

  test.each(["MODE: enforce", "mode: Enforce", "mode: enforce mode"])("%s is no mode", (mode) => {
    expect(read(`version: STSv1\n${mode}\nmx: a.test\nmax_age: 60\n`).kind).toBe("invalid");
  });
});

describe("patterns", () => {
  test.each<[pattern: string, host: string, match: boolean]>([
    ["*.*.example.com", "a.b.example.com", false],
    ["*.", "a.", false],
    ["*.192.0.2.1", "x.192.0.2.1", false],
    ["192.0.2.1", "192.0.2.1", false],
    ["bücher.example", "xn--bcher-kva.example", false],
    ["xn--bcher-kva.example.", "XN--BCHER-KVA.example", true],
    ["test", "test", true],
    ["*.test", "test", false],
  ])("%s and %s: %s", (pattern, host, match) => expect(matchesMx([pattern], host)).toBe(match));

  test("a wildcard matches every single label and never two or none", () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
    fc.assert(
      fc.property(label, label, (one, two) => {
        expect(matchesMx(["*.example.test"], `${one}.example.test`)).toBe(true);
        expect(matchesMx(["*.example.test"], `${one}.${two}.example.test`)).toBe(false);
        expect(matchesMx([`*.${two}.test`], `${two}.test`)).toBe(false);
      }),
    );
  });
});
