/**
 * What reports, notices and copies have in common, whatever they say: they are stored like mail that comes in, and begin as a message
 * that Postern submitted to itself. Promises: a body that cannot be stored whole leaves nothing.
 */
import type { NewMessage } from "../../core/queue-store.ts";
import type { OpenIntake, StoredBody } from "../../core/stages.ts";
import type { Submission } from "../../core/submission.ts";

export async function storeOwn(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  openIntake: OpenIntake,
): Promise<StoredBody> {
  const intake = openIntake();
  try {
    for await (const chunk of chunks) await intake.write(chunk);
    return await intake.finish();
  } catch (error) {
    await intake.abort();
    throw error;
  }
}

export type OwnMessage = Pick<Submission, "id" | "origin" | "parent" | "envelope" | "recipients"> & {
  readonly stored: StoredBody;
  readonly now: number;
};

/** Due at once. */
export function ownMessage(
  { stored, now, ...own }: OwnMessage,
  { hostname, lifetimeMs }: { readonly hostname: string; readonly lifetimeMs: number },
): NewMessage {
  const from = { submitter: "postern", proof: "self", peerAddress: "127.0.0.1", tls: null } as const;
  const { id, origin, recipients } = own;
  const { sizeBytes } = stored.body;
  return {
    submission: { ...own, submitter: { ...from, helo: hostname }, ...stored, receivedAt: now },
    expiresAt: now + lifetimeMs,
    dueAt: now,
    lease: null,
    events: [
      {
        at: now,
        messageId: id,
        recipientId: null,
        body: { kind: "accepted", origin, ...from, sizeBytes, sha256: stored.sha256, recipients: recipients.length },
      },
    ],
  };
}
