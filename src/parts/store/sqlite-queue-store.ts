/**
 * Queue and audit on one SQLite file, behind core QueueStore. Promises what that seam promises: one transaction a call, with
 * its audit rows; `durable` answers after the sync; fences against stale results. SQLite runs on its own thread
 * (writer-thread.ts), sealing on this one, so the thread sees no content. One process at a time may open a path.
 */
import type { BlobMove, BlobRef, RedoLog } from "../../core/blob-store.ts";
import type { Clock } from "../../core/clock.ts";
import type { OnCommitted } from "../../core/committed.ts";
import type { DomainFacts } from "../../core/domain-facts.ts";
import type { FailpointOrder } from "../../core/failpoint.ts";
import type { AuditRow, NewEvent } from "../../core/event.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type {
  Claimed,
  ClaimQuery,
  CommitResult,
  Deadlines,
  Lease,
  MessageShares,
  NewMessage,
  QueueCounts,
  QueueFilter,
  QueueStore,
  Scanned,
  ScanQuery,
  StoredMessage,
  StoredRecipient,
  Transition,
  Wait,
  WaitingRecipient,
} from "../../core/queue-store.ts";
import type { Backlog } from "../../core/pressure.ts";
import type { ApprovalQuery, ApprovalRequest } from "../../core/review.ts";
import type { Sealer } from "../../core/sealer.ts";
import { toEventRow } from "./audit-chain.ts";
import type { AuditSource, ChainHead, MarkKind, RemovableRows, RetentionStore, SignableTip } from "./audit-chain.ts";
import { putAside } from "./put-aside.ts";
import type { Unreadable } from "./put-aside.ts";
import { committedEvents } from "./committed-events.ts";
import { SqliteDomainFacts } from "./sqlite-domain-facts.ts";
import { rekeyOnce } from "./rekey.ts";
import type { Rewrapper } from "./rekey.ts";
import type { RowsThread } from "./segment-log.ts";
import type { Submission } from "../../core/submission.ts";
import { RowCodec, toBlobRef, toWaiting } from "./sqlite-codec.ts";
import type { LegalHoldRow, RecipientRow } from "./sqlite-rows.ts";
import { toScanned, toScanRows } from "./sqlite-scan.ts";
import { storeError, toStoreError } from "./sqlite-store-error.ts";
import type { StoreError } from "./sqlite-store-error.ts";
import { WriterClient } from "./writer-client.ts";
import type { RecipientFilterRows, WriterCalls } from "./writer-protocol.ts";

export type QueueStoreOptions = {
  /** The database file; `<path>.lock` lies beside it. */
  readonly path: string;
  /** Names this process to whoever finds the store taken. */
  readonly owner: string;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once when a disk error latched the store: stop taking mail and hold delivery. */
  readonly onUnhealthy?: (error: StoreError) => void;
  /** Told of a recipient whose row cannot be opened, once it was put aside. */
  readonly onUnreadable?: (facts: UnreadableRow) => void;
  /** Told what was written; events the store writes by itself (recovery) are left out. */
  readonly onCommitted?: OnCommitted;
  /** accept() is refused while more requests than this wait for the disk. */
  readonly waitingRequestsMax?: number;
  /** Of each kind; for tests of that limit. */
  readonly factsPerKindMax?: number;
  /** For tests of durability. */
  readonly failpoints?: readonly FailpointOrder[];
};

/** By id and code: what it says cannot be read. */
export type UnreadableRow = { readonly recipient: string; readonly code: StoreError["code"] };

const WAITING_REQUESTS_MAX = 4_096;

/** Throws StoreError where the file is taken, damaged, of another program or of a newer version; it is then untouched. */
export async function openQueueStore(options: QueueStoreOptions): Promise<SqliteQueueStore> {
  const { path, owner, clock, log } = options;
  const client = await WriterClient.open({
    path,
    owner,
    now: clock.now(),
    failpoints: options.failpoints ?? [],
    onUnhealthy: (error) => {
      log.error("store_unhealthy", { code: error.code, sqlite: error.sqlite });
      options.onUnhealthy?.(error);
    },
  });
  const { from, to, backup } = client.migration;
  if (from !== to) log.info("store_migrated", { from, to, backup });
  return new SqliteQueueStore(client, options);
}

export class SqliteQueueStore implements QueueStore, RedoLog, AuditSource, RetentionStore {
  readonly #client: WriterClient;
  readonly #codec: RowCodec;
  /** What is remembered of recipient domains. */
  readonly domainFacts: DomainFacts;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waitingRequestsMax: number;
  readonly #onCommitted: OnCommitted;
  readonly #onUnreadable: (facts: UnreadableRow) => void;

  constructor(
    client: WriterClient,
    options: Pick<
      QueueStoreOptions,
      "sealer" | "clock" | "log" | "waitingRequestsMax" | "factsPerKindMax" | "onCommitted" | "onUnreadable"
    >,
  ) {
    this.#client = client;
    this.#codec = new RowCodec(options.sealer);
    this.domainFacts = new SqliteDomainFacts(client, options);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#waitingRequestsMax = options.waitingRequestsMax ?? WAITING_REQUESTS_MAX;
    this.#onCommitted = options.onCommitted ?? (() => undefined);
    this.#onUnreadable = options.onUnreadable ?? (() => undefined);
  }

  /** The error that took the store out of use until a restart, or null. */
  get unhealthy(): StoreError | null {
    return this.#client.unhealthy;
  }

  get backlog(): Backlog {
    const { waiting, oldest, refusals, unhealthy } = this.#client;
    return { waiting, oldest, refusals, isUnhealthy: unhealthy !== null };
  }

  async accept(message: NewMessage): Promise<void> {
    if (this.#client.waiting >= this.#waitingRequestsMax) throw storeError("PST-SPL-058");
    await this.#client.call({ kind: "accept", args: this.#codec.newMessage(message) }, true);
    this.#onCommitted(message.events);
  }

  /** Takes small bodies to the disk with the rows that refer to them. */
  get rowsThread(): RowsThread {
    const client = this.#client;
    return {
      get isIdle() {
        return client.waiting === 0;
      },
    };
  }

  sharesOf(submission: Pick<Submission, "submitter" | "envelope" | "recipients">): MessageShares {
    return this.#codec.sharesOf(submission);
  }

  async claim({ now, limit, lease, shares }: ClaimQuery): Promise<Claimed> {
    const args = { now, limit, lease, shares: shares ?? null };
    const { rows, isWhole } = await this.#client.call({ kind: "claim", args }, false);
    return { recipients: await this.#claimed(rows, now), isWhole };
  }

  async rest(lane: string, until: number | null): Promise<void> {
    await this.#client.call({ kind: "rest", args: { lane, until } }, false);
  }

  async waiting(query: { readonly now: number; readonly limit: number }): Promise<readonly WaitingRecipient[]> {
    return (await this.#client.call({ kind: "waiting", args: query }, false)).map(toWaiting);
  }

  async claimThese(ids: readonly RecipientId[], lease: Lease, now: number): Promise<readonly StoredRecipient[]> {
    return this.#claimed(await this.#client.call({ kind: "claimThese", args: { ids, lease, now } }, false), now);
  }

  async renew(
    claims: readonly { readonly recipientId: RecipientId; readonly fence: number }[],
    until: number,
  ): Promise<void> {
    await this.#client.call({ kind: "renew", args: { claims, until } }, false);
  }

  async commit(transition: Transition, wait: Wait): Promise<CommitResult> {
    const args = this.#codec.transition(transition, this.#clock.now());
    const { stale, children } = await this.#client.call({ kind: "commit", args }, wait === "durable");
    const result = { stale: stale as readonly RecipientId[], children: children as readonly MessageId[] };
    this.#onCommitted(committedEvents(transition, result));
    return result;
  }

  async message(id: MessageId): Promise<StoredMessage | null> {
    const rows = await this.#client.call({ kind: "message", args: { id } }, false);
    return rows === null ? null : this.#codec.storedMessage(rows);
  }

  async recipients(filter: QueueFilter): Promise<readonly StoredRecipient[]> {
    return this.#opened(
      await this.#client.call({ kind: "recipients", args: toFilterRows(filter, this.#codec) }, false),
    );
  }

  async scan(query: ScanQuery): Promise<Scanned> {
    const rows = await this.#client.call({ kind: "scan", args: toScanRows(query, this.#codec) }, false);
    return toScanned(rows, query.limit, (row) => this.#readable([row]).recipients);
  }

  async approvals(query: ApprovalQuery): Promise<readonly ApprovalRequest[]> {
    return this.#client.call({ kind: "approvals", args: query }, false);
  }

  async counts(): Promise<QueueCounts> {
    return this.#client.call({ kind: "counts", args: null }, false);
  }

  async deadlines(before: number): Promise<Deadlines> {
    return this.#client.call({ kind: "deadlines", args: { before } }, false);
  }

  async nextDueAt(): Promise<number | null> {
    return this.#client.call({ kind: "nextDueAt", args: { now: this.#clock.now() } }, false);
  }

  async recover(args: { readonly now: number; readonly ambiguousDueAt: number }): Promise<{
    readonly resumed: number;
    readonly ambiguous: number;
  }> {
    return this.#client.call({ kind: "recover", args }, true);
  }

  async reap(endedBefore: number, limit: number): Promise<readonly BlobRef[]> {
    const rows = await this.#client.call({ kind: "reap", args: { endedBefore, limit } }, true);
    return rows.map(toBlobRef);
  }

  async refsUnder(query: {
    readonly prefix: string;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly BlobRef[]> {
    return (await this.#client.call({ kind: "refsUnder", args: query }, false)).map(toBlobRef);
  }

  async referredTo(locators: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(await this.#client.call({ kind: "referredTo", args: { locators } }, false));
  }

  async repoint(moves: readonly BlobMove[]): Promise<ReadonlySet<string>> {
    return new Set(await this.#client.call({ kind: "repoint", args: { moves } }, true));
  }

  async redoRecords(after: number): ReturnType<RedoLog["redoRecords"]> {
    return this.#client.call({ kind: "redoRecords", args: { after } }, false);
  }

  async forgetRedoRecords(): Promise<void> {
    await this.#client.call({ kind: "forgetRedoRecords", args: null }, true);
  }

  /** Once, before a restored state is worked on; see writer-restore.ts. */
  async markRestored(facts: Omit<WriterCalls["markRestored"]["args"], "now">): Promise<{ readonly open: number }> {
    return this.#client.call({ kind: "markRestored", args: { ...facts, now: this.#clock.now() } }, true);
  }

  /** After a change of keys; see rekey.ts. */
  async rekey(rewrapper: Rewrapper, signal: AbortSignal): Promise<number> {
    return rekeyOnce({ client: this.#client, codec: this.#codec, rewrapper, signal });
  }

  async auditPage(fromSeq: number, rowsMax: number): Promise<readonly AuditRow[]> {
    return this.#client.call({ kind: "auditPage", args: { fromSeq, rowsMax } }, false);
  }

  async auditOf(messageId: string, rowsMax: number): Promise<readonly AuditRow[]> {
    return this.#client.call({ kind: "auditOf", args: { messageId, rowsMax } }, false);
  }

  async auditHead(): Promise<ChainHead> {
    return this.#client.call({ kind: "auditHead", args: null }, false);
  }

  async auditMarks(kind: MarkKind, beforeSeq: number, rowsMax: number): Promise<readonly AuditRow[]> {
    return this.#client.call({ kind: "auditMarks", args: { kind, beforeSeq, rowsMax } }, false);
  }

  async auditTip(): Promise<SignableTip> {
    return this.#client.call({ kind: "auditTip", args: null }, false);
  }

  async chainId(): Promise<string | null> {
    return this.#client.call({ kind: "chainId", args: null }, false);
  }

  async removableRows(before: number, rowsMax: number): Promise<RemovableRows> {
    return this.#client.call({ kind: "removable", args: { before, rowsMax } }, false);
  }

  async anchorRows(event: NewEvent, throughSeq: number): Promise<void> {
    await this.#client.call({ kind: "anchor", args: { event: toEventRow(event), throughSeq } }, true);
    this.#onCommitted([event]);
  }

  async trimRows(rowsMax: number): Promise<number> {
    return this.#client.call({ kind: "trim", args: { rowsMax } }, true);
  }

  /** null: nothing is known of the message. */
  async addLegalHold(hold: WriterCalls["addHold"]["args"]): Promise<LegalHoldRow | null> {
    return this.#client.call({ kind: "addHold", args: hold }, true);
  }

  /** null: there is no such hold. */
  async liftLegalHold(lift: WriterCalls["liftHold"]["args"]): Promise<LegalHoldRow | null> {
    return this.#client.call({ kind: "liftHold", args: lift }, true);
  }

  /** Answers what was asked before, moves the WAL into the file and gives the lock back. Idempotent. */
  async close(): Promise<void> {
    await this.#client.close();
  }

  /** One altered row must not keep all that was claimed with it: it is put aside, in the audit, for a person. */
  async #claimed(rows: readonly RecipientRow[], now: number): Promise<readonly StoredRecipient[]> {
    const { recipients, unreadable } = this.#readable(rows);
    if (unreadable.length > 0) {
      const args = putAside(unreadable, now);
      await this.#client.call({ kind: "commit", args }, true);
      for (const { row, code } of unreadable) this.#onUnreadable({ recipient: row.id, code });
    }
    return recipients;
  }

  #readable(rows: readonly RecipientRow[]): {
    readonly recipients: readonly StoredRecipient[];
    readonly unreadable: readonly Unreadable[];
  } {
    const recipients: StoredRecipient[] = [];
    const unreadable: Unreadable[] = [];
    for (const row of rows) {
      try {
        recipients.push(this.#codec.storedRecipient(row));
      } catch (error) {
        const { code } = toStoreError(error);
        this.#log.error("recipient_unreadable", { recipient: row.id, code });
        unreadable.push({ row, code });
      }
    }
    return { recipients, unreadable };
  }

  #opened(rows: readonly RecipientRow[]): readonly StoredRecipient[] {
    return rows.map((row) => this.#codec.storedRecipient(row));
  }
}

export function toFilterRows(filter: QueueFilter, codec: RowCodec): RecipientFilterRows {
  return {
    limit: filter.limit,
    ...(filter.states !== undefined && { states: filter.states }),
    ...(filter.messageId !== undefined && { messageId: filter.messageId }),
    ...(filter.address !== undefined && { addressIndexes: codec.addressIndexes(filter.address) }),
  };
}
