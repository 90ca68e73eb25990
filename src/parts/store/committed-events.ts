/** Which events of a commit were really written: those of a refused transition (stale fence) and of a child that was there already were not. */
import type { NewEvent } from "../../core/event.ts";
import type { CommitResult, Transition } from "../../core/queue-store.ts";

export function committedEvents(transition: Transition, result: CommitResult): readonly NewEvent[] {
  const stale = new Set(result.stale);
  const children = new Set(result.children);
  const written = transition.recipients.filter(({ recipientId }) => !stale.has(recipientId));
  const born = written.flatMap((recipient) =>
    recipient.children.filter(({ submission }) => children.has(submission.id)),
  );
  return [transition, ...written, ...born].flatMap(({ events }) => events);
}
