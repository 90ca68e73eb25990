import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuditRow } from "../../core/event.ts";
import { chainRow, EMPTY_CHAIN, hashRow } from "../../parts/store/audit-chain.ts";
import type { AuditSource, ChainHead } from "../../parts/store/audit-chain.ts";
import { describeFault } from "./chain-faults.ts";
import { verifyChain } from "./verify.ts";

function chainOf(length: number): AuditRow[] {
  const rows: AuditRow[] = [];
  let head: ChainHead = EMPTY_CHAIN;
  for (let n = 1; n <= length; n += 1) {
    const event = {
      at: 1000 + n,
      messageId: `m${n}`,
      recipientId: n % 2 === 0 ? `m${n}.1` : null,
      kind: "alert",
    } as const;
    const row = chainRow({ ...event, body: `{"code":"PST-DEC-00${n % 4}","kind":"alert"}` }, head);
    rows.push(row);
    head = { seq: row.seq, hash: row.hash };
  }
  return rows;
}

function sourceOf(rows: readonly AuditRow[]): AuditSource {
  const sorted = rows.toSorted((a, b) => a.seq - b.seq);
  return {
    auditPage: (fromSeq, rowsMax) => Promise.resolve(sorted.filter(({ seq }) => seq >= fromSeq).slice(0, rowsMax)),
    auditOf: () => Promise.resolve([]),
    auditHead: () => Promise.resolve(EMPTY_CHAIN),
    auditMarks: () => Promise.resolve([]),
    chainId: () => Promise.resolve(sorted[0]?.hash ?? null),
  };
}

const verify = (rows: readonly AuditRow[], checkpoint: ChainHead | null = null) =>
  verifyChain(sourceOf(rows), { pageRows: 3, checkpoints: checkpoint === null ? [] : [{ head: checkpoint }] });

const headAt = (rows: readonly AuditRow[], seq: number): ChainHead => ({ seq, hash: rows[seq - 1]?.hash ?? "" });

describe("an untouched chain", () => {
  test.each([0, 1, 2, 3, 4, 10])("of %d rows has no faults, and its end is not proven by itself", async (length) => {
    const rows = chainOf(length);
    const { faults, tail, head, rows: seen } = await verify(rows);
    expect(faults).toEqual([]);
    expect(seen).toBe(length);
    expect(head).toEqual(length === 0 ? EMPTY_CHAIN : headAt(rows, length));
    expect(tail).toEqual({ kind: "not-provable", afterSeq: 0 });
  });

  test("is proven as far as a checkpoint kept outside reaches", async () => {
    const rows = chainOf(5);
    expect((await verify(rows, headAt(rows, 5))).tail).toEqual({ kind: "proven" });
    expect((await verify(rows, headAt(rows, 3))).tail).toEqual({ kind: "not-provable", afterSeq: 3 });
  });
});

describe("tampering is found and named by sequence number", () => {
  const COLUMNS = ["at", "messageId", "recipientId", "kind", "body", "previousHash", "hash"] as const;

  test("any column of any row, changed by any one character", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(...COLUMNS),
        fc.nat(),
        async (seq, column, at) => {
          const rows = chainOf(9).map((row) =>
            row.seq === seq ? { ...row, [column]: altered(row[column], at) } : row,
          );
          const { faults, tail } = await verify(rows);
          expect(faults).toEqual([{ kind: "changed", seq }]);
          expect(tail.kind).toBe("not-provable");
        },
      ),
      { numRuns: 200 },
    );
  });

  test("removed rows, at the start and in the middle", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 3 }), async (seq, more) => {
        const lastSeq = Math.min(seq + more, 8);
        const { faults } = await verify(chainOf(9).filter((row) => row.seq < seq || row.seq > lastSeq));
        expect(faults).toEqual([{ kind: "removed", seq, lastSeq }]);
      }),
    );
  });

  test("two rows whose places were swapped", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), async (a, b) => {
        fc.pre(a < b);
        const swap = (seq: number): number => (seq === a ? b : seq === b ? a : seq);
        const { faults } = await verify(chainOf(9).map((row) => ({ ...row, seq: swap(row.seq) })));
        expect(faults).toEqual([
          { kind: "reordered", seq: a, lastSeq: a, writtenAs: b },
          { kind: "reordered", seq: b, lastSeq: b, writtenAs: a },
        ]);
      }),
    );
  });

  test("a removed row whose gap was closed by renumbering", async () => {
    const rows = chainOf(6).flatMap((row) => (row.seq === 3 ? [] : [row.seq < 3 ? row : { ...row, seq: row.seq - 1 }]));
    const { faults } = await verify(rows);
    expect(faults).toEqual([
      { kind: "removed", seq: 3, lastSeq: 3 },
      { kind: "reordered", seq: 3, lastSeq: 5, writtenAs: 4 },
    ]);
  });

  test("a row that was changed and given a fitting hash does not link to the next", async () => {
    const rows = chainOf(6).map((row) => (row.seq === 3 ? rehashed({ ...row, at: 1 }) : row));
    expect((await verify(rows)).faults).toEqual([{ kind: "unlinked", seq: 4 }]);
  });

  test("several faults are all reported", async () => {
    const rows = chainOf(12)
      .filter(({ seq }) => seq !== 2)
      .map((row) => (row.seq === 7 ? { ...row, body: "{}" } : row));
    expect((await verify(rows)).faults.map(describeFault)).toEqual([
      "row 2 was removed",
      "row 7 was changed after it was written",
    ]);
  });

  test("reporting stops at faultsMax", async () => {
    const rows = chainOf(20).map((row) => ({ ...row, at: 0 }));
    expect((await verifyChain(sourceOf(rows), { pageRows: 3, faultsMax: 4 })).faults).toHaveLength(4);
  });
});

describe("a checkpoint kept outside", () => {
  test("finds a cut tail, which the chain alone cannot", async () => {
    const rows = chainOf(9);
    const cut = rows.slice(0, 6);
    expect((await verify(cut)).faults).toEqual([]);
    const { faults, tail } = await verify(cut, headAt(rows, 9));
    expect(faults).toEqual([{ kind: "cut", seq: 7, lastSeq: 9 }]);
    expect(tail).toEqual({ kind: "not-provable", afterSeq: 0 });
  });

  test("finds a chain that was rewritten whole", async () => {
    let head: ChainHead = EMPTY_CHAIN;
    const rows = chainOf(9);
    const forged = rows.map(({ at, messageId, recipientId, kind, body }) => {
      const row = chainRow({ at: at + 1, messageId, recipientId, kind, body }, head);
      head = { seq: row.seq, hash: row.hash };
      return row;
    });
    expect((await verify(forged)).faults).toEqual([]);
    expect((await verify(forged, headAt(rows, 9))).faults).toEqual([{ kind: "rewritten", seq: 1, lastSeq: 9 }]);
  });
});

function rehashed(row: AuditRow): AuditRow {
  return { ...row, hash: hashRow(row) };
}

function altered(value: string | number | null, at: number): string | number {
  if (value === null) return "x";
  if (typeof value === "number") return value + 1 + (at % 1000);
  const place = at % value.length;
  const other = value[place] === "0" ? "1" : "0";
  return value.slice(0, place) + other + value.slice(place + 1);
}
