import { describe, expect, test } from "vitest";
import type { DomainFact, DomainFactPage } from "../../core/domain-facts.ts";
import type { AuditRow } from "../../core/event.ts";
import { tlsReport } from "./tls-report.ts";
import type { TlsReportSource } from "./tls-report.ts";

type Body = { readonly kind: string; readonly [name: string]: unknown };

function sourceOf(bodies: readonly (readonly [at: number, body: Body])[], facts: readonly DomainFact[] = []) {
  const rows = bodies.map(([at, body], index): AuditRow => ({
    seq: index + 1,
    at,
    messageId: null,
    recipientId: null,
    kind: body.kind as AuditRow["kind"],
    body: JSON.stringify(body),
    previousHash: "",
    hash: "",
  }));
  let read = 0;
  const source: TlsReportSource = {
    audit: {
      auditPage: async (fromSeq, rowsMax) => {
        const page = rows.slice(fromSeq - 1, fromSeq - 1 + rowsMax);
        read += page.length;
        return page;
      },
      auditHead: async () => ({ seq: rows.length, hash: "" }),
    },
    facts: {
      list: async (_kind, { after, limit }): Promise<DomainFactPage> => {
        const at = Number(after ?? 0);
        return { facts: facts.slice(at, at + limit), next: at + limit < facts.length ? String(at + limit) : null };
      },
    },
  };
  return { source, read: () => read };
}

const fact = (domain: string, rung: string, fall: object | null = null): DomainFact => ({
  domain,
  value: { rung, fall, weak: [] },
  lookAt: fall === null ? null : 900,
  forgetAt: 1e6,
});
const delivered = (rung: string): Body => ({ kind: "delivered", rung });
const attempt = (host: string, code: string | null): Body => ({ kind: "attempt", attempt: { host, code } });

test("destinations count at what they proved, deliveries at what they went by, and failures by server and code", async () => {
  const fall = { to: "pkix", at: 30, host: "mx.b.test", isTold: true };
  const { source } = sourceOf(
    [
      [5, delivered("plain")],
      [10, delivered("dane")],
      [11, attempt("mx.a.test", null)],
      [12, attempt("mx.b.test", "PST-DLV-039")],
      [13, { kind: "downgrade", step: "fell", from: "dane", to: "pkix", host: "mx.b.test" }],
      [14, attempt("mx.b.test", "PST-DLV-039")],
      [15, attempt("mx.a.test", "PST-DLV-003")],
      [16, delivered("dane")],
      [17, { kind: "accepted" }],
    ],
    [fact("a.test", "dane"), fact("b.test", "dane", fall), fact("c.test", "plain"), { ...fact("d.test", "best") }],
  );
  const report = await tlsReport(10, source);
  expect(report.rungs.filter(({ destinations, delivered: mails }) => destinations + mails > 0)).toEqual([
    { rung: "dane", destinations: 2, delivered: 2 },
    { rung: "plain", destinations: 1, delivered: 0 },
  ]);
  expect(report.below).toEqual([
    { domain: "b.test", was: "dane", now: "pkix", since: 30, server: "mx.b.test", keptUntil: 900 },
  ]);
  expect(report.downgrades).toEqual([{ at: 13, step: "fell", from: "dane", to: "pkix", host: "mx.b.test" }]);
  expect(report.failures).toEqual([
    { server: "mx.b.test", code: "PST-DLV-039", times: 2, last: 14 },
    { server: "mx.a.test", code: "PST-DLV-003", times: 1, last: 15 },
  ]);
  expect(report.leftOut).toEqual({ below: 0, downgrades: 0, failures: 0, unreadable: 1 });
});

describe("a long audit", () => {
  const rows = Array.from({ length: 20_000 }, (_, n) => [n, delivered("pkix")] as const);

  test("is not read for the time before", async () => {
    const { source, read } = sourceOf(rows);
    const report = await tlsReport(19_900, source);
    expect(report.rungs.find(({ rung }) => rung === "pkix")?.delivered).toBe(100);
    expect(read()).toBeLessThan(1_500);
  });

  test("is read from its end as far as may be, and the report says from when", async () => {
    const { source } = sourceOf(rows);
    const report = await tlsReport(0, { ...source, rowsMax: 300 });
    expect([report.since, report.rungs.find(({ rung }) => rung === "pkix")?.delivered]).toEqual([19_700, 300]);
  });

  test("of very many failures those that came most often are told, and the others counted", async () => {
    const { source } = sourceOf(
      Array.from({ length: 1_200 }, (_, n) => [n, attempt(`mx${n % 600}.test`, "PST-DLV-003")] as const),
      Array.from({ length: 1_100 }, (_, n) =>
        fact(`d${n}.test`, "dane", { to: "pkix", at: n, host: "mx.test", isTold: true }),
      ),
    );
    const { failures, below, leftOut } = await tlsReport(0, source);
    expect([failures.length, below.length, leftOut.failures, leftOut.below]).toEqual([500, 500, 100, 600]);
  });
});

test("an empty database gives an empty report", async () => {
  const report = await tlsReport(0, sourceOf([]).source);
  expect([report.below, report.failures, report.downgrades]).toEqual([[], [], []]);
});
