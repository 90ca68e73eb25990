/** Which events of a commit were really written: those of a refused transition (stale fence) and of a child that was there already were not. */
import type { NewEvent } from "../../core/event.ts";
import type { CommitResult, NewMessage, Transition } from "../../core/queue-store.ts";

export function committedEvents(transition: Transition, result: CommitResult): readonly NewEvent[] {
  const stale = new Set(result.stale);
  const events = [...transition.events];
  const children: NewMessage[] = [];
  for (const recipient of transition.recipients) {
    if (stale.has(recipient.recipientId)) continue;
    events.push(...recipient.events);
    children.push(...recipient.children);
  }
  const born = new Set(result.children);
  for (const child of children) if (born.has(child.submission.id)) events.push(...child.events);
  return events;
}
