/**
 * Writes what goes out beside a message because rules ask for it: a copy to the compliance mailboxes, notices that it was flagged
 * (docs/flow.md, "Mail that Postern writes itself"). Promises: the null envelope sender, so that no report answers it; the body is
 * durable when the rows are handed back; a copy is the message as it came, under the floor of the message and what REQUIRETLS asks;
 * notices hold no content and are limited by the hour, those to senders go to this organisation alone; what a compliance mailbox
 * sends is not copied to it, and a copy that a list behind it sends round ends after so many rounds. Whether one is due is decided elsewhere.
 */
import { isAmong, plainAddress } from "../../core/address-pattern.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { Envelope, EnvelopeRecipient, Mailbox } from "../../core/envelope.ts";
import { reached } from "../../core/failpoint.ts";
import { recipientIdOf } from "../../core/ids.ts";
import type { MessageId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { Companion } from "../../core/plan.ts";
import type { Origin } from "../../core/origin.ts";
import type { NewMessage } from "../../core/queue-store.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { OpenIntake, StoredBody, WriteCompanion } from "../../core/stages.ts";
import { composeReviewerNotice, composeSenderNotice } from "../../parts/mime/compose-flagged.ts";
import { applyEdits, headerEditRules, planHeaderEdit } from "../../parts/mime/header-edit.ts";
import { readHeaders } from "../../parts/mime/header-fields.ts";
import { readOriginalFacts } from "../../parts/mime/original-facts.ts";
import { separatorTo } from "../../parts/mime/trace-field.ts";
import type { CopyRounds } from "./copy-rounds.ts";
import type { NoticeBudget } from "./notice-budget.ts";
import { ownMessage, storeOwn } from "./own-message.ts";

export type CompanionOptions = {
  readonly hostname: string;
  /** Bare address notices come from. */
  readonly from: string;
  readonly lifetimeMs: number;
  readonly headerBytesMax: number;
  /** Compliance mailboxes. */
  readonly copyTo: readonly EnvelopeRecipient[];
  /** Reviewers. */
  readonly notify: readonly EnvelopeRecipient[];
  readonly noticesPerHourMax: number;
  /** A sender elsewhere is told nothing of the rules here. Empty: not known. */
  readonly ownDomains: readonly string[];
};

export type CompanionDeps = {
  readonly blobs: BlobStore;
  readonly openIntake: OpenIntake;
  readonly newMessageId: () => MessageId;
  readonly budget: NoticeBudget;
  readonly rounds: CopyRounds;
  /** Notices of this kind that went to an address since then, at most `max`. */
  readonly sentBefore: (notices: SentNotices) => Promise<number>;
  readonly log: Log;
};

export type SentNotices = {
  readonly kind: Companion["kind"];
  readonly address: string;
  readonly since: number;
  readonly max: number;
};

type Request = Parameters<WriteCompanion>[0];
type Made = { readonly recipients: readonly EnvelopeRecipient[]; readonly source: AsyncIterable<Uint8Array> };

/** Fields that tell a compliance mailbox which message it has, and why. */
const COPY_FIELD = "X-Postern-Copy-Of";
const RULE_FIELD = "X-Postern-Rule";
const RULE_FIELDS_MAX = 20;
const FORGED = headerEditRules({ stripNames: [COPY_FIELD, RULE_FIELD], stripPrefixes: [], subjectTags: [] });

/** `options` is asked each time: a reload may change who is told. */
export function createWriteCompanion(options: () => CompanionOptions, deps: CompanionDeps): WriteCompanion {
  return async (request) => {
    const now = options();
    const id = deps.newMessageId();
    const made = await make(request, { id, options: now, deps });
    if (made === null || typeof made === "string") {
      deps.log.warn("companion_left_out", { message: request.message.submission.id, kind: request.companion.kind });
      return made;
    }
    const stored = await storeOwn(made.source, deps.openIntake);
    await reached("report.body-durable");
    return newMessage({ id, recipients: made.recipients, stored, request }, now);
  };
}

type Making = { readonly id: MessageId; readonly options: CompanionOptions; readonly deps: CompanionDeps };

async function make(request: Request, making: Making): Promise<Made | ReasonCode | null> {
  const { options } = making;
  const { kind } = request.companion;
  if (kind === "copy") {
    if (options.copyTo.length === 0 || isFromCompliance(request, options)) return null;
    if (!(await mayCopy(request, making))) return "PST-PRT-008";
    return { recipients: options.copyTo, source: copyOf(request, making) };
  }
  const recipients = kind === "sender_notice" ? senderOf(request, options) : options.notify;
  const [first] = recipients;
  if (first === undefined) return null;
  const { address } = first.mailbox;
  const max = options.noticesPerHourMax;
  const { budget, sentBefore } = making.deps;
  const due = await budget.take(
    kind === "sender_notice" ? mailboxOf(first.mailbox) : "",
    { message: request.message.submission.id, now: request.now, max },
    (since) => sentBefore({ kind, address, since, max }),
  );
  return due === "no" ? null : { recipients, source: notice(request, { recipients, isLast: due === "last" }, making) };
}

/** What a compliance mailbox forwards would come back to it for ever. */
function isFromCompliance({ message }: Request, { copyTo }: CompanionOptions): boolean {
  const { sender } = message.submission.envelope;
  return sender !== null && copyTo.some(({ mailbox }) => plainAddress(mailbox) === plainAddress(sender));
}

async function mayCopy(request: Request, making: Making): Promise<boolean> {
  const { message, now, findings, recipients } = request;
  return making.deps.rounds.take({
    message: message.submission.id,
    now,
    messageId: readOriginalFacts(await readHeader(request, making)).messageId,
    findings,
    recipients: recipients.map(plainAddress),
  });
}

function senderOf({ message }: Request, { ownDomains }: CompanionOptions): readonly EnvelopeRecipient[] {
  const { sender } = message.submission.envelope;
  if (sender === null || (ownDomains.length > 0 && !isAmong(sender, withSubdomains(ownDomains)))) return [];
  return [{ mailbox: sender, notify: ["never"], orcpt: null }];
}

function withSubdomains(domains: readonly string[]): readonly string[] {
  return domains.flatMap((domain) => [domain, `.${domain}`]);
}

/** One mailbox, however it is addressed: mostly what stands behind a plus only sorts. */
function mailboxOf(mailbox: Mailbox): string {
  return plainAddress(mailbox).replace(/\+[^@]*@/, "@");
}

type Notice = { readonly recipients: readonly EnvelopeRecipient[]; readonly isLast: boolean };

async function* notice(request: Request, { recipients, isLast }: Notice, making: Making): AsyncGenerator<Uint8Array> {
  const { id, options } = making;
  const { submission } = request.message;
  const isToSender = request.companion.kind === "sender_notice";
  const fields = {
    id,
    hostname: options.hostname,
    from: options.from,
    to: recipients.map(({ mailbox }) => mailbox.address),
    now: request.now,
    queueId: submission.id,
    arrivedAt: submission.receivedAt,
    messageId: isToSender ? readOriginalFacts(await readHeader(request, making)).messageId : null,
    rules: request.companion.rules,
    fates: request.fates,
    isLast,
  };
  yield isToSender ? composeSenderNotice(fields) : composeReviewerNotice(fields);
}

/** The message as it came, behind fields of ours; fields of that name in it would speak of another message. */
async function* copyOf(request: Request, making: Making): AsyncGenerator<Uint8Array> {
  const { message, companion } = request;
  const { blobs } = making.deps;
  const { id, body, mime } = message.submission;
  const rules = companion.rules.slice(0, RULE_FIELDS_MAX).map((rule) => `${RULE_FIELD}: ${rule}\r\n`);
  yield Buffer.from(`${COPY_FIELD}: ${id}\r\n${rules.join("")}`);
  const header = await readHeader(request, making);
  const came = applyEdits(header, planHeaderEdit(header, readHeaders(header), FORGED));
  yield separatorTo(came);
  yield came;
  yield* blobs.read(body, { start: header.length, end: mime.sizeBytes });
}

async function readHeader({ message }: Request, { options, deps: { blobs } }: Making): Promise<Buffer> {
  const { body, mime } = message.submission;
  const chunks: Uint8Array[] = [];
  const end = Math.min(mime.root.bodyStart, options.headerBytesMax);
  for await (const chunk of blobs.read(body, { start: 0, end })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type Stored = {
  readonly id: MessageId;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly stored: StoredBody;
  readonly request: Request;
};

/** Once for a message, whichever of its recipients caused it: the first stands for all. */
function newMessage({ id, recipients, stored, request }: Stored, options: CompanionOptions): NewMessage {
  const { message, companion, floor, now } = request;
  const messageId = message.submission.id;
  const recipientId = recipientIdOf(messageId, 1);
  const isCopy = companion.kind === "copy";
  const origin: Origin = isCopy ? "copy" : "notice";
  const parent = { messageId, recipientId, kind: companion.kind, step: 0, ...(isCopy && { floor }) };
  const envelope = envelopeOf(request, recipients);
  const made = ownMessage({ id, origin, parent, envelope, recipients, stored, now }, options);
  const child = { kind: "child", child: companion.kind, messageId: id, step: 0 } as const;
  return { ...made, events: [{ at: now, messageId, recipientId: null, body: child }, ...made.events] };
}

function envelopeOf({ message, companion }: Request, recipients: readonly EnvelopeRecipient[]): Envelope {
  const own: Envelope = {
    sender: null,
    body: "7bit",
    smtpUtf8: recipients.some(({ mailbox }) => mailbox.isUtf8),
    requireTls: false,
    ret: null,
    envid: null,
  };
  if (companion.kind !== "copy") return own;
  const { body, smtpUtf8, requireTls } = message.submission.envelope;
  return { ...own, body, smtpUtf8: smtpUtf8 || own.smtpUtf8, requireTls };
}
