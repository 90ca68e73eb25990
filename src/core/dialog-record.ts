/**
 * What is known of a dialog and not in the store yet: findings, plan, step and bytes. Promises: all of it is durable with the
 * intent at the latest, so before the final dot; a dialog that takes longer than `patienceMs` is on record as `in_dialog`; what
 * ends before both is handed to whoever writes the end.
 */
import { reached } from "./failpoint.ts";
import { dotAnnounced, NOTHING_TO_WRITE } from "./pass-transitions.ts";
import type { CommitResult, RecipientTransition, StoredRecipient, Transition, Wait } from "./queue-store.ts";
import type { Deliver } from "./stages.ts";

export type WriteTransition = (transition: Transition, wait: Wait) => Promise<CommitResult>;

/** What the dialog has proved when its dot is due. */
type Seen = Parameters<Parameters<Deliver>[0]["onDot"]>[1];

export class DialogRecord {
  readonly #write: WriteTransition;
  #unwritten: Transition;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(unwritten: Transition, write: WriteTransition, patienceMs: number) {
    this.#write = write;
    this.#unwritten = unwritten;
    if (unwritten.recipients.length > 0)
      this.#timer = setTimeout(() => void (this.#writing = this.#begin()), patienceMs);
  }

  /**
   * Resolves when the intent, and with it all there is to know, is on disk (DESIGN state machine); rejects where it is not, or
   * where a claim went to another worker. The dot must not leave then.
   */
  async announce(recipients: readonly StoredRecipient[], seen: Seen, at: number): Promise<void> {
    const dots = recipients.map((recipient) => dotAnnounced(recipient, seen, at));
    const unwritten = await this.#take();
    try {
      const transition = { ...unwritten, recipients: joined(unwritten.recipients, dots) };
      const { stale } = await this.#write(transition, "durable");
      if (stale.length === 0) return;
    } catch (error) {
      this.#unwritten = unwritten;
      throw error;
    }
    throw new Error("the claim of a recipient went to another worker");
  }

  /** The dialog is over: what is still to be written, with its end. */
  async close(): Promise<Transition> {
    return await this.#take();
  }

  async #begin(): Promise<void> {
    const unwritten = this.#unwritten;
    this.#unwritten = NOTHING_TO_WRITE;
    try {
      await reached("plan.before-rows");
      await this.#write(unwritten, "ordered");
      await reached("plan.recorded");
    } catch {
      // The intent or the end tries again, and says what is wrong.
      this.#unwritten = unwritten;
    }
  }

  async #take(): Promise<Transition> {
    clearTimeout(this.#timer);
    await this.#writing;
    const unwritten = this.#unwritten;
    this.#unwritten = NOTHING_TO_WRITE;
    return unwritten;
  }
}

/** One transition for each recipient: how its dialog began, and its dot where one is announced. */
function joined(
  dialogs: readonly RecipientTransition[],
  dots: readonly RecipientTransition[],
): readonly RecipientTransition[] {
  const begun = new Map(dialogs.map((dialog) => [dialog.recipientId, dialog]));
  for (const dot of dots) {
    const dialog = begun.get(dot.recipientId);
    const events = [...(dialog?.events ?? []), ...dot.events];
    begun.set(dot.recipientId, { ...dot, patch: { ...dialog?.patch, ...dot.patch }, events });
  }
  return [...begun.values()];
}
