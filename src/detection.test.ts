/** What a look at the service tells the alert desk. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Alert } from "./core/alert.ts";
import type { NewEvent } from "./core/event.ts";
import type { Submission } from "./core/submission.ts";
import { Detection } from "./detection.ts";
import type { Look } from "./detection.ts";
import { configSchema } from "./parts/config/config-schema.ts";
import { camelCased } from "./parts/config/camel-case.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_000_000 * HOUR;
const QUIET: Look = {
  now: NOW,
  queue: { nextDueAt: null, inFlight: 0 },
  heldNear: 0,
  freeBytes: 1e12,
  certificates: { listener: { notBefore: 0, notAfter: NOW + 90 * 24 * HOUR } },
  indexes: { patients: NOW - 6 * 24 * HOUR, young: NOW + HOUR },
  writerMs: 1,
};

let standing: Map<string, readonly Alert[]>;
let raised: Alert[];
let detection: Detection;

beforeEach(() => {
  standing = new Map();
  raised = [];
  const options = { ...camelCased(configSchema.parse({ version: 1 })).alerts, webhook: null };
  const alerting = {
    observe: (topic: string, alerts: readonly Alert[]) => void standing.set(topic, alerts),
    raise: (alert: Alert) => void raised.push(alert),
    tick: () => undefined,
  };
  detection = new Detection(options, alerting, NOW - 3 * HOUR);
});

const codes = (): readonly string[] => [...standing.values()].flat().map(({ code }) => code);
const event = (body: NewEvent["body"], at = NOW): NewEvent => ({ at, messageId: "M", recipientId: null, body });

test("a quiet service raises nothing, and every topic was looked at", () => {
  detection.look(QUIET);
  expect(codes()).toEqual([]);
  expect([...standing.keys()]).toEqual([
    "queue",
    "held",
    "certificates",
    "indexes",
    "disk",
    "writer",
    "auth",
    "volume",
  ]);
});

describe("a look that finds", () => {
  test.each<readonly [string, Partial<Look>, object]>([
    [
      "held mail near its deadline",
      { heldNear: 3 },
      { code: "PST-MON-021", facts: { recipients: 3, within_hours: 24 } },
    ],
    [
      "a certificate near its end",
      { certificates: { listener: { notBefore: 0, notAfter: NOW + 50 * HOUR } } },
      { code: "PST-MON-022", facts: { certificate: "listener", level: "urgent", days: 2 } },
    ],
    [
      "an index that nobody builds anew",
      { indexes: { patients: NOW, staff: NOW - 7 * 24 * HOUR } },
      { code: "PST-EDM-007", facts: { index: "staff", days: 7 } },
    ],
    ["a slow writer", { writerMs: 7_400 }, { code: "PST-MON-026", facts: { seconds: 7 } }],
  ])("%s says so", (_, change, alert) => {
    detection.look({ ...QUIET, ...change });
    expect([...standing.values()].flat()).toEqual([alert]);
  });

  test("what cannot be learned ends no alert", () => {
    detection.look({ ...QUIET, queue: null, heldNear: null, freeBytes: null });
    expect([...standing.keys()]).toEqual(["certificates", "indexes", "writer", "auth", "volume"]);
  });

  test("a queue that stands still says so at the second look, and that it moves at once", () => {
    const still = { ...QUIET, queue: { nextDueAt: NOW - HOUR, inFlight: 2 } };
    detection.look(still);
    expect(standing.get("queue")).toBeUndefined();
    detection.look(still);
    expect(standing.get("queue")).toEqual([{ code: "PST-MON-020", facts: { minutes: 60, in_flight: 2 } }]);
    detection.committed([event({ kind: "held", code: "PST-DEC-001", deadlineAt: NOW })]);
    detection.look(still);
    expect(standing.get("queue")).toEqual([]);
  });

  test("fifty wrong passwords in ten minutes say so, and they are forgotten", () => {
    for (let n = 0; n < 50; n += 1) {
      detection.heard({ level: "info", event: "accept_refused", fields: { code: "PST-ACC-010" } }, NOW);
      detection.heard({ level: "info", event: "accept_refused", fields: { code: "PST-ACC-011" } }, NOW);
    }
    detection.look(QUIET);
    expect(standing.get("auth")).toEqual([{ code: "PST-MON-025", facts: { failures: 50 } }]);
    detection.look({ ...QUIET, now: NOW + 11 * MINUTE });
    expect(standing.get("auth")).toEqual([]);
  });

  test("a disk that fills says when it is full", () => {
    for (let minute = 0; minute <= 40; minute += 1) {
      detection.look({ ...QUIET, now: NOW + minute * MINUTE, freeBytes: 1000 - 10 * minute });
    }
    expect(standing.get("disk")).toEqual([{ code: "PST-MON-023", facts: { hours: 1, free_bytes: 600 } }]);
  });
});

describe("volume", () => {
  const submission = (id: string, change: object = {}): Submission =>
    ({
      id,
      origin: "relay",
      submitter: { submitter: "local" },
      envelope: { sender: { address: "Ann@clinic.test" } },
      recipients: [{}],
      ...change,
    }) as unknown as Submission;
  const sealer = { index: (text: string) => `hash-of-${text.length}` } as never;

  test("a sender and a submitter that send far more than before are named, the sender by a hash", () => {
    for (let n = 0; n < 250; n += 1) detection.submitted(submission(`M${n}`), NOW, sealer);
    detection.look(QUIET);
    expect(standing.get("volume")).toEqual(
      [{ submitter: "local" }, { sender: "hash-of-15" }].map((name) => ({
        code: "PST-MON-024",
        facts: { ...name, measure: "messages", count: 250, baseline: 0, minutes: 10 },
      })),
    );
  });

  test("what inspection finds counts for who sent it; our own mail counts for nobody", () => {
    const findings = {
      verdict: "phi",
      tier: "low",
      hits: [],
      uninspectable: [],
      triggers: [],
      packs: [],
      engine: "",
      count: 1,
    };
    for (let n = 0; n < 60; n += 1) {
      detection.submitted(submission(`M${n}`), NOW, sealer);
      detection.submitted(submission(`D${n}`, { origin: "dsn", recipients: Array(1000) }), NOW, sealer);
      detection.committed([{ ...event({ kind: "inspected", findings } as never), messageId: `M${n}` }]);
    }
    detection.look(QUIET);
    expect(standing.get("volume")?.map(({ facts }) => facts?.["measure"])).toEqual(["phi", "phi"]);
  });
});

test("a chore that fails and bodies that are missing are raised from the log, which alone tells of them", () => {
  detection.heard({ level: "error", event: "duty_failed", fields: { duty: "reap", code: "PST-PIP-003" } }, NOW);
  detection.heard({ level: "error", event: "bodies_missing", fields: { code: "PST-SPL-004", count: 2 } }, NOW);
  expect(raised).toEqual([
    { code: "PST-MON-032", facts: { duty: "reap" } },
    { code: "PST-SPL-004", facts: { bodies: 2 } },
  ]);
});

describe("events", () => {
  test("a refused reload stands until one is taken", () => {
    const service = (what: "reload_refused" | "reloaded"): NewEvent =>
      event({ kind: "service", what, configSha256: "", allowed: [] });
    detection.committed([service("reload_refused")]);
    expect(standing.get("reload")).toEqual([{ code: "PST-CFG-002" }]);
    detection.committed([service("reloaded")]);
    expect(standing.get("reload")).toEqual([]);
  });
});
