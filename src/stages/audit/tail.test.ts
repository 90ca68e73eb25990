import { expect, test } from "vitest";
import type { AuditRow } from "../../core/event.ts";
import { chainRow, EMPTY_CHAIN } from "../../parts/store/audit-chain.ts";
import type { AuditSource } from "../../parts/store/audit-chain.ts";
import { followRows, lastRows } from "./tail.ts";

function growing(): AuditSource & { append(rows: number): void } {
  const rows: AuditRow[] = [];
  const head = () => rows.at(-1) ?? EMPTY_CHAIN;
  return {
    append(count) {
      for (let n = 0; n < count; n += 1) {
        rows.push(chainRow({ at: 0, messageId: null, recipientId: null, kind: "alert", body: "{}" }, head()));
      }
    },
    auditPage: (fromSeq, rowsMax) => Promise.resolve(rows.filter(({ seq }) => seq >= fromSeq).slice(0, rowsMax)),
    auditOf: () => Promise.resolve([]),
    auditMarks: () => Promise.resolve([]),
    chainId: () => Promise.resolve(rows[0]?.hash ?? null),
    auditHead: () => Promise.resolve({ seq: head().seq, hash: head().hash }),
  };
}

test.each([
  [0, 5, []],
  [3, 5, [1, 2, 3]],
  [9, 2, [8, 9]],
])("of %d rows the last %d are %j", async (length, rowsMax, expected) => {
  const source = growing();
  source.append(length);
  expect((await lastRows(source, rowsMax)).map(({ seq }) => seq)).toEqual(expected);
});

test("following yields every row once, those appended meanwhile too, and ends when told", async () => {
  const source = growing();
  source.append(3);
  const stop = new AbortController();
  let looks = 0;
  const wait = (): Promise<void> => {
    looks += 1;
    if (looks === 2) source.append(700);
    if (looks === 3) stop.abort();
    return Promise.resolve();
  };
  const seen: number[] = [];
  for await (const { seq } of followRows(source, { afterSeq: 1, wait, signal: stop.signal })) seen.push(seq);
  expect(seen).toEqual(Array.from({ length: 702 }, (_, n) => n + 2));
});
