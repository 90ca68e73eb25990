import { expect, test } from "vitest";
import type { Alert, AlertNotice } from "./core/alert.ts";
import type { AuditRow, EventBody } from "./core/event.ts";
import { tellLastLife } from "./last-life.ts";

const NOW = 1_764_000_000_000;
const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const MESSAGE = "01M80BSA3S4JSN3NSB7N6Q14C0";

type What = Extract<EventBody, { kind: "service" }>["what"];
const service = (what: What): EventBody => ({ kind: "service", what, configSha256: "", allowed: [] });
const untold = (at: number, code = "PST-DEC-001"): EventBody =>
  ({
    kind: "untold_alert",
    state: "raised",
    code,
    facts: {},
    count: 1,
    since: at,
    at,
    messages: [MESSAGE],
  }) as EventBody;
const alert = (code: string): EventBody => ({ kind: "alert", code }) as EventBody;

type Row = readonly [at: number, body: EventBody | string, messageId?: string];

async function told(rows: readonly Row[]): Promise<{ raised: readonly Alert[]; again: readonly AlertNotice[] }> {
  const raised: Alert[] = [];
  const again: AlertNotice[] = [];
  const page = rows.map(([at, body, messageId = null], i) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return { seq: i + 1, at, messageId, recipientId: null, kind: "alert", body: text, previousHash: "", hash: "" };
  }) as readonly AuditRow[];
  await tellLastLife(
    { auditHead: async () => ({ seq: page.length, hash: "" }), auditPage: async () => page },
    { resumed: 0, ambiguous: 0, now: NOW },
    { raise: (each) => void raised.push(each), tellOnceStarted: (each) => void again.push(...each) },
  );
  return { raised, again };
}

test.each<readonly [string, readonly Row[], readonly number[]]>([
  [
    "what the hook had not taken at the stop is told",
    [
      [0, service("started")],
      [5, untold(4)],
      [5, untold(5)],
      [6, service("stopped")],
    ],
    [4, 5],
  ],
  [
    "what was kept by a life before the last is not: the last told it, or kept it anew",
    [
      [1, untold(1)],
      [2, service("stopped")],
      [3, service("started")],
      [5, untold(4)],
      [6, service("stopped")],
    ],
    [4],
  ],
  [
    "what was told longer than a week ago is not",
    [
      [0, service("started")],
      [5, untold(-7 * DAY_MS)],
      [6, service("stopped")],
    ],
    [],
  ],
  [
    "a code this version does not know is not",
    [
      [0, service("started")],
      [5, untold(4, "PST-NEW-999")],
      [6, service("stopped")],
    ],
    [],
  ],
  [
    "what is no event is not",
    [
      [0, service("started")],
      [5, "{"],
      [6, service("stopped")],
    ],
    [],
  ],
])("after a stop %s", async (_, rows, expected) => {
  const placed = rows.map(([at, body, messageId]): Row => {
    const moved =
      typeof body === "object" && body.kind === "untold_alert" ? { ...body, at: NOW + body.at - 60_000 } : body;
    return messageId === undefined ? [NOW + at - 60_000, moved] : [NOW + at - 60_000, moved, messageId];
  });
  const { raised, again } = await told(placed);
  expect(raised).toEqual([]);
  expect(again.map(({ at }) => at - NOW + 60_000)).toEqual(expected);
});

test("a notice is told as it was", async () => {
  const { again } = await told([
    [NOW, service("started")],
    [NOW, untold(NOW)],
    [NOW, service("stopped")],
  ]);
  expect(again).toEqual([
    { state: "raised", code: "PST-DEC-001", facts: {}, count: 1, since: NOW, at: NOW, messages: [MESSAGE] },
  ]);
});

test("after a kill it is said, alerts of mail of the last quarter of an hour are raised anew, and so is what was kept in that time", async () => {
  const late = NOW - 5 * MINUTE_MS;
  const { raised, again } = await told([
    [NOW - 20 * MINUTE_MS, untold(NOW - 20 * MINUTE_MS)],
    [NOW - 20 * MINUTE_MS, alert("PST-DEC-002"), MESSAGE],
    [late, untold(late)],
    [late, service("stopped")],
    [late, service("started")],
    [late, untold(late)],
    [late, service("stopped")],
    [late, service("started")],
    [late, alert("PST-DEC-001"), MESSAGE],
    [late, alert("PST-NEW-999"), MESSAGE],
    [NOW, alert("PST-MON-001")],
  ]);
  expect(raised.map(({ code }) => code)).toEqual(["PST-MON-033", "PST-DEC-001"]);
  expect(again.map(({ at }) => at)).toEqual([late]);
});
