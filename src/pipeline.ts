/**
 * The path of one message, top to bottom:
 *
 *     accept ─▶ spool ─▶ inspect ─▶ discover ─▶ decide ─▶ protect ─▶ deliver      (audit rows go with every settle)
 *
 * accept hands a Submission to `submit`; once spool made it durable the scheduler calls `workOn` with its recipients, now
 * and at every retry. Only this file moves a recipient from one step of its Plan to the next. docs/flow.md draws the exits.
 */
import { aftermathOf, failed, putOff, type Circumstances } from "./core/aftermath.ts";
import { envelopeFor, inBatches, type Batch } from "./core/batch.ts";
import type { Capabilities, Route } from "./core/capabilities.ts";
import { DialogRecord } from "./core/dialog-record.ts";
import { errorName } from "./core/error-facts.ts";
import type { EventBody } from "./core/event.ts";
import { inspectedEvent, plannedEvent, protectedEvent } from "./core/event-bodies.ts";
import type { Findings } from "./core/findings.ts";
import type { RecipientId } from "./core/ids.ts";
import type { MissingExtension, Outcome } from "./core/outcome.ts";
import type { Parcel } from "./core/parcel.ts";
import {
  BROKEN,
  faultOf,
  hasUtf8Address,
  isSamePlan,
  lifetimeEnd,
  lostDot,
  missingOf,
  ownFinding,
  OWN_TEXT,
  splitOverdue,
  stopped,
  unprotectableStatus,
} from "./core/pass-facts.ts";
import { dialogBegins, eventsOfMessage, NOTHING_TO_WRITE, patchOf, variantsOf } from "./core/pass-transitions.ts";
import { allOrThrow, doneWithin, Turns } from "./core/patience.ts";
import { isStop } from "./core/plan.ts";
import type { Plan, Step, Stop } from "./core/plan.ts";
import type { RecipientPatch, StoredMessage, StoredRecipient, Transition } from "./core/queue-store.ts";
import type { DeliveryReport, Protect } from "./core/stages.ts";
import type { Pipeline, PipelineDeps, PipelineOptions } from "./pipeline-seams.ts";
import type { Alongside, Ending } from "./stages/spool/settle.ts";

/** A recipient on its way: where it stands in its plan, and what its bytes must do without. */
type Work = {
  readonly recipient: StoredRecipient;
  readonly plan: Plan;
  readonly route: Route;
  readonly stepIndex: number;
  readonly missing: readonly MissingExtension[];
  /** Facts to be written with the next transition. */
  readonly events: readonly EventBody[];
};
type Ready = Work & { readonly step: Step; readonly parcel: Parcel; readonly route: Extract<Route, { kind: "hosts" }> };

/** A dialog about to begin, and what of it is not written yet. */
type Begun = { readonly batch: Batch<Ready>; readonly unwritten: Transition };

type Inspection = { readonly findings: Findings; readonly isNew: boolean };

/** Every step, and two rebuilds of each; a plan cannot walk further. */
const ROUNDS_MAX = 24;

/** A stretch of the walk: who takes the next step, and what is to be written with it. */
type Leg = {
  readonly works: readonly Work[];
  readonly endings: readonly Ending[];
  readonly inspected: Alongside["inspected"];
  readonly round: number;
};

export function createPipeline(options: PipelineOptions, deps: PipelineDeps): Pipeline {
  return {
    async submit(submission) {
      const places = deps.scheduler().reserve(deps.store.sharesOf(submission));
      try {
        const { message, claims } = await deps.stages.spool.commit(submission, places?.lease ?? null);
        if (claims.length > 0) deps.scheduler().dispatch(submission.id, claims, message);
        else deps.scheduler().wake();
      } finally {
        places?.giveBack();
      }
    },
    async workOn(messageId, claims, known) {
      const message = known ?? (await deps.store.message(messageId));
      if (message === null) throw new Error("a recipient without its message");
      await new Pass(options, deps, message).run(claims);
    },
  };
}

/** One walk of some recipients of one message through inspect … deliver. */
class Pass {
  readonly #options: PipelineOptions;
  readonly #deps: PipelineDeps;
  readonly #turns = new Turns();
  #message: StoredMessage;

  constructor(options: PipelineOptions, deps: PipelineDeps, message: StoredMessage) {
    this.#options = options;
    this.#deps = deps;
    this.#message = message;
  }

  async run(claims: readonly StoredRecipient[]): Promise<void> {
    // Exit: the dot was announced and nobody wrote down what came of it → ambiguous.
    const lost = claims.filter(({ state }) => state === "dot_sent");
    // Exit: lifetime or review deadline passed → failed, with a report.
    const known = claims.filter((claim) => !lost.includes(claim));
    const { overdue, live } = splitOverdue(known, this.#message, this.#deps.clock.now());
    const gone = [...lost.map((recipient) => lostDot(this.#circumstances(recipient, []))), ...overdue];
    await this.#deps.stages.settle(this.#message, gone);
    if (live.length === 0) return;
    const inspection = this.#inspect();
    const planned = await Promise.all(
      live.map((recipient) =>
        this.#guarded(recipient, {}, async () => this.#plan(recipient, (await inspection).findings)),
      ),
    );
    const messageId = this.#message.submission.id;
    const isWritten = ({ findings, isNew }: Inspection): Leg["inspected"] => (isNew ? { messageId, findings } : null);
    const inspected = await inspection.then(isWritten, () => null);
    const works = planned.filter((work) => "plan" in work);
    const endings = planned.filter((work) => "settled" in work);
    await this.#walk(await this.#accompany({ works, endings, inspected, round: 0 }));
  }

  /** Copies and notices are on record before anything they go with is sent. Exit: they cannot be written → deferred. */
  async #accompany(leg: Leg): Promise<Leg> {
    const { works, endings, inspected } = leg;
    const isFirst = ({ recipient, plan }: Work): boolean => recipient.plan === null && plan.companions !== undefined;
    const [first, ...more] = works.filter(isFirst);
    if (first === undefined) return leg;
    try {
      const stale = await this.#deps.stages.accompany(this.#message, [first, ...more], inspected);
      const left = works.filter(({ recipient }) => !stale.includes(recipient.id));
      return { ...leg, works: left.map((work) => (isFirst(work) ? { ...work, events: [] } : work)), inspected: null };
    } catch (error) {
      const late = [first, ...more].map(({ recipient }) => this.#putOff(recipient, error, {}));
      return { ...leg, works: works.filter((work) => !isFirst(work)), endings: [...endings, ...late] };
    }
  }

  /** protect ▸ deliver, step after step. A slow destination holds up nobody else's next step beyond `stepPatienceMs`. */
  async #walk({ works, endings, inspected, round }: Leg): Promise<void> {
    if (works.length === 0 && endings.length === 0) return;
    if (round >= ROUNDS_MAX) throw new Error("a plan without an end");
    const begun = await this.#turns.take(async () => {
      const { ready, ended } = await this.#protect(works);
      return this.#record(ready, [...endings, ...ended], inspected);
    });
    const attempts = begun.map((dialog) => this.#deliver(dialog));
    const { done, left } = await doneWithin(attempts, this.#options.stepPatienceMs);
    const next = (moved: readonly Work[]): Promise<void> =>
      this.#walk({ works: moved, endings: [], inspected: null, round: round + 1 });
    await allOrThrow([next(done.flat()), ...left.map(async (attempt) => next(await attempt))]);
  }

  /** Once per message. What could not be read comes back as `uninspectable`, never as clean. */
  async #inspect(): Promise<Inspection> {
    if (this.#message.findings !== null) return { findings: this.#message.findings, isNew: false };
    const { origin, mime, body } = this.#message.submission;
    if (origin !== "relay" && origin !== "copy") return { findings: OWN_TEXT, isNew: true };
    const inspect = { mime, read: this.#deps.readBody(this.#message) };
    const findings = await this.#deps.withinBytes(body.sizeBytes, () => this.#deps.stages.inspect(inspect));
    return { findings, isNew: true };
  }

  /** discover → decide. Exit: the route is unknown for now → deferred. A frozen recipient keeps its plan and its bytes. */
  async #plan(recipient: StoredRecipient, findings: Findings): Promise<Work | Ending> {
    const capabilities = await this.#deps.stages.discover(recipient.recipient.mailbox);
    const { route } = capabilities;
    if (route.kind === "unavailable" || route.kind === "bogus") {
      const why = ownFinding(route.code, "4.4.3", route.detail);
      return { recipient, before: [], settled: putOff(why, this.#circumstances(recipient, [])) };
    }
    if (recipient.possibleDuplicate && recipient.plan !== null) {
      return {
        recipient,
        plan: recipient.plan,
        route,
        stepIndex: recipient.stepIndex,
        missing: missingOf(recipient, this.#message),
        events: [],
      };
    }
    const plan = this.#decide(recipient, findings, capabilities);
    const events = isSamePlan(plan, recipient.plan) ? [] : [plannedEvent(plan)];
    return { recipient, plan, route, stepIndex: 0, missing: missingOf(recipient, this.#message), events };
  }

  #decide(recipient: StoredRecipient, findings: Findings, capabilities: Capabilities): Plan {
    return this.#deps.stages.decide({
      origin: this.#message.submission.origin,
      envelope: this.#message.submission.envelope,
      recipient: recipient.recipient,
      findings,
      capabilities,
      policy: this.#deps.policy(),
      previousFloor: recipient.plan?.floor ?? this.#message.submission.parent?.floor ?? null,
      holdReleased: recipient.holdReleased,
      now: this.#deps.clock.now(),
    });
  }

  /** A stage that throws puts the recipient off with the code of what it met: a fault is no reason to wait in silence. */
  async #guarded<T>(recipient: StoredRecipient, extra: RecipientPatch, work: () => Promise<T>): Promise<T | Ending> {
    try {
      return await work();
    } catch (error) {
      return this.#putOff(recipient, error, extra);
    }
  }

  #putOff(recipient: StoredRecipient, error: unknown, extra: RecipientPatch): Ending {
    const fault = faultOf(error);
    this.#deps.log.error("stage_failed", { recipient: recipient.id, code: fault.code, error: errorName(error) });
    return { recipient, before: [], settled: putOff(fault, this.#circumstances(recipient, []), extra) };
  }

  /** Builds or reuses the bytes of each step. Exits: the plan stops here → held, failed or deferred; no lawful bytes → failed. */
  async #protect(works: readonly Work[]): Promise<{ ready: Ready[]; ended: Ending[] }> {
    const ready: Ready[] = [];
    const ended: Ending[] = [];
    for (let work of works) {
      for (;;) {
        const step = work.plan.steps[work.stepIndex];
        if (step === undefined) throw new Error("a plan ends with a stop");
        if (isStop(step)) {
          ended.push(this.#stop(work, step));
          break;
        }
        const { recipient, plan, stepIndex, missing } = work;
        const { withinBytes, stages } = this.#deps;
        const build = (): ReturnType<Protect> =>
          stages.protect({ message: this.#message, step, tags: plan.tags ?? [], missing });
        const made = await this.#guarded(recipient, { plan, stepIndex }, () =>
          withinBytes(this.#message.submission.body.sizeBytes, build),
        );
        if ("settled" in made) {
          ended.push({ ...made, before: work.events });
          break;
        }
        if (made.kind === "parcel" && work.route.kind === "hosts") {
          const { parcel, isNew } = made;
          if (isNew) this.#message = { ...this.#message, variants: [...this.#message.variants, parcel.variant] };
          const events = [...work.events, protectedEvent(step, parcel)];
          ready.push({ ...work, step, parcel, route: work.route, events });
          break;
        }
        if (made.kind === "unprotectable" && work.missing.length > 0) {
          const status = unprotectableStatus(made.code, { isUtf8Address: hasUtf8Address(recipient, this.#message) });
          const end = failed(ownFinding(made.code, status), work);
          const settled = { ...end, patch: { plan, stepIndex, ...end.patch } };
          ended.push({ recipient, before: work.events, settled });
          break;
        }
        work = { ...work, stepIndex: work.stepIndex + 1, missing: [] };
      }
    }
    return { ready, ended };
  }

  #stop(work: Work, stop: Stop): Ending {
    const { recipient, events, plan, stepIndex } = work;
    const settled = stopped(stop, this.#circumstances(recipient, []));
    const patch = { plan, stepIndex, unmetSince: recipient.unmetSince, ...settled.patch };
    return { recipient, before: events, settled: { ...settled, patch } };
  }

  /**
   * Writes plans, variants and endings before anything is sent, except where there is one dialog and nothing else: what that
   * one needs is written with its intent. Resolves to the dialogs that may begin.
   */
  async #record(
    ready: readonly Ready[],
    endings: readonly Ending[],
    inspected: Alongside["inspected"],
  ): Promise<readonly Begun[]> {
    const now = this.#deps.clock.now();
    const max = this.#options.recipientsPerTransactionMax;
    const found = inspected === null ? [] : [inspectedEvent(inspected.findings)];
    const dialogs = {
      recipients: ready.map((work) => dialogBegins(work, now)),
      variants: variantsOf(ready),
      inspected,
      events: eventsOfMessage(this.#message.submission.id, found, now),
    };
    const batches = inBatches(ready, max);
    if (batches.length === 1 && endings.length === 0) return batches.map((batch) => ({ batch, unwritten: dialogs }));
    const unsettled = await this.#deps.stages.settle(this.#message, endings, dialogs);
    // Exit: the claim went to another worker, who goes on with the recipient.
    const left = ready.filter(({ recipient }) => !unsettled.includes(recipient.id));
    return inBatches(left, max).map((batch) => ({ batch, unwritten: NOTHING_TO_WRITE }));
  }

  /** One attempt. Exits: delivered, deferred, failed, ambiguous → settled; unmet → the next step, or the same with other bytes. */
  async #deliver({ batch, unwritten }: Begun): Promise<readonly Work[]> {
    const record = new DialogRecord(unwritten, this.#deps.stages.write, this.#options.dialogPatienceMs);
    const report = await this.#attempt(batch, record);
    const left = await record.close();
    const endings: Ending[] = [];
    const next: Work[] = [];
    for (const work of batch) {
      const outcome = report.outcomes.get(work.recipient.id);
      if (outcome === undefined) throw new Error("a recipient without an outcome");
      const after = aftermathOf(outcome, this.#circumstances(work.recipient, work.missing));
      if (after.kind === "settled") {
        const patch = { ...patchOf(work.recipient.id, left), ...after.patch };
        endings.push({ recipient: work.recipient, before: [], settled: { ...after, patch } });
      } else if (after.kind === "rebuild") next.push({ ...work, missing: after.missing, events: after.events });
      else {
        const recipient = { ...work.recipient, ...after.patch };
        next.push({ ...work, recipient, stepIndex: work.stepIndex + 1, missing: [], events: after.events });
      }
    }
    const attempts = report.attempts.map((attempt) => ({ kind: "attempt", attempt }) as const);
    const tried = eventsOfMessage(this.#message.submission.id, attempts, this.#deps.clock.now());
    const events = [...left.events, ...left.recipients.flatMap((begun) => begun.events), ...tried];
    await this.#deps.stages.settle(this.#message, endings, { ...left, recipients: [], events });
    await this.#deps.scheduler().learn(batch[0].recipient.lane, report.destination);
    return next;
  }

  async #attempt(batch: Batch<Ready>, record: DialogRecord): Promise<DeliveryReport> {
    const [{ parcel, route }] = batch;
    const code = "PST-PIP-003";
    const announced = new Map<RecipientId, Outcome>();
    const [head, ...rest] = batch.map(({ recipient }) => ({ id: recipient.id, recipient: recipient.recipient }));
    if (head === undefined) throw new Error("an empty batch");
    try {
      return await this.#deps.stages.deliver({
        origin: this.#message.submission.origin,
        envelope: envelopeFor(batch, this.#message.submission.envelope),
        recipients: [head, ...rest],
        domain: head.recipient.mailbox.domain,
        route,
        parcel,
        signal: this.#deps.signal,
        onDot: async (ids, seen) => {
          const dots = batch.map(({ recipient }) => recipient).filter(({ id }) => ids.includes(id));
          await record.announce(dots, seen, this.#deps.clock.now());
          const lost = { kind: "ambiguous", code, host: seen.host, observed: seen.rung } as const;
          for (const id of ids) announced.set(id, lost);
        },
      });
    } catch (error) {
      // A bug in deliver: whoever's dot was announced may have the message; nobody else has.
      const message = this.#message.submission.id;
      this.#deps.log.error("deliver_failed", { message, code, error: errorName(error) });
      const ends = batch.map(({ recipient: { id } }) => [id, announced.get(id) ?? BROKEN] as const);
      return { attempts: [], outcomes: new Map(ends), destination: { kind: "unknown" } };
    }
  }

  #circumstances(recipient: StoredRecipient, missing: readonly MissingExtension[]): Circumstances {
    const { clock, chance } = this.#deps;
    return {
      recipient,
      missing,
      receivedAt: this.#message.submission.receivedAt,
      expiresAt: lifetimeEnd(recipient, this.#message),
      options: this.#options.retry,
      now: clock.now(),
      chance,
    };
  }
}
