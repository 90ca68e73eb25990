import { gunzipSync } from "node:zlib";
import {
  array,
  assert,
  constantFrom,
  domain as anyDomain,
  integer,
  oneof,
  option,
  property,
  record,
  string,
} from "fast-check";
import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { TLS_FAILURES, TLS_POLICY_TYPES } from "../../core/tls-results.ts";
import { composeTlsReport } from "../mime/compose-tls-report.ts";
import { totalsOf } from "./domain-days.ts";
import type { DomainDay } from "../../core/tls-results.ts";
import { buildReport, gzipReport } from "./report.ts";
import type { ReportFrom } from "./report.ts";

/** RFC 8460 section 4.4, field by field. */
const count = z.int().min(0);
const moment = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
const SCHEMA = z.strictObject({
  "organization-name": z.string().min(1),
  "date-range": z.strictObject({ "start-datetime": moment, "end-datetime": moment }),
  "contact-info": z.string().min(1),
  "report-id": z.string().regex(/^[0-9]{8}\.[0-9a-f]{20}@[^@\s<>]+$/),
  policies: z.array(
    z.strictObject({
      policy: z.strictObject({
        "policy-type": z.enum(["tlsa", "sts", "no-policy-found"]),
        "policy-string": z.array(z.string()),
        "policy-domain": z.string().min(1),
        "mx-host": z.array(z.string()),
      }),
      summary: z.strictObject({ "total-successful-session-count": count, "total-failure-session-count": count }),
      "failure-details": z
        .array(
          z.strictObject({
            "result-type": z.enum(TLS_FAILURES),
            "sending-mta-ip": z.union([z.ipv4(), z.ipv6()]).optional(),
            "receiving-mx-hostname": z.string(),
            "receiving-ip": z.union([z.ipv4(), z.ipv6()]).optional(),
            "failed-session-count": z.int().min(1),
            "failure-reason-code": z.string().optional(),
          }),
        )
        .min(1)
        .optional(),
    }),
  ),
});

const FROM: ReportFrom = {
  organization: "Example Clinic, Ltd.",
  contact: "tls-reports@clinic.test",
  submitter: "clinic.test",
  hostname: "gateway.clinic.test",
  instanceId: "p1",
  isPublic: (address) => !address.startsWith("10."),
};

const address = oneof(constantFrom("192.0.2.1", "10.0.0.1", "2001:db8::1"));
const anyDay = record<DomainDay>({
  day: constantFrom("2026-11-22", "2028-02-29", "2026-12-31"),
  report: constantFrom(null),
  policies: array(
    record({
      policy: record({
        type: constantFrom(...TLS_POLICY_TYPES),
        text: array(string({ unit: "grapheme" }), { maxLength: 4 }),
        mxHosts: array(anyDomain(), { maxLength: 3 }),
      }),
      succeeded: integer({ min: 0, max: 1_000_000 }),
      succeededAt: constantFrom({}),
      failures: array(
        record({
          failure: constantFrom(...TLS_FAILURES),
          reason: option(string({ unit: "grapheme" })),
          mxHost: anyDomain(),
          sendingIp: option(address),
          receivingIp: option(address),
          count: integer({ min: 1, max: 1_000 }),
        }),
        { maxLength: 5 },
      ),
      moreFailed: integer({ min: 0, max: 10 }),
    }),
    { maxLength: 4 },
  ),
});

describe("whatever was counted", () => {
  test("the report is as RFC 8460 has it, and its totals are those of the counts", () => {
    assert(
      property(anyDomain(), anyDay, (domain, day) => {
        const { json, id } = buildReport(domain, day, FROM);
        const read = SCHEMA.parse(JSON.parse(gunzipSync(gzipReport({ json })).toString("utf8")));
        expect(read).toEqual(json);
        expect(read["report-id"]).toBe(id);
        expect(read["date-range"]["start-datetime"]).toBe(`${day.day}T00:00:00Z`);
        expect(read["date-range"]["end-datetime"]).toBe(`${day.day}T23:59:59Z`);
        expect(read.policies.map(({ policy }) => policy["policy-domain"])).toEqual(day.policies.map(() => domain));
        const totals = read.policies.map(({ summary }) => Object.values(summary));
        expect(totals).toEqual(day.policies.map(totalsOf).map(({ succeeded, failed }) => [succeeded, failed]));
      }),
    );
  });

  test("no address of ours that others cannot know leaves", () => {
    assert(
      property(anyDay, (day) => {
        const { json } = buildReport("d.test", day, FROM);
        const ours = json.policies
          .flatMap((policy) => policy["failure-details"] ?? [])
          .map((one) => one["sending-mta-ip"]);
        expect(ours).not.toContain("10.0.0.1");
      }),
    );
  });

  test("the mail brings the same report to whoever takes it apart", async () => {
    const day: DomainDay = {
      day: "2026-11-22",
      report: null,
      policies: [
        {
          policy: { type: "sts", text: ["version: STSv1", "mode: enforce"], mxHosts: ["*.d.test"] },
          succeeded: 7,
          succeededAt: {},
          failures: [
            {
              failure: "certificate-expired",
              reason: "CERT_HAS_EXPIRED",
              mxHost: "mx.d.test",
              sendingIp: "198.51.100.7",
              receivingIp: "192.0.2.1",
              count: 3,
            },
          ],
          moreFailed: 0,
        },
      ],
    };
    const report = buildReport("d.test", day, FROM);
    const bytes = composeTlsReport({
      ...FROM,
      id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
      from: "postmaster@clinic.test",
      to: "tls@collector.test",
      now: Date.parse("2026-11-23T01:00:00Z"),
      domain: "d.test",
      day: day.day,
      reportId: report.id,
      fileName: report.fileName,
      gzip: gzipReport(report),
    });
    expect(bytes.toString("latin1")).toMatch(/^[\r\n -~]*$/);
    const mail = await simpleParser(bytes);
    expect(mail.subject).toBe(`Report Domain: d.test Submitter: clinic.test Report-ID: <${report.id}>`);
    expect(mail.headers.get("tls-report-domain")).toBe("d.test");
    expect(mail.headers.get("tls-report-submitter")).toBe("clinic.test");
    expect(mail.headers.get("tls-required")).toBe("No");
    expect(mail.headers.get("content-type")).toMatchObject({
      value: "multipart/report",
      params: { "report-type": "tlsrpt" },
    });
    expect(mail.text).toContain("Example Clinic, Ltd.");
    expect(mail.attachments.map(({ contentType, filename }) => [contentType, filename])).toEqual([
      ["application/tlsrpt+gzip", report.fileName],
    ]);
    expect(report.fileName).toMatch(/^clinic\.test!d\.test!1795305600!1795391999![0-9a-f]{20}\.json\.gz$/);
    const [file] = mail.attachments;
    expect(JSON.parse(gunzipSync(file?.content ?? Buffer.alloc(0)).toString("utf8"))).toEqual(report.json);
  });
});

test("the same counts give the same id again, another day, domain or gateway another one", () => {
  const day: DomainDay = { day: "2026-11-22", policies: [], report: null };
  const id = (domain: string, one: DomainDay, from: ReportFrom): string => buildReport(domain, one, from).id;
  const ids = [
    id("d.test", day, FROM),
    id("e.test", day, FROM),
    id("d.test", { ...day, day: "2026-11-23" }, FROM),
    id("d.test", day, { ...FROM, hostname: "other.clinic.test" }),
  ];
  expect(new Set(ids).size).toBe(4);
  expect(id("d.test", day, FROM)).toBe(ids[0]);
});
