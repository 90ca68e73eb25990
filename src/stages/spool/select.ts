/**
 * Finds the recipients of a selection, portion by portion. Promises: a portion reads at most `examinedMax` recipients and gives at most
 * `matchesMax`; the next goes on where it ended, and none comes twice unless its state changed meanwhile. State, time, message and exact
 * recipient address are looked up by index; code, domain and sender are compared on what is read, the sender after opening the message.
 */
import type { RecipientId } from "../../core/ids.ts";
import { isFrom, isSelected } from "../../core/queue-selection.ts";
import type { QueueSelection } from "../../core/queue-selection.ts";
import type { QueueStore, ScanQuery, StoredRecipient } from "../../core/queue-store.ts";
import type { RecipientState } from "../../core/recipient-state.ts";

/** Where the next portion begins. */
export type SelectCursor = { readonly state: RecipientState; readonly after: RecipientId | null };

export type Portion = {
  readonly matches: readonly StoredRecipient[];
  readonly examined: number;
  /** null: all were seen. */
  readonly next: SelectCursor | null;
};

export type PortionLimits = { readonly matchesMax: number; readonly examinedMax: number };

export type SelectSource = Pick<QueueStore, "scan" | "message">;

const PAGE_ROWS_MAX = 500;

/** `cursor` null begins. */
export async function selectPortion(
  selection: QueueSelection,
  cursor: SelectCursor | null,
  { source, limits }: { readonly source: SelectSource; readonly limits: PortionLimits },
): Promise<Portion> {
  const matches: StoredRecipient[] = [];
  const isWanted = wantedBy(selection, source);
  let examined = 0;
  let at: SelectCursor | null = cursor ?? firstOf(selection);
  while (at !== null && matches.length < limits.matchesMax && examined < limits.examinedMax) {
    const limit = Math.min(PAGE_ROWS_MAX, limits.matchesMax - matches.length, limits.examinedMax - examined);
    const { recipients, next } = await source.scan({ ...byIndex(selection), ...at, limit });
    for (const recipient of recipients) if (await isWanted(recipient)) matches.push(recipient);
    examined += recipients.length;
    at = next === null ? nextState(selection, at.state) : { state: at.state, after: next };
  }
  return { matches, examined, next: at };
}

function byIndex({
  messageId,
  to,
  receivedFrom,
  receivedBefore,
}: QueueSelection): Omit<ScanQuery, "state" | "after" | "limit"> {
  return {
    ...(messageId !== null && { messageId }),
    ...(to?.includes("@") === true && { address: to }),
    ...(receivedFrom !== null && { from: receivedFrom }),
    ...(receivedBefore !== null && { before: receivedBefore }),
  };
}

function firstOf({ states }: QueueSelection): SelectCursor | null {
  const [state] = states;
  return state === undefined ? null : { state, after: null };
}

function nextState({ states }: QueueSelection, state: RecipientState): SelectCursor | null {
  const next = states[states.indexOf(state) + 1];
  return next === undefined ? null : { state: next, after: null };
}

/** Recipients of a message come one after the other: its sender is opened once. */
function wantedBy(selection: QueueSelection, source: SelectSource): (recipient: StoredRecipient) => Promise<boolean> {
  const { from } = selection;
  let seen: { readonly messageId: string; readonly isSender: boolean } | null = null;
  return async (recipient) => {
    if (!isSelected(selection, recipient)) return false;
    if (from === null) return true;
    if (seen?.messageId !== recipient.messageId) {
      const message = await source.message(recipient.messageId);
      const isSender = message !== null && isFrom(message.submission.envelope.sender, from);
      seen = { messageId: recipient.messageId, isSender };
    }
    return seen.isSender;
  };
}
