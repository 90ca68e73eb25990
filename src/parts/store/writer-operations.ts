/**
 * Carries out one request inside the open transaction of its group. Promises: a transition and its audit rows are written
 * together or not at all, results of a stale claim or for a recipient that has ended write nothing, and each child, variant
 * and finding is written once. Knows no transactions; writer-group.ts owns them.
 */
import type { Database, Statement } from "better-sqlite3";
import { assertNever } from "../../core/assert-never.ts";
import { reach } from "../../core/failpoint.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import { SqliteReads } from "./sqlite-reads.ts";
import { PATCH_COLUMNS } from "./sqlite-rows.ts";
import type {
  BlobRow,
  MessageRow,
  NewBlobRow,
  NewMessageRows,
  NewRecipientRow,
  PatchRow,
  VariantRow,
} from "./sqlite-rows.ts";
import { storeError } from "./sqlite-store-error.ts";
import { recipientOf, WriterApprovals } from "./writer-approvals.ts";
import { AuditAppender, readTip } from "./writer-audit.ts";
import { auditCall } from "./writer-audit-calls.ts";
import { WriterClaims } from "./writer-claims.ts";
import type { RedoRing } from "./redo-ring.ts";
import { WriterUpkeep } from "./writer-upkeep.ts";
import { WriterDomainFacts } from "./writer-domain-facts.ts";
import type { CommitRows, WriterCall, WriterCalls } from "./writer-protocol.ts";
import { WriterRekey } from "./writer-rekey.ts";
import { markRestored } from "./writer-restore.ts";
import { WriterRetention } from "./writer-retention.ts";

const PATCHED: ReadonlySet<string> = new Set([...PATCH_COLUMNS, "ended_at"]);

type BodyCall = Extract<
  WriterCall,
  { readonly kind: "refsUnder" | "referredTo" | "repoint" | "redoRecords" | "forgetRedoRecords" }
>;

export class WriterOperations {
  readonly audit: AuditAppender;
  readonly #db: Database;
  readonly #redo: RedoRing;
  readonly #reads: SqliteReads;
  readonly #claims: WriterClaims;
  readonly #upkeep: WriterUpkeep;
  readonly #approvals: WriterApprovals;
  readonly #domainFacts: WriterDomainFacts;
  readonly #rekey: WriterRekey;
  readonly #retention: WriterRetention;
  readonly #insertMessage: Statement<[MessageRow]>;
  readonly #insertBlob: Statement<[BlobRow & { message_id: string }]>;
  readonly #insertRecipient: Statement<[NewRecipientRow]>;
  readonly #insertVariant: Statement<[VariantRow]>;
  readonly #insertChild: Statement<[string, string, number, string]>;
  readonly #setFindings: Statement<[string, string]>;
  readonly #hasVariant: Statement<[string, string]>;
  readonly #isCurrent: Statement<[string, number]>;
  readonly #endMessage: Statement<[{ now: number; messageId: string }]>;
  readonly #patches = new Map<string, Statement>();

  /** `bodies`: where the writes are known that rows may have to follow. */
  constructor(db: Database, redo: RedoRing) {
    this.#db = db;
    this.#redo = redo;
    this.#reads = new SqliteReads(db);
    this.audit = new AuditAppender(db, readTip(db, this.#reads));
    this.#claims = new WriterClaims(db, this.audit);
    this.#upkeep = new WriterUpkeep(db);
    this.#approvals = new WriterApprovals(db);
    this.#domainFacts = new WriterDomainFacts(db);
    this.#rekey = new WriterRekey(db);
    this.#retention = new WriterRetention(db, this.audit);
    this.#insertMessage = db.prepare(
      `INSERT INTO message (id, origin, received_at, expires_at, sha256, body_locator, sealed)
       VALUES (@id, @origin, @received_at, @expires_at, @sha256, @body_locator, @sealed)`,
    );
    this.#insertBlob = db.prepare(
      `INSERT INTO blob (locator, message_id, size_bytes, wrapped_key)
       SELECT @locator, @message_id, @size_bytes, @wrapped_key WHERE NOT EXISTS
         (SELECT 1 FROM blob WHERE message_id = @message_id AND substr(locator, -32) = substr(@locator, -32))`,
    );
    this.#insertRecipient = db.prepare(
      `INSERT INTO recipient (id, message_id, ordinal, address_index, lane, sender, sealed, state, fence, due_at,
         lease_owner, lease_until)
       VALUES (@id, @message_id, @ordinal, @address_index, @lane, @sender, @sealed, @state, @fence, @due_at, @lease_owner, @lease_until)`,
    );
    this.#insertVariant = db.prepare(
      "INSERT INTO variant (id, message_id, sealed) VALUES (@id, @message_id, @sealed) ON CONFLICT (id) DO NOTHING",
    );
    this.#insertChild = db.prepare(
      `INSERT INTO child (parent_recipient_id, kind, step, message_id) VALUES (?, ?, ?, ?)
       ON CONFLICT (parent_recipient_id, kind, step) DO NOTHING`,
    );
    this.#setFindings = db.prepare("UPDATE message SET sealed_findings = ? WHERE id = ? AND sealed_findings IS NULL");
    this.#hasVariant = db.prepare("SELECT 1 FROM variant WHERE id = ? AND message_id = ?").pluck();
    this.#isCurrent = db
      .prepare("SELECT message_id FROM recipient WHERE id = ? AND fence = ? AND ended_at IS NULL")
      .pluck();
    this.#endMessage = db.prepare(
      `UPDATE message SET ended_at = @now WHERE id = @messageId AND ended_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = @messageId AND ended_at IS NULL)`,
    );
  }

  execute(call: WriterCall): WriterCalls[keyof WriterCalls]["result"] {
    switch (call.kind) {
      case "accept":
        return this.#accept(call.args);
      case "commit":
        return this.#commit(call.args);
      case "claim":
        return this.#claims.claim(call.args);
      case "claimThese":
        return this.#claims.claimThese(call.args);
      case "rest":
        return this.#claims.rest(call.args);
      case "waiting":
        return this.#claims.waiting(call.args);
      case "renew":
        return this.#claims.renew(call.args);
      case "recover":
        return this.#claims.recover(call.args);
      case "reap":
        return this.#upkeep.reap(call.args);
      case "message":
        return this.#reads.message(call.args.id);
      case "recipients":
        return this.#reads.recipients(call.args);
      case "approvals":
        return this.#approvals.open(call.args);
      case "scan":
        return this.#reads.scan(call.args);
      case "counts":
        return this.#reads.counts();
      case "deadlines":
        return this.#reads.deadlines(call.args.before);
      case "nextDueAt":
        return this.#reads.nextDueAt(call.args.now);
      case "refsUnder":
      case "referredTo":
      case "repoint":
      case "redoRecords":
      case "forgetRedoRecords":
        return this.#bodyCall(call);
      case "foreignSeals":
      case "reseal":
      case "foreignWraps":
      case "rewrap":
        return this.#rekey.execute(call);
      case "fact":
      case "factsDue":
      case "factPage":
      case "putFacts":
      case "removeFacts":
      case "postponeFacts":
      case "forgetFacts":
        return this.#domainFacts.execute(call);
      case "markRestored":
        return markRestored(this.#db, this.audit, call.args);
      default:
        return auditCall(call, { reads: this.#reads, tip: this.audit.head, retention: this.#retention });
    }
  }

  #bodyCall(call: BodyCall): WriterCalls[BodyCall["kind"]]["result"] {
    switch (call.kind) {
      case "refsUnder":
        return this.#reads.refsUnder(call.args);
      case "referredTo":
        return this.#reads.referredTo(call.args.locators);
      case "repoint":
        return this.#upkeep.repoint(call.args);
      case "redoRecords":
        return this.#redo.page(call.args.after);
      case "forgetRedoRecords":
        return this.#redo.forget();
      default:
        return assertNever(call);
    }
  }

  #accept(rows: NewMessageRows): null {
    if (!this.#insertNew(rows)) throw storeError("PST-SPL-062", `${rows.message.id}: such a child exists already`);
    reach("store.rows-of-accept");
    return null;
  }

  /** False, with nothing written, where the same parent caused the same kind and step before. */
  #insertNew({ message, blobs, recipients, parent, events }: NewMessageRows): boolean {
    if (parent !== null) {
      const { changes } = this.#insertChild.run(parent.recipientId, parent.kind, parent.step, message.id);
      if (changes === 0) return false;
    }
    this.#insertMessage.run(message);
    this.#insertBlobs(blobs, message.id);
    for (const recipient of recipients) this.#insertRecipient.run(recipient);
    this.audit.append(events);
    return true;
  }

  #insertBlobs(blobs: readonly NewBlobRow[], messageId: string): void {
    for (const { pending, ...row } of blobs) {
      if (pending !== null) this.#redo.keep(row.locator, pending);
      this.#insertBlob.run({ ...row, message_id: messageId });
    }
  }

  #commit(rows: CommitRows): WriterCalls["commit"]["result"] {
    for (const { variant, blobs } of rows.variants) {
      this.#insertVariant.run(variant);
      this.#insertBlobs(blobs, variant.message_id);
    }
    if (rows.findings !== null) this.#setFindings.run(rows.findings.sealed, rows.findings.messageId);
    this.audit.append(rows.events);
    const stale: string[] = [];
    const children: string[] = [];
    const ended = new Set<string>();
    for (const recipient of rows.recipients) {
      const messageId = this.#isCurrent.get(recipient.id, recipient.fence) as string | undefined;
      if (messageId === undefined) {
        stale.push(recipient.id);
        continue;
      }
      this.#patch({ id: recipient.id, messageId, patch: recipient.patch, now: rows.now });
      this.audit.append(recipient.events);
      for (const child of recipient.children) if (this.#insertNew(child)) children.push(child.message.id);
      if (recipient.patch.state === "dot_sent") reach("store.rows-of-intent");
      if (recipient.children.length > 0) reach("store.rows-of-child");
      if (recipient.patch.state !== undefined && isTerminal(recipient.patch.state)) {
        ended.add(messageId);
        reach("store.rows-of-end");
      }
    }
    for (const change of rows.approvals) if (!stale.includes(recipientOf(change))) this.#approvals.change(change);
    for (const messageId of ended) this.#endMessage.run({ now: rows.now, messageId });
    return { stale, children };
  }

  #patch({ id, messageId, patch, now }: { id: string; messageId: string; patch: PatchRow; now: number }): void {
    const { variant_id: variantId, state } = patch;
    if (typeof variantId === "string" && this.#hasVariant.get(variantId, messageId) === undefined) {
      throw storeError("PST-SPL-062", `${id} refers to a variant that is not stored`);
    }
    // Who has ended is leased by nobody.
    const isEnd = state !== undefined && isTerminal(state);
    const columns = isEnd ? { ...patch, ended_at: now, lease_owner: null, lease_until: null } : patch;
    const names = Object.keys(columns);
    if (names.length > 0) this.#patchStatement(names).run(...Object.values(columns), id);
  }

  /** One for each choice of columns, which are few. */
  #patchStatement(names: readonly string[]): Statement {
    const key = names.join();
    let statement = this.#patches.get(key);
    if (statement === undefined) {
      if (!names.every((name) => PATCHED.has(name))) throw storeError("PST-SPL-062", "a column no transition changes");
      statement = this.#db.prepare(
        `UPDATE recipient SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE id = ?`,
      );
      this.#patches.set(key, statement);
    }
    return statement;
  }
}
