/** The rows by which a walk keeps its place: a dialog begins, a dot is announced, a message as a whole is told of. Pure. */
import type { EventBody, NewEvent } from "./event.ts";
import type { MessageId, RecipientId } from "./ids.ts";
import type { Parcel, Variant } from "./parcel.ts";
import type { Plan } from "./plan.ts";
import type { RecipientPatch, RecipientTransition, StoredRecipient, Transition } from "./queue-store.ts";
import type { Rung } from "./rung.ts";

export type Dialog = {
  readonly recipient: StoredRecipient;
  readonly plan: Plan;
  readonly stepIndex: number;
  readonly parcel: Parcel;
  /** Facts to be written with the transition. */
  readonly events: readonly EventBody[];
};

export const NOTHING_TO_WRITE: Transition = { recipients: [], variants: [], inspected: null, events: [] };

/** Plan, step and bytes are on record before the final dot. */
export function dialogBegins({ recipient, plan, stepIndex, parcel, events }: Dialog, at: number): RecipientTransition {
  const { id: recipientId, fence, messageId, unmetSince } = recipient;
  return {
    recipientId,
    fence,
    patch: { state: "in_dialog", plan, stepIndex, variantId: parcel.variant.id, unmetSince },
    events: events.map((body) => ({ at, messageId, recipientId, body })),
    children: [],
  };
}

export function dotAnnounced(
  { id: recipientId, fence, messageId }: StoredRecipient,
  seen: { readonly host: string; readonly rung: Rung },
  at: number,
): RecipientTransition {
  const event: NewEvent = { at, messageId, recipientId, body: { kind: "dot_sent", ...seen } };
  return { recipientId, fence, patch: { state: "dot_sent" }, events: [event], children: [] };
}

/** Each once, however many recipients share it. */
export function variantsOf(dialogs: readonly Pick<Dialog, "parcel">[]): readonly Variant[] {
  return [...new Map(dialogs.map(({ parcel }) => [parcel.variant.id, parcel.variant])).values()];
}

export function eventsOfMessage(messageId: MessageId, bodies: readonly EventBody[], at: number): readonly NewEvent[] {
  return bodies.map((body) => ({ at, messageId, recipientId: null, body }));
}

/** What a recipient's end has to write because nobody wrote it before. */
export function patchOf(id: RecipientId, { recipients }: Pick<Transition, "recipients">): RecipientPatch {
  return recipients.find(({ recipientId }) => recipientId === id)?.patch ?? {};
}
