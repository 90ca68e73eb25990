import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHostName, toQueryName } from "./host-name.ts";
import { isLoopback, parseServerAddress } from "./server-address.ts";

describe("host names", () => {
  test.each([
    ["MX.Example.ORG.", "mx.example.org"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["a", "a"],
    ["3com.example", "3com.example"],
    ["", null],
    [".", null],
    ["a..b", null],
    ["-a.example", null],
    ["a-.example", null],
    ["under_score.example", null],
    ["192.0.2.1", null],
    ["[192.0.2.1]", null],
    ["a b.example", null],
    ["a\r\nb.example", null],
    ["bücher.example", null],
    ["ban\u212a.example", null],
    [`${"a".repeat(64)}.example`, null],
    [`${"a.".repeat(127)}example`, null],
  ])("%j is %j", (text, expected) => {
    expect(toHostName(text)).toBe(expected);
  });

  test("names of services may hold underscores", () => {
    expect(toQueryName("_mta-sts.example.org")).toBe("_mta-sts.example.org");
  });

  test("whatever passes holds letters, digits, hyphens and dots only", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(toHostName(text) ?? "a").toMatch(/^[a-z0-9.-]+$/);
      }),
    );
  });
});

describe("server addresses", () => {
  test.each([
    ["127.0.0.1:5353", { host: "127.0.0.1", port: 5353, family: 4 }],
    ["192.0.2.1", { host: "192.0.2.1", port: 53, family: 4 }],
    ["[::1]:53", { host: "::1", port: 53, family: 6 }],
    ["[2001:db8::1]", { host: "2001:db8::1", port: 53, family: 6 }],
    ["2001:db8::1", { host: "2001:db8::1", port: 53, family: 6 }],
  ])("%s is read", (text, expected) => {
    expect(parseServerAddress(text)).toEqual(expected);
  });

  test.each(["localhost:53", "", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.256", "[::1", "[::1]:", "::1]:53"])(
    "%j is refused with words",
    (text) => {
      expect(() => parseServerAddress(text)).toThrow("is not an address; write it as");
    },
  );

  test.each([
    ["127.8.9.1", true],
    ["::1", true],
    ["0:0:0:0:0:0:0:1", true],
    ["192.0.2.1", false],
    ["2001:db8::1", false],
    ["::", false],
  ])("%s is loopback: %s", (text, expected) => {
    expect(isLoopback(parseServerAddress(text))).toBe(expected);
  });
});
