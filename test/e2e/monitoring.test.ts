/** The metrics of a real gateway that has seen good mail, bad mail and strangers, and what is never in them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readdirSync, readFileSync } from "node:fs";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { REASON_CODES } from "../../src/core/reason-codes.ts";
import { readLogPage } from "../tidy/log-rules.ts";
import { mail, World } from "../support/world.ts";

const SENDER = "canary.nurse@clinic.test";
const RECIPIENTS = [
  "canary.good@verified-canary.test",
  "canary.held@plain-canary.test",
  "canary.gone@nowhere-canary.test",
];

let world: World;
let page = "";

beforeAll(async () => {
  world = await World.start({
    zone: {
      "verified-canary.test": { MX: [[10, "mx.verified-canary.test"]] },
      "plain-canary.test": { MX: [[10, "mx.plain-canary.test"]] },
      "clinic.test": { MX: [[10, "mx.verified-canary.test"]] },
    },
    servers: [
      { name: "mx.verified-canary.test", address: "127.0.0.2", certificate: "valid" },
      { name: "mx.plain-canary.test", address: "127.0.0.3", certificate: "none" },
    ],
    config: { monitoring: { port: await freePort() } },
  });
  const bytes = mail([
    `From: ${SENDER}`,
    `To: ${RECIPIENTS.join(", ")}`,
    "Subject: Results for canary.subject@clinic.test",
    "",
    "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.",
  ]);
  const id = await world.accept({ mailFrom: SENDER, rcptTo: RECIPIENTS, bytes });
  await world.settled(id);
  await world.submit({ mailFrom: SENDER, rcptTo: ["canary bad@x"], bytes });
  page = await text("/metrics");
}, 60_000);
afterAll(() => world.close());

async function get(path: string): Promise<Response> {
  const address = world.postern.watching.address();
  return fetch(`http://${address?.host}:${address?.port}${path}`);
}

async function text(path: string): Promise<string> {
  return (await get(path)).text();
}

/** Samples of a metric whose labels hold these texts. */
function valueOf(name: string, ...labels: readonly string[]): number {
  const lines = page.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describe("the metrics of a gateway that worked", () => {
  test.each<readonly [name: string, labels: readonly string[], value: number]>([
    ["postern_messages_accepted_total", ['origin="relay"', 'submitter="local"'], 1],
    ["postern_recipients_accepted_total", ['origin="relay"'], 3],
    ["postern_messages_inspected_total", ['verdict="phi"'], 1],
    ["postern_protection_selected_total", ['step="transport"'], 2],
    ["postern_recipients_delivered_total", ['rung="pkix"'], 1],
    ["postern_recipients_held_total", ['code="PST-DEC-001"'], 1],
    ["postern_recipients_failed_total", ['code="PST-DEC-004"'], 1],
    ["postern_unmet_total", ['code="PST-DLV-007"'], 1],
    ["postern_queue_recipients", ['state="held"'], 1],
    ["postern_accept_refusals_total", ['code="PST-ACC-018"'], 1],
    ["postern_service_events_total", ['event="started"'], 1],
    ["postern_ready", [], 1],
    ["postern_build_info", [], 1],
  ])("%s %j", (name, labels, value) => {
    // Reports to the sender are delivered meanwhile: at least what the message itself did.
    expect(valueOf(name, ...labels)).toBeGreaterThanOrEqual(value);
  });

  test("every figure the state gives is there", () => {
    for (const name of [
      "postern_delivery_seconds_count",
      "postern_dlp_rule_hits_total",
      "postern_attempts_total",
      "postern_tls_handshakes_total",
      "postern_messages_accepted_bytes_total",
      "postern_held_next_deadline_timestamp_seconds",
      "postern_audit_head_seq",
      "postern_disk_free_bytes",
      "postern_spool_syncs_total",
      "postern_certificate_not_after_timestamp_seconds",
      "nodejs_eventloop_lag_max_seconds",
      "process_resident_memory_bytes",
    ]) {
      expect([name, valueOf(name) > 0]).toEqual([name, true]);
    }
  });

  test("names are those of the convention: one prefix, base units, _total for what only grows", () => {
    const types = [...page.matchAll(/^# TYPE (postern_\S+) (\S+)$/gm)];
    expect(types.length).toBeGreaterThan(35);
    for (const [, name = "", type] of types) {
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|minutes|hours)(_|$)/);
    }
  });
});

describe("what is never in them", () => {
  test("no address, no domain, no host, no id", () => {
    expect(page).not.toContain("canary");
    expect(page).not.toContain("@");
    expect(page).not.toContain("clinic");
    expect(page).not.toContain(".test");
    expect(page).not.toMatch(/\b[0-9A-HJKMNP-TV-Z]{26}\b/);
    expect(page).not.toContain("127.0.0.");
  });

  test("labels are few: no metric has more than a hundred series", () => {
    const series = new Map<string, number>();
    for (const line of page.split("\n").filter((one) => one.startsWith("postern_"))) {
      const name = line.split(/[{ ]/, 1)[0] ?? "";
      series.set(name, (series.get(name) ?? 0) + 1);
    }
    expect([...series].filter(([, count]) => count > 100)).toEqual([]);
  });
});

describe("what is shipped for Prometheus and Grafana", () => {
  const folder = "config/monitoring";
  const shipped = readdirSync(folder).map((name) => ({ name, text: readFileSync(`${folder}/${name}`, "utf8") }));
  const namesIn = (text: string): readonly string[] => [
    ...new Set(text.match(/\b(?:postern|nodejs|process)_[a-z0-9_]+/g) ?? []),
  ];
  const LABELS = /\b((?:postern|nodejs|process)_[a-z0-9_]+)\{([^}]*)\}/g;

  test.each(shipped.map(({ name }) => name))("every metric named in %s is there", (name) => {
    const text = shipped.find((file) => file.name === name)?.text ?? "";
    const there = new Set(
      [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, metric = "", type]) =>
        type === "histogram" ? [`${metric}_bucket`, `${metric}_sum`, `${metric}_count`] : [metric],
      ),
    );
    const named = namesIn(text);
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((metric) => !there.has(metric))).toEqual([]);
  });

  test("every label they ask for is one the metric has, and every code is in the catalogue", () => {
    const all = shipped.map(({ text }) => text.replaceAll('\\"', '"')).join("\n");
    const asked = [...all.matchAll(LABELS)].flatMap(([, metric = "", labels = ""]) =>
      [...labels.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => [metric, label] as const),
    );
    const own = asked.filter(([, label]) => label !== "instance" && label !== "job");
    expect(own.length).toBeGreaterThan(5);
    const sampled = own.filter(([metric]) => page.includes(`\n${metric}{`));
    expect(sampled.filter(([metric, label]) => !new RegExp(`\n${metric}\\{[^}]*${label}="`).test(page))).toEqual([]);
    const codes = all.match(/PST-[A-Z]{3}-\d{3}/g) ?? [];
    expect(codes.filter((code) => !Object.hasOwn(REASON_CODES, code))).toEqual([]);
  });

  test("of our metrics none goes unseen by the dashboard or the rules without a reason", () => {
    const seen = new Set(
      namesIn(shipped.map(({ text }) => text).join("\n")).map((name) => name.replace(/_bucket$/, "")),
    );
    const unseen = [...page.matchAll(/^# TYPE (postern_\S+)/gm)].flatMap(([, name = ""]) =>
      seen.has(name) ? [] : [name],
    );
    // For questions of the day rather than for a glance.
    expect(unseen.toSorted()).toEqual([
      "postern_attempts_total",
      "postern_audit_events_total",
      "postern_commit_waiting_requests",
      "postern_message_size_bytes",
      "postern_messages_accepted_bytes_total",
      "postern_operator_acts_total",
      "postern_possible_duplicates_total",
      "postern_recipients_accepted_total",
      "postern_reports_total",
      "postern_service_events_total",
      "postern_spool_written_bytes_total",
      "postern_tls_sessions_total",
    ]);
  });
});

test("every line of the log is one that docs/log-events.md explains, with those fields", () => {
  const rows = new Map(readLogPage(readFileSync("docs/log-events.md", "utf8")).map((row) => [row.event, row]));
  const lines = world.log.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const unexplained = lines.flatMap(({ event, level, time: _time, ...fields }) => {
    const row = rows.get(String(event));
    const isKnown = row?.levels.includes(String(level)) === true;
    return isKnown && Object.keys(fields).every((field) => row.fields.includes(field))
      ? []
      : [{ event, level, fields }];
  });
  expect(lines.length).toBeGreaterThan(5);
  expect(unexplained).toEqual([]);
});

test("a running gateway is healthy and ready", async () => {
  expect((await get("/healthz")).status).toBe(200);
  expect(await (await get("/readyz")).json()).toEqual({ status: "ready", reasons: [] });
});
