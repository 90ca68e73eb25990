/** What is asked about one message over the control socket: its facts, and its story recipient by recipient. Checked field by field. */
import type { Origin } from "../../core/origin.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import type { ProofKind } from "../../core/submission.ts";
import { ControlError, isQueueId } from "./control-protocol.ts";

export type MessageRequest = { readonly id: string };

/** A message without its content. Times as in ISO 8601. */
export type QueueMessage = {
  readonly id: string;
  readonly received: string;
  readonly origin: Origin;
  readonly submitter: string;
  readonly proof: ProofKind;
  readonly sender: string | null;
  readonly sizeBytes: number;
  readonly verdict: string | null;
  readonly tier: string | null;
  readonly expires: string;
};
export type MessageResult = { readonly message: QueueMessage | null };

/** Of a message, or of one recipient; `after`: so many recipients were told of by the answers before. */
export type TraceRequest = { readonly id: string; readonly after: number };

export type TracedLine = { readonly at: number; readonly text: string };
export type TracedRecipient = {
  readonly recipientId: string;
  readonly address: string | null;
  readonly state: RecipientState | null;
  readonly lines: readonly TracedLine[];
  readonly now: string | null;
};
/** As many recipients as fit; `next` null: there are no more. `lines` concern the message. */
export type TraceResult = {
  readonly lines: readonly TracedLine[];
  readonly recipients: readonly TracedRecipient[];
  readonly next: number | null;
};

export function toMessageRequest(body: unknown): MessageRequest {
  return { id: idOf(body) };
}

export function toTraceRequest(body: unknown): TraceRequest {
  const id = idOf(body);
  const { after } = body as { readonly after?: unknown };
  if (typeof after === "number" && Number.isSafeInteger(after) && after >= 0) return { id, after };
  throw new ControlError("PST-CTL-003", "after: as the answer before gave it, at first 0.");
}

function idOf(body: unknown): string {
  if (typeof body === "object" && body !== null && "id" in body && isQueueId(body.id)) return body.id;
  throw new ControlError("PST-CTL-003", "id: as the lists print it.");
}
