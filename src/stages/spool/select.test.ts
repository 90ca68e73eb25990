import { expect, test } from "vitest";
import { firstMessageIdAt, recipientIdOf } from "../../core/ids.ts";
import type { MessageId } from "../../core/ids.ts";
import type { QueueSelection } from "../../core/queue-selection.ts";
import type { Scanned, ScanQuery, StoredMessage, StoredRecipient } from "../../core/queue-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { selectPortion } from "./select.ts";
import type { SelectCursor } from "./select.ts";

const ANY: QueueSelection = {
  states: ["ready", "deferred", "held"],
  messageId: null,
  to: null,
  from: null,
  codes: null,
  receivedFrom: null,
  receivedBefore: null,
};

type Row = {
  readonly state: RecipientState;
  readonly to?: string;
  readonly code?: string;
  readonly sender?: string | null;
};

/** One message a row, one second apart. */
function sourceOf(rows: readonly Row[]) {
  const queries: ScanQuery[] = [];
  const opened: string[] = [];
  const idOf = (index: number): MessageId => firstMessageIdAt((index + 1) * 1000);
  const mailbox = (address: string) => {
    const [localPart = "", domain = ""] = address.split("@");
    return { address, localPart, domain, isUtf8: false };
  };
  const all = rows.map(
    ({ state, to = "anna@a.test", code = null }, index) =>
      ({
        id: recipientIdOf(idOf(index), 1),
        messageId: idOf(index),
        state,
        recipient: { mailbox: mailbox(to), notify: null, orcpt: null },
        lastCode: code,
      }) as StoredRecipient,
  );
  return {
    queries,
    opened,
    ids: all.map(({ id }) => id),
    scan: async (query: ScanQuery): Promise<Scanned> => {
      queries.push(query);
      const left = all.filter(({ state, id }) => state === query.state && (query.after === null || id > query.after));
      const page = left.slice(0, query.limit);
      return { recipients: page, next: page.length < query.limit ? null : (page.at(-1)?.id ?? null) };
    },
    message: async (id: MessageId): Promise<StoredMessage> => {
      opened.push(id);
      const sender = rows[all.findIndex(({ messageId }) => messageId === id)]?.sender;
      const envelope = { sender: sender === null ? null : mailbox(sender ?? "nurse@clinic.test") };
      return { submission: { envelope } } as StoredMessage;
    },
  };
}

async function walk(
  selection: QueueSelection,
  source: ReturnType<typeof sourceOf>,
  limits = { matchesMax: 100, examinedMax: 1000 },
) {
  const portions: { readonly ids: readonly string[]; readonly examined: number }[] = [];
  let cursor: SelectCursor | null = null;
  do {
    const portion = await selectPortion(selection, cursor, { source, limits });
    portions.push({ ids: portion.matches.map(({ id }) => id), examined: portion.examined });
    cursor = portion.next;
  } while (cursor !== null);
  return portions;
}

const MIXED: readonly Row[] = [
  { state: "deferred", to: "anna@a.test", code: "PST-DLV-018" },
  { state: "held", to: "Bert@b.test", code: "PST-DEC-001" },
  { state: "ready", to: "carl@x.a.test", sender: null },
  { state: "delivered", to: "anna@a.test" },
  { state: "deferred", to: "dora@b.test", code: "PST-DEC-001", sender: "Desk@clinic.test" },
];

test.each<[string, Partial<QueueSelection>, readonly number[]]>([
  ["nothing else", {}, [2, 0, 4, 1]],
  ["some states", { states: ["held"] }, [1]],
  ["no state", { states: [] }, []],
  ["a domain", { to: "b.test" }, [4, 1]],
  ["a domain in another case", { to: "B.test" }, [4, 1]],
  ["a domain is not what lies below it", { to: "a.test" }, [0]],
  ["what lies below a domain", { to: ".a.test" }, [2]],
  ["an address, whatever its case", { to: "bert@B.test" }, [1]],
  ["a code", { codes: ["PST-DEC-001"] }, [4, 1]],
  ["a sender", { from: "desk@clinic.test" }, [4]],
  ["a sender's domain", { from: "clinic.test" }, [0, 4, 1]],
  ["the null sender", { from: "<>" }, [2]],
  ["all at once", { to: "b.test", codes: ["PST-DEC-001"], from: "clinic.test", states: ["held"] }, [1]],
])("a selection by %s", async (_, filter, expected) => {
  const source = sourceOf(MIXED);
  const portions = await walk({ ...ANY, ...filter }, source);
  expect(portions.flatMap(({ ids }) => ids)).toEqual(expected.map((index) => source.ids[index]));
});

test("what an index answers is asked of the index", async () => {
  const source = sourceOf(MIXED);
  const messageId = firstMessageIdAt(1000);
  await walk({ ...ANY, states: ["held"], messageId, to: "anna@a.test", receivedFrom: 5, receivedBefore: 9 }, source);
  expect(source.queries[0]).toMatchObject({ state: "held", messageId, address: "anna@a.test", from: 5, before: 9 });
});

test("a portion is bounded by what it gives and by what it reads, and each recipient comes once", async () => {
  const rows = Array.from({ length: 250 }, (_, index): Row => ({
    state: index % 2 === 0 ? "deferred" : "ready",
    to: index % 10 === 0 ? "anna@a.test" : "bert@b.test",
  }));
  const source = sourceOf(rows);
  const all = await walk(ANY, source, { matchesMax: 40, examinedMax: 1000 });
  expect(all.map(({ ids }) => ids.length)).toEqual([40, 40, 40, 40, 40, 40, 10]);
  expect(new Set(all.flatMap(({ ids }) => ids)).size).toBe(250);
  const sparse = await walk({ ...ANY, to: "a.test" }, source, { matchesMax: 40, examinedMax: 100 });
  expect(sparse.every(({ examined }) => examined <= 100)).toBe(true);
  expect(sparse.flatMap(({ ids }) => ids)).toHaveLength(25);
});

test("a message is opened for its sender only where its recipient is wanted", async () => {
  const source = sourceOf(MIXED);
  await walk({ ...ANY, to: "b.test", from: "clinic.test" }, source);
  expect(source.opened).toHaveLength(2);
});
