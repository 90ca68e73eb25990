/**
 * Writes the mail by which Postern tells a sender what became of recipients (docs/flow.md, "Mail that Postern writes itself").
 * Promises: the null envelope sender, so that no report answers a report (RFC 5321 section 4.5.5); the body is durable when
 * the rows are handed back; of the original only what compose.ts allows. When a report is due is decided elsewhere.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { EnvelopeRecipient, Mailbox } from "../../core/envelope.ts";
import { reached } from "../../core/failpoint.ts";
import type { MessageId } from "../../core/ids.ts";
import type { Origin, ReportKind } from "../../core/origin.ts";
import type { NewMessage, StoredMessage } from "../../core/queue-store.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { OpenIntake, ReportSubject, StoredBody, WriteReport } from "../../core/stages.ts";
import {
  composeDelayDsn,
  composeFailureDsn,
  composeHeldNotice,
  composeSuccessDsn,
  type DsnRecipient,
  type ReportBase,
} from "../../parts/mime/compose.ts";
import { readOriginalFacts } from "../../parts/mime/original-facts.ts";
import { ownMessage, storeOwn } from "./own-message.ts";

export type ReportOptions = {
  readonly hostname: string;
  /** Bare address the reports come from. */
  readonly from: string;
  readonly lifetimeMs: number;
  readonly headerBytesMax: number;
};

export type ReportDeps = {
  readonly blobs: BlobStore;
  readonly openIntake: OpenIntake;
  readonly newMessageId: () => MessageId;
};

type Request = Parameters<WriteReport>[0];

export function createWriteReport(options: ReportOptions, deps: ReportDeps): WriteReport {
  return async (request) => {
    const { sender } = request.message.submission.envelope;
    if (sender === null) throw new Error("nobody to report to");
    const id = deps.newMessageId();
    const header = await readHeader(request.message, options.headerBytesMax, deps.blobs);
    const base: ReportBase = {
      id,
      hostname: options.hostname,
      from: options.from,
      to: sender.address,
      queueId: request.message.submission.id,
      arrivedAt: request.message.submission.receivedAt,
      now: request.now,
      original: readOriginalFacts(header),
    };
    const stored = await storeOwn([compose(base, request)], deps.openIntake);
    await reached("report.body-durable");
    return newMessage({ id, sender, stored, request }, options);
  };
}

function compose(base: ReportBase, { kind, subjects, until, message }: Request): Buffer {
  const [first, ...rest] = subjects;
  const dsn = {
    ...base,
    envid: message.submission.envelope.envid,
    recipients: [dsnRecipient(first), ...rest.map(dsnRecipient)] as const,
  };
  switch (kind) {
    case "failure_dsn":
      return composeFailureDsn(dsn);
    case "delay_dsn":
      return composeDelayDsn({ ...dsn, until });
    case "success_dsn":
      return composeSuccessDsn(dsn);
    case "held_notice":
      return composeHeldNotice({ ...base, until, recipients: [heldRecipient(first), ...rest.map(heldRecipient)] });
    default:
      return assertNever(kind);
  }
}

function dsnRecipient({ recipient, status, code, replyCode, host, rule }: ReportSubject): DsnRecipient {
  const { mailbox, orcpt } = recipient.recipient;
  return { address: mailbox.address, orcpt, status, code, replyCode, host, ...(rule !== undefined && { rule }) };
}

function heldRecipient({ recipient, code }: ReportSubject): {
  readonly address: string;
  readonly code: ReasonCode;
} {
  return { address: recipient.recipient.mailbox.address, code: code ?? "PST-DEC-001" };
}

/** Empty where the stored body is damaged or gone: then of all times the sender must hear of it. */
async function readHeader(message: StoredMessage, bytesMax: number, blobs: BlobStore): Promise<Buffer> {
  const { body, mime } = message.submission;
  const range = { start: 0, end: Math.min(mime.root.bodyStart, bytesMax) };
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of blobs.read(body, range)) chunks.push(chunk);
  } catch {
    // Dropped on purpose: what the header says only adorns the report, and the body store has told why by itself.
    return Buffer.alloc(0);
  }
  return Buffer.concat(chunks);
}

function newMessage(
  made: { readonly id: MessageId; readonly sender: Mailbox; readonly stored: StoredBody; readonly request: Request },
  options: ReportOptions,
): NewMessage {
  const { id, sender, stored, request } = made;
  const origin = originOf(request.kind);
  const recipient: EnvelopeRecipient = { mailbox: sender, notify: ["never"], orcpt: null };
  const parent = {
    messageId: request.message.submission.id,
    recipientId: request.subjects[0].recipient.id,
    kind: request.kind,
    step: request.step,
  };
  const envelope = {
    sender: null,
    body: "7bit",
    smtpUtf8: sender.isUtf8,
    requireTls: false,
    ret: null,
    envid: null,
  } as const;
  return ownMessage({ id, origin, parent, envelope, recipients: [recipient], stored, now: request.now }, options);
}

function originOf(kind: ReportKind): Origin {
  return kind === "held_notice" ? "notice" : "dsn";
}
