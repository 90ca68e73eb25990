/**
 * Writes what became of recipients: state, audit rows and the reports they cause in one transaction (RFC 3464; at most
 * one report per recipient, kind and step). Reports of one kind that fall together share one mail. Promises: a report
 * that cannot be written keeps its recipients unsettled, so that their lease runs out and they are tried again.
 */
import type { Settled, Tell } from "../../core/aftermath.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventBody, NewEvent } from "../../core/event.ts";
import type { Log } from "../../core/log.ts";
import { lifetimeEnd } from "../../core/pass-facts.ts";
import type {
  NewMessage,
  QueueStore,
  RecipientTransition,
  StoredMessage,
  StoredRecipient,
  Transition,
} from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import type { ReportSubject, WriteReport } from "../../core/stages.ts";

export type Ending = {
  readonly recipient: StoredRecipient;
  readonly settled: Settled;
  /** Facts that belong before the ending's own events. */
  readonly before: readonly EventBody[];
};

/** What goes into the same transaction without ending a recipient. */
export type Alongside = Omit<Transition, "recipients"> & { readonly recipients: readonly RecipientTransition[] };

export const NOTHING_ALONGSIDE: Alongside = { recipients: [], variants: [], inspected: null, events: [] };

export type Settle = (message: StoredMessage, endings: readonly Ending[], alongside?: Alongside) => Promise<void>;

export type SettleDeps = {
  readonly store: QueueStore;
  readonly writeReport: WriteReport;
  readonly clock: Clock;
  readonly log: Log;
  /** New mail is due: the scheduler looks at once. */
  readonly wake: () => void;
};

export function createSettle(deps: SettleDeps): Settle {
  return async (message, endings, alongside = NOTHING_ALONGSIDE) => {
    const reports = await writeReports(message, endings, deps);
    const transition: Transition = {
      ...alongside,
      recipients: [
        ...alongside.recipients,
        ...endings.map((ending) => transitionOf(ending, { message, reports, at: deps.clock.now() })),
      ],
    };
    const result = await deps.store.commit(transition, mustWait(endings) ? "durable" : "ordered");
    for (const id of result.stale) deps.log.warn("stale_claim", { recipient: id });
    for (const ending of endings) announce(ending, result.stale.includes(ending.recipient.id), deps.log);
    if (result.children.length > 0) deps.wake();
    await adoptOrphans(message, { endings, reports, stale: result.stale }, deps);
  };
}

/** Ends and waits that others rely on are durable before anything follows from them. */
function mustWait(endings: readonly Ending[]): boolean {
  return endings.some(({ settled }) => {
    const state = settled.patch.state;
    return state !== undefined && (isTerminal(state) || state === "held" || settled.patch.possibleDuplicate === true);
  });
}

type Told = {
  readonly message: StoredMessage;
  readonly reports: ReadonlyMap<string, NewMessage>;
  readonly at: number;
};

function transitionOf(ending: Ending, { message, reports, at }: Told): RecipientTransition {
  const { recipient, settled, before } = ending;
  const child = reports.get(recipient.id);
  const unsaid: readonly EventBody[] = isUnsayable(settled.tell, message)
    ? [{ kind: "alert", code: "PST-PIP-006" }]
    : [];
  const childEvent: readonly EventBody[] = child === undefined ? [] : [childEventOf(child)];
  return {
    recipientId: recipient.id,
    fence: recipient.fence,
    patch: settled.patch,
    events: [...before, ...settled.events, ...childEvent, ...unsaid].map((body) => eventOf(recipient, body, at)),
    children: child === undefined ? [] : [child],
  };
}

function childEventOf(child: NewMessage): EventBody {
  const parent = child.submission.parent;
  if (parent === null) throw new Error("a report has a parent");
  return { kind: "child", child: parent.kind, messageId: child.submission.id, step: parent.step };
}

export function eventOf(recipient: Pick<StoredRecipient, "id" | "messageId">, body: EventBody, at: number): NewEvent {
  return { at, messageId: recipient.messageId, recipientId: recipient.id, body };
}

/** One mail per kind and step; keyed by the recipient that is its parent. */
async function writeReports(
  message: StoredMessage,
  endings: readonly Ending[],
  deps: Pick<SettleDeps, "writeReport" | "clock">,
): Promise<ReadonlyMap<string, NewMessage>> {
  const groups = new Map<string, { tell: Tell; until: number; subjects: [ReportSubject, ...ReportSubject[]] }>();
  for (const { recipient, settled } of endings) {
    const { tell } = settled;
    if (tell === null || !isWanted(tell, message, recipient)) continue;
    const key = `${tell.kind} ${tell.step}`;
    const subject = { recipient, ...tell };
    const until = settled.patch.deadlineAt ?? lifetimeEnd(recipient, message);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { tell, until, subjects: [subject] });
    else group.subjects.push(subject);
  }
  const reports = new Map<string, NewMessage>();
  for (const { tell, until, subjects } of groups.values()) {
    const report = { kind: tell.kind, step: tell.step, message, subjects, until, now: deps.clock.now() };
    reports.set(subjects[0].recipient.id, await deps.writeReport(report));
  }
  return reports;
}

/** RFC 3461 section 4.1 and RFC 5321 section 6.1: never about a report, never to the null sender. */
export function isWanted(tell: Tell, message: StoredMessage, recipient: StoredRecipient): boolean {
  if (message.submission.origin !== "relay" || message.submission.envelope.sender === null) return false;
  const notify = recipient.recipient.notify;
  switch (tell.kind) {
    case "held_notice":
      return true;
    case "failure_dsn":
      return notify === null || notify.includes("failure");
    case "delay_dsn":
      return notify === null || notify.includes("delay");
    case "success_dsn":
      return notify !== null && notify.includes("success");
    default:
      return assertNever(tell.kind);
  }
}

/** A failure or hold of relayed mail from the null sender: nobody may be told, so an operator has to look. */
function isUnsayable(tell: Tell | null, { submission }: StoredMessage): boolean {
  if (tell === null || submission.origin !== "relay" || submission.envelope.sender !== null) return false;
  return tell.kind === "failure_dsn" || tell.kind === "held_notice";
}

/** A shared report whose parent turned out stale was not inserted: the others get theirs under a new parent. */
async function adoptOrphans(
  message: StoredMessage,
  done: {
    readonly endings: readonly Ending[];
    readonly reports: ReadonlyMap<string, NewMessage>;
    readonly stale: readonly string[];
  },
  deps: SettleDeps,
): Promise<void> {
  if (!done.stale.some((id) => done.reports.has(id))) return;
  const left = done.endings
    .filter(({ recipient }) => !done.stale.includes(recipient.id) && !done.reports.has(recipient.id))
    .map((ending) => ({ ...ending, before: [], settled: { ...ending.settled, patch: {}, events: [] } }));
  if (left.length > 0) await createSettle(deps)(message, left);
}

function announce({ recipient, settled }: Ending, isStale: boolean, log: Log): void {
  if (isStale || settled.patch.state === undefined) return;
  const fields = { recipient: recipient.id, state: settled.patch.state, code: settled.patch.lastCode ?? null };
  if (settled.patch.state === "held" || settled.patch.state === "failed") log.warn("recipient", fields);
  else log.info("recipient", fields);
}
