/** Which recipients a person means: one set of filters for looking and for acting. Pure. */
import type { Mailbox } from "./envelope.ts";
import type { MessageId } from "./ids.ts";
import type { StoredRecipient } from "./queue-store.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { RecipientState } from "./recipient-state.ts";

export type QueueSelection = {
  readonly states: readonly RecipientState[];
  readonly messageId: MessageId | null;
  /** An address, a domain, or `.example.org` for everything below it. */
  readonly to: string | null;
  /** The same of the envelope sender; `<>` is the null sender. */
  readonly from: string | null;
  readonly codes: readonly ReasonCode[] | null;
  /** When the message came, as its id tells; milliseconds since the epoch. */
  readonly receivedFrom: number | null;
  readonly receivedBefore: number | null;
};

/** What a recipient tells by itself. */
export function isSelected({ codes, to }: QueueSelection, { lastCode, recipient }: StoredRecipient): boolean {
  if (codes !== null && (lastCode === null || !codes.includes(lastCode))) return false;
  return to === null || isAt(recipient.mailbox, to);
}

export function isFrom(sender: Mailbox | null, from: string): boolean {
  if (sender === null) return from === "<>";
  return isAt(sender, from);
}

/** Addresses are compared without case, as every look-up is; domains as A-labels. */
function isAt({ localPart, domain }: Mailbox, wanted: string): boolean {
  const at = wanted.lastIndexOf("@");
  if (at >= 0) return `${localPart}@${domain}`.normalize("NFC").toLowerCase() === wanted.normalize("NFC").toLowerCase();
  return wanted.startsWith(".") ? domain.endsWith(wanted.toLowerCase()) : domain === wanted.toLowerCase();
}
