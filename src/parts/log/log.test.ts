import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createLog } from "./log.ts";

function capture(level: "debug" | "info" = "debug") {
  const lines: string[] = [];
  return { log: createLog(level, { write: (line) => void lines.push(line) }), lines };
}

test("a record is one JSON line with level, time, event and the given fields", () => {
  const { log, lines } = capture();
  log.info("attempt ended", {
    recipient: "01ARZ3NDEKTSV4RRFFQ69G5FAV.1",
    code: "PST-DLV-001",
    attempts: 2,
    reused: false,
  });
  expect(lines).toHaveLength(1);
  const record = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  expect(record).toMatchObject({
    level: "info",
    event: "attempt ended",
    code: "PST-DLV-001",
    attempts: 2,
    reused: false,
  });
  expect(record["time"]).toMatch(/^\d{4}-\d\d-\d\dT/);
  expect(Object.keys(record).toSorted()).toEqual(["attempts", "code", "event", "level", "recipient", "reused", "time"]);
});

test("records below the level are not written", () => {
  const { log, lines } = capture("info");
  log.debug("lane opened");
  log.warn("lane closed");
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(["lane closed"]);
});

test.each([
  ["plain", "jane.doe@example.org", "***@example.org"],
  ["in angle brackets", "<jane@example.org>", "<***@example.org>"],
  ["quoted local part", '"jane doe"@example.org', "***@example.org"],
  ["several", "a@x.example,b@y.example", "***@x.example,***@y.example"],
  ["non-ASCII local part", "jürgen@example.org", "***@example.org"],
  ["masked already", "***@example.org", "***@example.org"],
  ["no address", "mx1.example.org", "mx1.example.org"],
])("an address in a value loses its local part: %s", (_, value, expected) => {
  const { log, lines } = capture();
  log.warn("event", { value });
  log.warn(value);
  const [first, second] = lines.map((line) => JSON.parse(line) as { value?: string; event: string });
  expect(first?.value).toBe(expected);
  expect(second?.event).toBe(expected);
});

test("a value is cut at 512 characters", () => {
  const { log, lines } = capture();
  log.error("event", { value: "x".repeat(5000) });
  expect((JSON.parse(lines[0] ?? "") as { value: string }).value).toHaveLength(513);
});

test("no local part of letters and digits survives, wherever the address stands", () => {
  const local = fc.stringMatching(/^[a-z0-9.+_-]{6,20}$/);
  const around = fc.constantFrom("", " ", "<", ", ", "to:", "(", "[");
  fc.assert(
    fc.property(local, around, (name, before) => {
      const { log, lines } = capture();
      log.info("event", { value: `${before}${name}@example.org` });
      expect(lines[0]).not.toContain(`${name}@`);
    }),
  );
});
