/**
 * Puts what goes out beside a message on record: copies to compliance and notices, in the transaction that writes the first plan of
 * the recipients it is about. Promises: nothing of a message is sent to them before; each is made once for a message, however often
 * the process dies or its recipients come by; one that cannot be written rejects, and the caller has them wait.
 */
import { strongerFloor } from "../../core/floor-order.ts";
import type { EventBody } from "../../core/event.ts";
import { inspectedEvent } from "../../core/event-bodies.ts";
import { reached } from "../../core/failpoint.ts";
import type { RecipientId } from "../../core/ids.ts";
import { eventsOfMessage, NOTHING_TO_WRITE } from "../../core/pass-transitions.ts";
import type { Companion, Plan } from "../../core/plan.ts";
import type { NewMessage, RecipientTransition, StoredMessage, StoredRecipient } from "../../core/queue-store.ts";
import type { Fate, WriteCompanion } from "../../core/stages.ts";
import { commit, eventOf } from "./settle.ts";
import type { Alongside, SettleDeps } from "./settle.ts";

/** A recipient with its first plan. */
export type Planned = {
  readonly recipient: StoredRecipient;
  readonly plan: Plan;
  readonly stepIndex: number;
  /** Facts to be written with it. */
  readonly events: readonly EventBody[];
};

/** Resolves to those of whom nothing was written, because their claim was stale. */
export type Accompany = (
  message: StoredMessage,
  planned: readonly [Planned, ...Planned[]],
  inspected: Alongside["inspected"],
) => Promise<readonly RecipientId[]>;

export type AccompanyDeps = Pick<SettleDeps, "store" | "blobs" | "clock" | "log" | "wake"> & {
  readonly writeCompanion: WriteCompanion;
};

/** Siblings asked for what they caused already. */
const SIBLINGS_MAX = 10_000;

export function createAccompany(deps: AccompanyDeps): Accompany {
  return async (message, planned, inspected) => {
    const { children, alerts } = await write(message, { planned, inspected }, deps);
    const at = deps.clock.now();
    const recipients = planned.map((each) => transitionOf(each, children, at));
    const found = inspected === null ? [] : [inspectedEvent(inspected.findings)];
    const events = eventsOfMessage(message.submission.id, [...found, ...alerts], at);
    await reached("plan.before-rows");
    const transition = { ...NOTHING_TO_WRITE, recipients, inspected, events };
    const { stale, children: inserted } = await commit(transition, { wait: "ordered", children, deps });
    await reached("plan.recorded");
    for (const id of stale) deps.log.warn("stale_claim", { recipient: id });
    if (inserted.length > 0) deps.wake();
    return stale;
  };
}

/** Every recipient carries all of them, so that a stale claim takes none along: the store inserts each once. */
function transitionOf(
  { recipient, plan, stepIndex, events }: Planned,
  children: readonly NewMessage[],
  at: number,
): RecipientTransition {
  return {
    recipientId: recipient.id,
    fence: recipient.fence,
    patch: { plan, stepIndex },
    events: events.map((body) => eventOf(recipient, body, at)),
    children,
  };
}

type Due = { readonly planned: readonly [Planned, ...Planned[]]; readonly inspected: Alongside["inspected"] };
type Written = { readonly children: readonly NewMessage[]; readonly alerts: readonly EventBody[] };

async function write(message: StoredMessage, { planned, inspected }: Due, deps: AccompanyDeps): Promise<Written> {
  const made = await madeBefore(message, planned, deps);
  const floor = planned.map(({ plan }) => plan.floor).reduce(strongerFloor);
  const findings = inspected?.findings ?? message.findings;
  const recipients = planned.map(({ recipient }) => recipient.recipient.mailbox);
  const written: NewMessage[] = [];
  const alerts: EventBody[] = [];
  try {
    for (const companion of companionsOf(planned)) {
      if (made.has(companion.kind)) continue;
      const fates = planned.filter((each) => has(each.plan, companion.kind)).map(({ plan }) => fateOf(plan));
      const now = deps.clock.now();
      const child = await deps.writeCompanion({ companion, message, floor, fates, now, findings, recipients });
      if (typeof child === "string") alerts.push({ kind: "alert", code: child });
      else if (child !== null) written.push(child);
    }
  } catch (error) {
    deps.blobs.disown(written.map(({ submission }) => submission.body));
    throw error;
  }
  return { children: written, alerts };
}

/** What other recipients of the message caused: their plan was written with it. */
async function madeBefore(
  { submission }: StoredMessage,
  planned: readonly Planned[],
  { store }: AccompanyDeps,
): Promise<ReadonlySet<Companion["kind"]>> {
  const own = new Set(planned.map(({ recipient }) => recipient.id));
  const all = await store.recipients({ messageId: submission.id, limit: SIBLINGS_MAX });
  const others = all.filter(({ id }) => !own.has(id));
  return new Set(others.flatMap(({ plan }) => plan?.companions ?? []).map(({ kind }) => kind));
}

/** Each kind once, with the rules of all recipients. */
function companionsOf(planned: readonly Planned[]): readonly Companion[] {
  const rules = new Map<Companion["kind"], Set<string>>();
  for (const companion of planned.flatMap(({ plan }) => plan.companions ?? [])) {
    const known = rules.get(companion.kind) ?? new Set();
    for (const rule of companion.rules) known.add(rule);
    rules.set(companion.kind, known);
  }
  return Array.from(rules, ([kind, each]) => ({ kind, rules: [...each] }));
}

function has({ companions }: Plan, kind: Companion["kind"]): boolean {
  return companions?.some((companion) => companion.kind === kind) ?? false;
}

function fateOf({ steps: [first] }: Plan): Fate {
  if (first.kind === "refuse") return "refused";
  return first.kind === "hold" ? "held" : "sent";
}
