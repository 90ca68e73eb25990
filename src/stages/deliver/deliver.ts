/**
 * The verb deliver: tries exactly one step of a plan for the recipients of one domain.
 * Promises: the floor is proven on the live socket before MAIL FROM; exactly one outcome for each recipient; nothing is sent again by
 * itself once a final dot may have been taken. Leaves to others: choosing and weakening steps, retry times, bytes (protect).
 */
import type { RaiseAlert } from "../../core/alert.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { Chance, Clock } from "../../core/clock.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { AttemptFacts, Outcome } from "../../core/outcome.ts";
import type { Deliver, DeliveryRecipient, DeliveryReport, DeliveryRequest, Destination } from "../../core/stages.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { VIOLATIONS } from "./host-demand.ts";
import type { Admission, LaneResult, LaneState, LaneView } from "./lanes.ts";
import { laneIdentityOf, Lanes } from "./lanes.ts";
import type { DeliverOptions } from "./options.ts";
import { deferredLane } from "./verdicts.ts";
import type { NotDialled, WalkEnd } from "./walk.ts";
import { walk } from "./walk.ts";

export type DeliverCollaborators = {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly raise: RaiseAlert;
};

export type Delivery = {
  readonly deliver: Deliver;
  /** Turns away new deliveries, waits for those under way, ends kept connections. */
  readonly close: () => Promise<void>;
  readonly lanes: () => readonly LaneView[];
};

export function createDeliver(options: DeliverOptions, deps: DeliverCollaborators): Delivery {
  const pool = new ConnectionPool(options);
  const lanes = new Lanes(options, deps);

  async function deliver(request: DeliveryRequest): Promise<DeliveryReport> {
    const lane = laneIdentityOf(request);
    const admission = await lanes.admit(lane, request.signal);
    if (admission.kind !== "go") return turnedAway(request, admission, lanes.state(lane));
    const context = { options, pool, blobs: deps.blobs, clock: deps.clock, spoken: admission.spoken };
    const attempts: AttemptFacts[] = [];
    const notDialled: NotDialled[] = [];
    const outcomes = new Map<RecipientId, Outcome>();
    let result: LaneResult = "unknown";
    try {
      for (const recipients of groupsOf(request)) {
        const end = await walk(request, recipients, context);
        attempts.push(...end.attempts);
        notDialled.push(...end.notDialled);
        for (const [id, outcome] of end.outcomes) outcomes.set(id, outcome);
        result = resultOf(end);
      }
    } finally {
      admission.release(result);
    }
    warnOfTampering(deps.log, attempts);
    raiseViolations(deps.raise, request, [...attempts, ...notDialled]);
    return { attempts, outcomes, destination: destinationOf(result, lanes.state(lane)) };
  }

  return {
    deliver,
    lanes: () => lanes.view(),
    close: async () => {
      await lanes.stop();
      pool.close();
    },
  };
}

/** Recipients that need SMTPUTF8 go apart, so that a server without it can still take the others. */
function groupsOf(request: DeliveryRequest): readonly (readonly DeliveryRecipient[])[] {
  const isNeededAnyway = request.parcel.variant.needs.smtpUtf8 || request.envelope.sender?.isUtf8 === true;
  if (isNeededAnyway) return [request.recipients];
  const ascii = request.recipients.filter(({ recipient }) => !recipient.mailbox.isUtf8);
  const utf8 = request.recipients.filter(({ recipient }) => recipient.mailbox.isUtf8);
  return [ascii, utf8].filter((group) => group.length > 0);
}

/** Only not getting to speak with anyone is a failure of the lane; what servers say about a mail is not. */
function resultOf(end: WalkEnd): LaneResult {
  if (end.attempts.some(({ rung }) => rung !== null)) return "reached";
  return end.isAborted || end.attempts.length === 0 ? "unknown" : "unreached";
}

function destinationOf(result: LaneResult, { restMs, window }: LaneState): Destination {
  if (restMs !== null) return { kind: "rests", forMs: restMs };
  return result === "reached" ? { kind: "answers", window } : { kind: "unknown" };
}

function turnedAway(
  request: DeliveryRequest,
  admission: Exclude<Admission, { kind: "go" }>,
  state: LaneState,
): DeliveryReport {
  const outcome = outcomeOf(admission);
  return {
    attempts: [],
    outcomes: new Map(request.recipients.map(({ id }) => [id, outcome])),
    destination: destinationOf("unknown", state),
  };
}

function outcomeOf(admission: Exclude<Admission, { kind: "go" }>): Outcome {
  switch (admission.kind) {
    case "closed":
      return deferredLane("PST-DLV-028", "4.4.1");
    case "full":
      return deferredLane("PST-DLV-029", "4.4.5");
    case "stopped":
      return {
        kind: "deferred",
        scope: "recipient",
        status: "4.3.2",
        code: "PST-DLV-033",
        reply: null,
        host: null,
        unmet: null,
      };
    default:
      return assertNever(admission);
  }
}

function warnOfTampering(log: Log, attempts: readonly AttemptFacts[]): void {
  for (const { code, host, address } of attempts) {
    if (code === "PST-DLV-010") log.warn("starttls_injection", { code, host, address });
  }
}

/** Also where another host took the mail: somebody may stand before the first one. */
function raiseViolations(
  raise: RaiseAlert,
  { parcel }: DeliveryRequest,
  seen: readonly Pick<AttemptFacts, "host" | "code">[],
): void {
  const message = parcel.variant.messageId;
  for (const { code, host } of seen) {
    if (code !== null && VIOLATIONS.includes(code)) raise({ code, facts: { host, message } });
  }
}
