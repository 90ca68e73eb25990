import { describe, expect, test } from "vitest";
import { freshRecipient } from "./core/fresh-recipient.ts";
import { variantIdOf, recipientIdOf, toMessageId } from "./core/ids.ts";
import type { RecipientId } from "./core/ids.ts";
import type { Outcome } from "./core/outcome.ts";
import { OWN_TEXT } from "./core/pass-facts.ts";
import type { Plan } from "./core/plan.ts";
import type { StoredMessage, StoredRecipient, Transition } from "./core/queue-store.ts";
import type { DeliveryRequest, WriteReport } from "./core/stages.ts";
import { eventually } from "../test/support/deliver-rig.ts";
import { createPipeline } from "./pipeline.ts";
import type { PipelineDeps, Stages } from "./pipeline-seams.ts";
import { createSettle, createWrite } from "./stages/spool/settle.ts";

const id = toMessageId("01J0000000000000000000000A");
const rcpt = recipientIdOf(id, 1);
const mailbox = { address: "a@b.example", localPart: "a", domain: "b.example", isUtf8: false };
const body = { locator: "x", sizeBytes: 10, wrappedKey: "" };

const message: StoredMessage = {
  submission: {
    id,
    origin: "relay",
    parent: null,
    envelope: { sender: mailbox, body: "7bit", smtpUtf8: false, requireTls: false, ret: null, envid: null },
    submitter: { submitter: "s", proof: "own-network", peerAddress: "127.0.0.1", helo: "h", tls: null },
    body,
    sha256: "",
    mime: { root: { bodyStart: 0 } } as unknown as StoredMessage["submission"]["mime"],
    receivedAt: 0,
  },
  expiresAt: 1_000_000_000,
  findings: null,
  variants: [],
};

const recipient = freshRecipient({
  id: rcpt,
  messageId: id,
  lane: "lane",
  sender: "sender",
  recipient: { mailbox, notify: null, orcpt: null },
  fence: 7,
  dueAt: 0,
  lease: { owner: "t", until: 1 },
});

const plan: Plan = {
  floor: { profile: "standard", minRung: "pkix" },
  reasons: [{ kind: "profile", profile: "standard", because: "test" }],
  steps: [
    { kind: "transport", minRung: "pkix" },
    { kind: "hold", code: "PST-DEC-001" },
  ],
};

const delivered: Outcome = {
  kind: "delivered",
  status: "2.0.0",
  observed: "pkix",
  host: "mx",
  reply: { code: 250, enhanced: null, text: "" },
  dsnPassedOn: true,
};

/** How many works hold bytes of the gate. */
let gated = 0;

type Rig = { readonly transitions: Transition[]; readonly run: (...claims: StoredRecipient[]) => Promise<void> };

const clock = { now: () => 1000, monotonic: () => 0 };
const blobs = { keep: () => {}, disown: () => {} };
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const step = plan.steps[0] as { kind: "transport"; minRung: "pkix" };
const variant = {
  id: variantIdOf(id, 1),
  messageId: id,
  kind: "untouched",
  pieces: [],
  sizeBytes: 10,
  needs: { eightBitMime: false, smtpUtf8: false },
} as const;
const retry = {
  scheduleMs: [60_000],
  jitterShare: 0,
  delayNoticesMs: [],
  secureHoldMs: 0,
  ambiguousRetryMs: 900_000,
  holdDeadlineMs: 1,
} as const;

const writeReport: WriteReport = async (report) => ({
  submission: {
    ...message.submission,
    recipients: [],
    parent: { messageId: id, recipientId: rcpt, kind: report.kind, step: 0 },
  },
  expiresAt: 0,
  dueAt: 0,
  lease: null,
  events: [],
});

function stagesWith(store: PipelineDeps["store"], deliver: (request: DeliveryRequest) => Promise<Outcome>): Stages {
  return {
    spool: { commit: () => Promise.reject(new Error("not used")) },
    inspect: async () => OWN_TEXT,
    discover: async () => ({
      domain: "b.example",
      route: { kind: "hosts", hosts: [], via: "mx", security: "insecure" },
      sts: { kind: "none", failure: null },
      smime: { kind: "absent" },
      openpgp: { kind: "absent" },
      proven: { kind: "absent" },
      portal: { kind: "absent" },
    }),
    decide: () => plan,
    protect: async () => ({ kind: "parcel", parcel: { variant, step, minRung: "pkix" }, isNew: true }),
    deliver: async (request) => ({
      attempts: [],
      outcomes: new Map([[request.recipients[0].id, await deliver(request)]]),
      destination: { kind: "unknown" },
    }),
    settle: createSettle({ store, blobs, writeReport, clock, log, wake: () => {}, settled: () => {} }),
    write: createWrite({ store, blobs }),
    accompany: async () => [],
  };
}

function rig(
  deliver: (request: DeliveryRequest) => Promise<Outcome>,
  change: Partial<Stages> = {},
  stale = false,
): Rig {
  const transitions: Transition[] = [];
  const store = {
    commit: async (transition: Transition) => {
      transitions.push(transition);
      const isIntent = transition.recipients.some(({ patch }) => patch.state === "dot_sent");
      return { stale: stale && isIntent ? [rcpt] : [], children: [] };
    },
  } as unknown as PipelineDeps["store"];
  const deps: PipelineDeps = {
    stages: { ...stagesWith(store, deliver), ...change },
    store,
    clock,
    log,
    chance: () => 0.5,
    scheduler: () => ({
      reserve: () => null,
      dispatch: () => {},
      wake: () => {},
      learn: async () => {},
    }),
    readBody: () => async () => Buffer.alloc(0),
    withinBytes: async (_bytes, work) => {
      gated += 1;
      return await work().finally(() => (gated -= 1));
    },
    policy: () => ({}) as ReturnType<PipelineDeps["policy"]>,
    signal: new AbortController().signal,
  };
  const pipeline = createPipeline(
    { retry, recipientsPerTransactionMax: 100, stepPatienceMs: 5, dialogPatienceMs: 60_000 },
    deps,
  );
  return { transitions, run: (...claims) => pipeline.workOn(id, claims.length > 0 ? claims : [recipient], message) };
}

function statesOf(transitions: readonly Transition[]): (string | undefined)[] {
  return transitions.flatMap(({ recipients }) => recipients.map(({ patch }) => patch.state));
}

async function announce(request: DeliveryRequest): Promise<void> {
  await request.onDot([rcpt], { host: "mx", rung: "pkix" });
}

describe("the order of what is written", () => {
  test("plan and variant with the intent, then the end; each under the claim's fence", async () => {
    const { transitions, run } = rig(async (request) => {
      await announce(request);
      return delivered;
    });
    await run();
    expect(statesOf(transitions)).toEqual(["dot_sent", "delivered"]);
    expect(transitions[0]?.recipients[0]?.patch).toMatchObject({ plan, variantId: variant.id });
    expect(transitions[0]?.variants).toHaveLength(1);
    expect(transitions[0]?.inspected?.messageId).toBe(id);
    expect(transitions.flatMap(({ recipients }) => recipients.map(({ fence }) => fence))).toEqual([7, 7]);
  });

  test("an unmet step gives way to the next, here the hold, with its reason before it", async () => {
    const observed = { bestRung: "plain", missing: [] } as const;
    const { transitions, run } = rig(async () => ({ kind: "unmet", code: "PST-DLV-010", observed }));
    await run();
    expect(statesOf(transitions)).toEqual(["held"]);
    const [attempted, ended] = transitions;
    expect(attempted?.events.map((event) => event.body.kind)).toEqual(["inspected", "planned", "protected"]);
    expect(attempted?.variants).toHaveLength(1);
    const kinds = ended?.recipients[0]?.events.map((event) => event.body.kind);
    expect(kinds).toEqual(["unmet", "held", "alert", "child"]);
  });
});

describe("when a stage fails in an unexpected way", () => {
  const boom = (): Promise<never> => Promise.reject(new Error("boom"));

  test.each(["inspect", "discover", "protect"] as const)(
    "%s: nothing is sent and the recipient is put off, so that it does not wait in silence",
    async (stage) => {
      let dials = 0;
      const { transitions, run } = rig(
        async () => {
          dials += 1;
          return delivered;
        },
        { [stage]: boom },
      );
      await run();
      expect(dials).toBe(0);
      expect(statesOf(transitions)).toEqual(["deferred"]);
      expect(transitions.at(-1)?.recipients[0]?.patch.lastCode).toBe("PST-PIP-003");
    },
  );

  test("deliver before the dot: put off, surely not delivered", async () => {
    const { transitions, run } = rig(boom);
    await run();
    expect(statesOf(transitions)).toEqual(["deferred"]);
    expect(transitions[0]?.recipients[0]?.patch).toMatchObject({ plan, variantId: variant.id });
    expect(transitions[0]?.recipients[0]?.patch.possibleDuplicate).toBeUndefined();
  });

  test("deliver after the dot was announced: a possible duplicate", async () => {
    const { transitions, run } = rig(async (request) => {
      await announce(request);
      return boom();
    });
    await run();
    expect(transitions.at(-1)?.recipients[0]?.patch).toMatchObject({ state: "deferred", possibleDuplicate: true });
  });
});

test("a recipient found with an announced dot and no result is put off as a possible duplicate, and nothing is sent", async () => {
  let dials = 0;
  const { transitions, run } = rig(async () => {
    dials += 1;
    return delivered;
  });
  await run({ ...recipient, state: "dot_sent" });
  expect(dials).toBe(0);
  expect(transitions.map(({ recipients }) => recipients[0]?.patch)).toMatchObject([
    { state: "deferred", possibleDuplicate: true, lease: null },
  ]);
});

test("a recipient whose destination answers takes its next step while another destination is silent", async () => {
  const silent = Promise.withResolvers<Outcome>();
  const observed = { bestRung: "plain", missing: [] } as const;
  const { transitions, run } = rig(async ({ domain }) =>
    domain === "b.example" ? silent.promise : { kind: "unmet", code: "PST-DLV-010", observed },
  );
  const elsewhere = { ...mailbox, address: "c@d.example", domain: "d.example" };
  const other = { ...recipient, id: recipientIdOf(id, 2), recipient: { ...recipient.recipient, mailbox: elsewhere } };
  const walk = run(recipient, other);
  await eventually(() => statesOf(transitions).includes("held"));
  expect(statesOf(transitions)).toEqual(["in_dialog", "in_dialog", "held"]);
  silent.resolve(delivered);
  await walk;
  expect(statesOf(transitions)).toEqual(["in_dialog", "in_dialog", "held", "delivered"]);
});

test("a claim that went to another worker stops the dot", async () => {
  const refused: RecipientId[] = [];
  const { run } = rig(
    async (request) => {
      await announce(request).catch(() => refused.push(rcpt));
      return {
        kind: "deferred",
        scope: "recipient",
        status: "4.3.0",
        code: "PST-PIP-003",
        reply: null,
        host: null,
        unmet: null,
      };
    },
    {},
    true,
  );
  await run();
  expect(refused).toEqual([rcpt]);
});

test("the bytes of a message are counted while it is read and built, and not while a slow server is waited for", async () => {
  const seen: string[] = [];
  const { run } = rig(
    async () => {
      seen.push(`deliver ${gated}`);
      return delivered;
    },
    {
      inspect: async () => {
        seen.push(`inspect ${gated}`);
        return OWN_TEXT;
      },
    },
  );
  await run();
  expect(seen).toEqual(["inspect 1", "deliver 0"]);
});

test("a step given up after its wait leaves no clock running for the next one", async () => {
  const unmet = { bestRung: "plain", missing: [] } as const;
  const { transitions, run } = rig(async () => ({
    kind: "deferred",
    scope: "lane",
    status: "4.4.1",
    code: "PST-DLV-001",
    reply: null,
    host: null,
    unmet,
  }));
  await run({ ...recipient, unmetSince: 500 });
  expect(statesOf(transitions)).toEqual(["held"]);
  expect(transitions.at(-1)?.recipients[0]?.patch.unmetSince).toBeNull();
});

test("whose claims went to another worker before their dialogs are not sent to", async () => {
  let dials = 0;
  const elsewhere = { ...mailbox, address: "c@d.example", domain: "d.example" };
  const other = { ...recipient, id: recipientIdOf(id, 2), recipient: { ...recipient.recipient, mailbox: elsewhere } };
  const { run } = rig(
    async () => {
      dials += 1;
      return delivered;
    },
    { settle: async () => [rcpt, other.id] },
  );
  await run(recipient, other);
  expect(dials).toBe(0);
});

describe("what goes out beside a message", () => {
  const asking: Plan = { ...plan, companions: [{ kind: "copy", rules: ["p/r"] }] };
  const decide = (): Plan => asking;

  test("is on record before anything is sent, with the plan, and only once", async () => {
    const order: string[] = [];
    const accompany: Stages["accompany"] = async (_message, planned) => {
      order.push(`accompany ${planned.length}`);
      expect(planned[0].events.map(({ kind }) => kind)).toEqual(["planned"]);
      return [];
    };
    const deliver = async (): Promise<Outcome> => {
      order.push("deliver");
      return delivered;
    };
    const first = rig(deliver, { decide, accompany });
    await first.run();
    await first.run({ ...recipient, plan: asking });
    expect(order).toEqual(["accompany 1", "deliver", "deliver"]);
    expect(JSON.stringify(first.transitions)).not.toContain('"planned"');
  });

  test("that cannot be written has the recipient wait, and nothing is sent", async () => {
    const deliver = (): Promise<Outcome> => Promise.reject(new Error("sent"));
    const { transitions, run } = rig(deliver, { decide, accompany: () => Promise.reject(new Error("disk full")) });
    await run();
    expect(statesOf(transitions)).toEqual(["deferred"]);
    expect(transitions[0]?.recipients[0]?.patch.plan).toBeUndefined();
  });

  test("leaves a recipient alone whose claim went to another worker", async () => {
    const deliver = (): Promise<Outcome> => Promise.reject(new Error("sent"));
    const { transitions, run } = rig(deliver, { decide, accompany: async () => [rcpt] });
    await run();
    expect(transitions).toEqual([]);
  });
});
