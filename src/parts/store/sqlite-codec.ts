/**
 * Turns what the core speaks of into rows and back. Promises that addresses, envelopes, structure and file names, findings,
 * plans, replies and variant bytes leave this module sealed only, each bound to its row, so that no text can be moved to
 * another one. Runs on the event loop; the writer thread has no keys.
 */
import type { BlobRef } from "../../core/blob-store.ts";
import type { EnvelopeRecipient } from "../../core/envelope.ts";
import type { Findings } from "../../core/findings.ts";
import { recipientIdOf } from "../../core/ids.ts";
import type { MessageId, RecipientId, VariantId } from "../../core/ids.ts";
import type { Origin } from "../../core/origin.ts";
import type { Variant } from "../../core/parcel.ts";
import type { Plan } from "../../core/plan.ts";
import type {
  MessageShares,
  NewMessage,
  RecipientPatch,
  StoredMessage,
  StoredRecipient,
  Transition,
  WaitingRecipient,
} from "../../core/queue-store.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Sealer } from "../../core/sealer.ts";
import type { PeerReply } from "../../core/status.ts";
import { blobKeyOf } from "./blob-locator.ts";
import { domainIndexOf } from "./domain-fact-codec.ts";
import { toEventRow } from "./audit-chain.ts";
import { openPlan, openVariant, planText, variantText } from "./sqlite-codec-bytes.ts";
import { canonicalAddress, ShareKeys } from "./share-keys.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";
import type { SealedColumnName } from "./sealed-columns.ts";
import type {
  BlobRow,
  MessageRow,
  NewBlobRow,
  NewMessageRows,
  NewRecipientRow,
  PatchRow,
  RecipientRow,
  StoredMessageRows,
  WaitingRow,
} from "./sqlite-rows.ts";
import { storeError } from "./sqlite-store-error.ts";
import type { CommitRows, SealedRow, WriterCalls } from "./writer-protocol.ts";

type SealedMessage = Pick<StoredMessage["submission"], "envelope" | "submitter" | "parent" | "mime">;

type Resealed = WriterCalls["reseal"]["args"]["rows"][number];

export class RowCodec {
  readonly #sealer: Sealer;
  readonly #shares: ShareKeys;

  constructor(sealer: Sealer) {
    this.#sealer = sealer;
    this.#shares = new ShareKeys(sealer);
  }

  sharesOf(submission: Parameters<ShareKeys["of"]>[0]): MessageShares {
    return this.#shares.of(submission);
  }

  /** Look-ups ignore case and the form of an international domain; the stored address keeps both. */
  addressIndex(address: string): string {
    return this.#sealer.index(canonicalAddress(address));
  }

  /** Under every key a row may have been written with. */
  addressIndexes(address: string): readonly string[] {
    return this.#sealer.indexes(canonicalAddress(address));
  }

  /** What a text sealed under the present key begins with. */
  mark(): string {
    return this.#sealer.mark();
  }

  /** The same text under the present key; throws PST-SPL-061 where it cannot be opened. */
  reseal(column: SealedColumnName, { id, sealed }: SealedRow): Resealed {
    const context = `${SEALED_COLUMNS[column].context} ${id}`;
    const text = this.#openText(sealed, context);
    const anew = { id, from: sealed, to: this.#sealer.seal(text, context) };
    if (column === "domain_fact.sealed") return { ...anew, index: domainIndexOf(text, this.#sealer) };
    if (column !== "recipient.sealed") return anew;
    return { ...anew, index: this.addressIndex(addressOf(JSON.parse(text) as EnvelopeRecipient)) };
  }

  newMessage(message: NewMessage): NewMessageRows {
    const { submission } = message;
    const { id, parent } = submission;
    if (submission.recipients.length === 0) throw storeError("PST-SPL-062", `message ${id} has no recipients`);
    return {
      message: this.#messageRow(message),
      blobs: [toBlobRow(submission.body)],
      recipients: this.#recipientRows(message),
      parent: parent === null ? null : { recipientId: parent.recipientId, kind: parent.kind, step: parent.step },
      events: message.events.map(toEventRow),
    };
  }

  transition(transition: Transition, now: number): CommitRows {
    const { inspected } = transition;
    return {
      now,
      variants: transition.variants.map((variant) => ({
        variant: {
          id: variant.id,
          message_id: variant.messageId,
          sealed: this.#sealer.seal(variantText(variant), `variant ${variant.id}`),
        },
        blobs: variant.pieces.filter((piece) => piece.kind === "blob").map((piece) => toBlobRow(piece.ref)),
      })),
      findings:
        inspected === null
          ? null
          : {
              messageId: inspected.messageId,
              sealed: this.#seal(inspected.findings, `findings ${inspected.messageId}`),
            },
      events: transition.events.map(toEventRow),
      approvals: transition.approvals ?? [],
      recipients: transition.recipients.map((recipient) => ({
        id: recipient.recipientId,
        fence: recipient.fence,
        patch: this.#patchRow(recipient.recipientId, recipient.patch),
        events: recipient.events.map(toEventRow),
        children: recipient.children.map((child) => this.newMessage(child)),
      })),
    };
  }

  storedMessage(rows: StoredMessageRows): StoredMessage {
    const { message } = rows;
    const id = message.id as MessageId;
    const blobs = new Map(rows.blobs.map((blob) => [blobKeyOf(blob.locator), toBlobRef(blob)]));
    const body = blobOf(blobs, message.body_locator);
    const sealed = this.#open(message.sealed, `message ${id}`) as SealedMessage;
    const findings = message.sealed_findings;
    return {
      submission: {
        id,
        origin: message.origin as Origin,
        ...sealed,
        body,
        sha256: message.sha256,
        receivedAt: message.received_at,
      },
      expiresAt: message.expires_at,
      findings: findings === null ? null : (this.#open(findings, `findings ${id}`) as Findings),
      variants: rows.variants.map((row): Variant => {
        const text = this.#openText(row.sealed, `variant ${row.id}`);
        return openVariant(text, { id: row.id as VariantId, messageId: id }, (locator) => blobOf(blobs, locator));
      }),
    };
  }

  storedRecipient(row: RecipientRow): StoredRecipient {
    const { sealed_plan: plan, sealed_reply: reply, lease_owner: owner, lease_until: until } = row;
    return {
      id: row.id as RecipientId,
      messageId: row.message_id as MessageId,
      lane: row.lane,
      sender: row.sender,
      recipient: this.#open(row.sealed, `recipient ${row.id}`) as EnvelopeRecipient,
      state: row.state,
      fence: row.fence,
      dueAt: row.due_at,
      attempts: row.attempts,
      plan: plan === null ? null : openPlan(this.#openText(plan, `plan ${row.id}`)),
      stepIndex: row.step_index,
      variantId: row.variant_id as VariantId | null,
      unmetSince: row.unmet_since,
      possibleDuplicate: row.possible_duplicate === 1,
      deadlineAt: row.deadline_at,
      holdReleased: row.hold_released === 1,
      noticesSent: row.notices_sent,
      lastCode: row.last_code as ReasonCode | null,
      lastReply: reply === null ? null : (this.#open(reply, `reply ${row.id}`) as PeerReply),
      lastHost: row.last_host,
      lease: owner === null || until === null ? null : { owner, until },
    };
  }

  #messageRow(message: NewMessage): MessageRow {
    const { id, origin, envelope, submitter, parent, mime, body, sha256, receivedAt } = message.submission;
    const sealed: SealedMessage = { envelope, submitter, parent, mime };
    return {
      id,
      origin,
      received_at: receivedAt,
      expires_at: message.expiresAt,
      sha256,
      body_locator: body.locator,
      sealed: this.#seal(sealed, `message ${id}`),
    };
  }

  #recipientRows({ submission, lease, dueAt }: NewMessage): readonly NewRecipientRow[] {
    const { sender, lanes } = this.sharesOf(submission);
    return submission.recipients.map((recipient, index): NewRecipientRow => {
      const id = recipientIdOf(submission.id, index + 1);
      return {
        id,
        message_id: submission.id,
        ordinal: index + 1,
        address_index: this.addressIndex(addressOf(recipient)),
        lane: lanes[index] ?? "",
        sender,
        sealed: this.#seal(recipient, `recipient ${id}`),
        state: "received",
        fence: lease === null ? 0 : 1,
        due_at: dueAt,
        lease_owner: lease?.owner ?? null,
        lease_until: lease?.until ?? null,
      };
    });
  }

  #patchRow(id: RecipientId, patch: RecipientPatch): PatchRow {
    const { plan, lastReply, lease } = patch;
    return {
      ...(patch.state !== undefined && { state: patch.state }),
      ...(patch.dueAt !== undefined && { due_at: patch.dueAt }),
      ...(patch.attempts !== undefined && { attempts: patch.attempts }),
      ...(plan !== undefined && { sealed_plan: this.#sealPlan(plan, id) }),
      ...(patch.stepIndex !== undefined && { step_index: patch.stepIndex }),
      ...(patch.variantId !== undefined && { variant_id: patch.variantId }),
      ...(patch.unmetSince !== undefined && { unmet_since: patch.unmetSince }),
      ...(patch.possibleDuplicate !== undefined && { possible_duplicate: patch.possibleDuplicate ? 1 : 0 }),
      ...(patch.deadlineAt !== undefined && { deadline_at: patch.deadlineAt }),
      ...(patch.holdReleased !== undefined && { hold_released: patch.holdReleased ? 1 : 0 }),
      ...(patch.noticesSent !== undefined && { notices_sent: patch.noticesSent }),
      ...(patch.lastCode !== undefined && { last_code: patch.lastCode }),
      ...(lastReply !== undefined && { sealed_reply: lastReply && this.#seal(lastReply, `reply ${id}`) }),
      ...(patch.lastHost !== undefined && { last_host: patch.lastHost }),
      ...(lease !== undefined && { lease_owner: lease?.owner ?? null, lease_until: lease?.until ?? null }),
    };
  }

  #sealPlan(plan: Plan | null, id: RecipientId): string | null {
    return plan === null ? null : this.#sealer.seal(planText(plan), `plan ${id}`);
  }

  #seal(value: object, context: string): string {
    return this.#sealer.seal(JSON.stringify(value), context);
  }

  #open(sealed: string, context: string): unknown {
    return JSON.parse(this.#openText(sealed, context));
  }

  #openText(sealed: string, context: string): string {
    try {
      return this.#sealer.open(sealed, context);
    } catch (error) {
      throw storeError("PST-SPL-061", context, error);
    }
  }
}

function addressOf({ mailbox }: EnvelopeRecipient): string {
  return `${mailbox.localPart}@${mailbox.domain}`;
}

export function toWaiting(row: WaitingRow): WaitingRecipient {
  return {
    id: row.id as RecipientId,
    messageId: row.message_id as MessageId,
    fence: row.fence,
    state: row.state,
    attempts: row.attempts,
    unmetSince: row.unmet_since,
    deadlineAt: row.deadline_at,
    noticesSent: row.notices_sent,
    lastHost: row.last_host,
    receivedAt: row.received_at,
    expiresAt: row.expires_at,
  };
}

export function toBlobRef(row: BlobRow): BlobRef {
  return { locator: row.locator, sizeBytes: row.size_bytes, wrappedKey: row.wrapped_key };
}

function toBlobRow({ locator, sizeBytes, wrappedKey, pending }: BlobRef): NewBlobRow {
  return { locator, size_bytes: sizeBytes, wrapped_key: wrappedKey, pending: pending ?? null };
}

function blobOf(blobs: ReadonlyMap<string, BlobRef>, locator: string): BlobRef {
  // A body that was copied elsewhere meanwhile is the same body.
  const blob = blobs.get(blobKeyOf(locator));
  if (blob === undefined) throw storeError("PST-SPL-060", "a message refers to a body that is not recorded");
  return blob;
}
