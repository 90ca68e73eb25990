/** The way of Postern's own mail into the queue, where nobody's message caused it: alerts and TLS reports (docs/flow.md). */
import type { EnvelopeRecipient } from "./core/envelope.ts";
import type { MessageId } from "./core/ids.ts";
import type { Origin } from "./core/origin.ts";
import type { OnSubmission, OpenIntake, StoredBody } from "./core/stages.ts";

export type OwnPost = {
  readonly openIntake: OpenIntake;
  readonly newMessageId: () => MessageId;
  readonly submit: OnSubmission;
};

export type OwnMail = {
  readonly id: MessageId;
  readonly origin: Extract<Origin, "alert" | "report">;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly bytes: Buffer;
  readonly hostname: string;
  readonly now: number;
};

/** From the null sender, so that no report answers it. Resolves when it is durable. */
export async function enqueue({ bytes, ...mail }: OwnMail, { openIntake, submit }: OwnPost): Promise<void> {
  const stored = await store(bytes, openIntake);
  const { id, origin, recipients, hostname, now } = mail;
  const isUtf8 = recipients.some(({ mailbox }) => mailbox.isUtf8);
  await submit({
    id,
    origin,
    parent: null,
    envelope: { sender: null, body: "7bit", smtpUtf8: isUtf8, requireTls: false, ret: null, envid: null },
    recipients,
    submitter: { submitter: "postern", proof: "self", peerAddress: "127.0.0.1", helo: hostname, tls: null },
    ...stored,
    receivedAt: now,
  });
}

async function store(bytes: Buffer, openIntake: OpenIntake): Promise<StoredBody> {
  const intake = openIntake();
  try {
    await intake.write(bytes);
    return await intake.finish();
  } catch (error) {
    await intake.abort();
    throw error;
  }
}
