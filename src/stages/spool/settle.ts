/**
 * Writes what became of recipients: state, audit rows and the reports they cause in one transaction (RFC 3464; at most
 * one report per recipient, kind and step). Reports of one kind that fall together share one mail. Promises: a report that
 * cannot be written keeps its own recipients unsettled, and nobody else's, so that their lease runs out and they are tried
 * again; only who was delivered to stays so, because trying again would deliver twice, and who has been overdue for
 * REPORT_PATIENCE_MS ends without its report, with an alert: nothing waits for ever.
 */
import type { Settled, Tell } from "../../core/aftermath.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { BlobRef, BlobStore } from "../../core/blob-store.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventBody, NewEvent } from "../../core/event.ts";
import { reached } from "../../core/failpoint.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { errorName } from "../../core/error-facts.ts";
import type { WriteTransition } from "../../core/dialog-record.ts";
import { faultOf, lifetimeEnd } from "../../core/pass-facts.ts";
import { NOTHING_TO_WRITE } from "../../core/pass-transitions.ts";
import type {
  CommitResult,
  NewMessage,
  QueueStore,
  RecipientTransition,
  StoredMessage,
  StoredRecipient,
  Transition,
  Wait,
} from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import type { ApprovalChange } from "../../core/review.ts";
import type { ReportSubject, WriteReport } from "../../core/stages.ts";

export type Ending = {
  readonly recipient: StoredRecipient;
  readonly settled: Settled;
  /** Facts that belong before the ending's own events. */
  readonly before: readonly EventBody[];
  /** Requests that it answers, closed with it. */
  readonly approvals?: readonly ApprovalChange[];
};

/** What goes into the same transaction without ending a recipient. */
export type Alongside = Transition;

/** Writes nothing where nothing is given. Resolves to those of whom nothing was written: their claim was stale, or their report could not be written. */
export type Settle = (
  message: StoredMessage,
  endings: readonly Ending[],
  alongside?: Alongside,
) => Promise<readonly RecipientId[]>;

export type SettleDeps = {
  readonly store: QueueStore;
  readonly blobs: Pick<BlobStore, "keep" | "disown">;
  readonly writeReport: WriteReport;
  readonly clock: Clock;
  readonly log: Log;
  /** New mail is due: the scheduler looks at once. */
  readonly wake: () => void;
  /** These are written: their places are free, however long others of their message take. */
  readonly settled: (recipients: readonly StoredRecipient[]) => void;
};

/** One report and whom it speaks of; the first is its parent. */
type Report = { readonly mail: NewMessage; readonly about: readonly [StoredRecipient, ...StoredRecipient[]] };
type Reports = { readonly written: readonly Report[]; readonly lost: ReadonlySet<RecipientId> };

/** How long past its lifetime a recipient waits for a report that cannot be written. */
const REPORT_PATIENCE_MS = 24 * 3_600_000;

export function createSettle(deps: SettleDeps): Settle {
  return async (message, endings, alongside = NOTHING_TO_WRITE) => {
    if (endings.length === 0 && isNothing(alongside)) return [];
    const reports = await writeReports(message, endings, deps);
    const at = deps.clock.now();
    const settled = endings.filter(({ recipient, settled: { patch } }) => {
      const isLongOverdue = at >= lifetimeEnd(recipient, message) + REPORT_PATIENCE_MS;
      return patch.state === "delivered" || isLongOverdue || !reports.lost.has(recipient.id);
    });
    const told = { message, reports, at };
    const recipients = [...alongside.recipients, ...settled.map((ending) => transitionOf(ending, told))];
    const approvals = settled.flatMap((ending) => ending.approvals ?? []);
    const wait = mustWait(settled) ? "durable" : "ordered";
    const isPlan = alongside.recipients.length > 0;
    await reached(isPlan ? "plan.before-rows" : "result.before-rows");
    const mails = reports.written.map(({ mail }) => mail);
    const { stale, children } = await commit({ ...alongside, recipients, approvals }, { wait, children: mails, deps });
    await reached(isPlan ? "plan.recorded" : "result.recorded");
    for (const id of stale) deps.log.warn("stale_claim", { recipient: id });
    deps.settled(settled.map(({ recipient }) => recipient));
    for (const ending of settled) announce(ending, stale.includes(ending.recipient.id), deps.log);
    if (children.length > 0) deps.wake();
    await tellOfSharing({ ...told, stale, children }, deps);
    await adoptOrphans({ ...told, stale }, settled, deps);
    const left = endings.filter((ending) => !settled.includes(ending)).map(({ recipient }) => recipient.id);
    return [...stale, ...left];
  };
}

/** For what does not end a recipient: how its dialog began, and the intent. */
export function createWrite(deps: Pick<SettleDeps, "store" | "blobs">): WriteTransition {
  return async (transition, wait) => commit(transition, { wait, children: [], deps });
}

type Committing = {
  readonly wait: Wait;
  /** All the transition brings along. */
  readonly children: readonly NewMessage[];
  readonly deps: Pick<SettleDeps, "store" | "blobs">;
};

/** Rows refer to the bodies they were written with; a child nobody was given leaves none behind. */
export async function commit(transition: Transition, { wait, children, deps }: Committing): Promise<CommitResult> {
  const bodyOf = ({ submission }: NewMessage): BlobRef => submission.body;
  try {
    const result = await deps.store.commit(transition, wait);
    const isInserted = ({ submission }: NewMessage): boolean => result.children.includes(submission.id);
    const pieces = transition.variants.flatMap((variant) => variant.pieces).filter((piece) => piece.kind === "blob");
    deps.blobs.keep([...children.filter(isInserted).map(bodyOf), ...pieces.map(({ ref }) => ref)]);
    deps.blobs.disown(children.filter((child) => !isInserted(child)).map(bodyOf));
    return result;
  } catch (error) {
    deps.blobs.disown(children.map(bodyOf));
    throw error;
  }
}

function isNothing({ recipients, variants, inspected, events }: Alongside): boolean {
  return recipients.length === 0 && variants.length === 0 && inspected === null && events.length === 0;
}

/** Ends and waits that others rely on are durable before anything follows from them. */
function mustWait(endings: readonly Ending[]): boolean {
  return endings.some(({ settled }) => {
    const state = settled.patch.state;
    return state !== undefined && (isTerminal(state) || state === "held" || settled.patch.possibleDuplicate === true);
  });
}

type Told = { readonly message: StoredMessage; readonly reports: Reports; readonly at: number };

function transitionOf(ending: Ending, { message, reports, at }: Told): RecipientTransition {
  const { recipient, settled, before } = ending;
  const child = reports.written.find(({ about }) => about[0].id === recipient.id)?.mail;
  const childEvent: readonly EventBody[] = child === undefined ? [] : [childEventOf(child)];
  return {
    recipientId: recipient.id,
    fence: recipient.fence,
    patch: settled.patch,
    events: [...before, ...settled.events, ...childEvent, ...alertsOf(ending, message, reports)].map((body) =>
      eventOf(recipient, body, at),
    ),
    children: child === undefined ? [] : [child],
  };
}

function alertsOf({ recipient, settled }: Ending, message: StoredMessage, reports: Reports): readonly EventBody[] {
  if (isUnsayable(settled.tell, message)) return [{ kind: "alert", code: "PST-PIP-006" }];
  return reports.lost.has(recipient.id) ? [{ kind: "alert", code: "PST-PIP-007" }] : [];
}

function childEventOf(child: NewMessage): EventBody {
  const parent = child.submission.parent;
  if (parent === null) throw new Error("a report has a parent");
  return { kind: "child", child: parent.kind, messageId: child.submission.id, step: parent.step };
}

export function eventOf(recipient: Pick<StoredRecipient, "id" | "messageId">, body: EventBody, at: number): NewEvent {
  return { at, messageId: recipient.messageId, recipientId: recipient.id, body };
}

type Group = { readonly tell: Tell; readonly until: number; readonly subjects: [ReportSubject, ...ReportSubject[]] };

/** One mail per kind and step. One that cannot be written takes no other with it. */
async function writeReports(
  message: StoredMessage,
  endings: readonly Ending[],
  deps: Pick<SettleDeps, "writeReport" | "clock" | "log">,
): Promise<Reports> {
  const written: Report[] = [];
  const lost = new Set<RecipientId>();
  for (const { tell, until, subjects } of groupsOf(message, endings)) {
    const [first, ...others] = subjects;
    const report = { kind: tell.kind, step: tell.step, message, subjects, until, now: deps.clock.now() };
    try {
      const mail = await deps.writeReport(report);
      written.push({ mail, about: [first.recipient, ...others.map(({ recipient }) => recipient)] });
    } catch (error) {
      const { code } = faultOf(error);
      deps.log.error("report_failed", { message: message.submission.id, code, error: errorName(error) });
      for (const { recipient } of subjects) lost.add(recipient.id);
    }
  }
  return { written, lost };
}

function groupsOf(message: StoredMessage, endings: readonly Ending[]): readonly Group[] {
  const groups = new Map<string, Group>();
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
  return [...groups.values()];
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

/** A failure or hold of mail from the null sender, relayed or copied: nobody may be told, so an operator has to look. */
function isUnsayable(tell: Tell | null, { submission }: StoredMessage): boolean {
  const isMail = submission.origin === "relay" || submission.origin === "copy";
  if (tell === null || !isMail || submission.envelope.sender !== null) return false;
  return tell.kind === "failure_dsn" || tell.kind === "held_notice";
}

type Done = Told & { readonly stale: readonly RecipientId[] };

/** Those a report speaks of beside its parent, once it is known to be in the queue. */
async function tellOfSharing(
  { reports, stale, at, children }: Done & { readonly children: readonly string[] },
  deps: SettleDeps,
): Promise<void> {
  const events = reports.written
    .filter(({ mail }) => children.includes(mail.submission.id))
    .flatMap(({ mail, about }) => about.slice(1).map((recipient) => ({ recipient, mail })))
    .filter(({ recipient }) => !stale.includes(recipient.id))
    .map(({ recipient, mail }) => eventOf(recipient, childEventOf(mail), at));
  if (events.length > 0) await deps.store.commit({ ...NOTHING_TO_WRITE, events }, "ordered");
}

/** A shared report whose parent turned out stale was not inserted: the others get theirs under a new parent. */
async function adoptOrphans(
  { message, reports, stale }: Done,
  settled: readonly Ending[],
  deps: SettleDeps,
): Promise<void> {
  const orphans = reports.written
    .filter(({ about: [parent] }) => stale.includes(parent.id))
    .flatMap(({ about }) => about.map(({ id }) => id));
  const left = settled
    .filter(({ recipient: { id } }) => orphans.includes(id) && !stale.includes(id))
    .map((ending) => ({ ...ending, before: [], settled: { ...ending.settled, patch: {}, events: [] } }));
  if (left.length > 0) await createSettle(deps)(message, left);
}

function announce({ recipient, settled }: Ending, isStale: boolean, log: Log): void {
  if (isStale || settled.patch.state === undefined) return;
  const fields = { recipient: recipient.id, state: settled.patch.state, code: settled.patch.lastCode ?? null };
  if (settled.patch.state === "held" || settled.patch.state === "failed") log.warn("recipient", fields);
  else log.info("recipient", fields);
}
