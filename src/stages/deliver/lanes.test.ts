import { afterEach, describe, expect, test, vi } from "vitest";
import { makeRequest, ManualClock, mxHost, TEST_OPTIONS } from "../../../test/support/deliver-rig.ts";
import type { Admission } from "./lanes.ts";
import { laneIdentityOf, Lanes } from "./lanes.ts";
import { DELIVER_DEFAULTS } from "./options.ts";
import type { DeliverOptions } from "./options.ts";

const identity = (host: string) => ({ hosts: [host], minRung: "plain", domain: null }) as const;
const { signal } = new AbortController();

function makeLanes(options: Partial<DeliverOptions>, chance = 0) {
  const clock = new ManualClock();
  return { clock, lanes: new Lanes({ ...TEST_OPTIONS, ...options }, { clock, chance: () => chance }) };
}

function release(admission: Admission, result: "reached" | "unreached" | "unknown"): void {
  if (admission.kind !== "go") throw new Error("not admitted");
  admission.release(result);
}

describe("windows", () => {
  test("grow by one per window of successes and shrink on failures, between one and the limit", async () => {
    const { lanes } = makeLanes({ laneWindowInitial: 2, laneWindowMax: 3, laneFailuresMax: 99 });
    const windows: (number | undefined)[] = [];
    for (const result of ["reached", "reached", "reached", "reached", "reached"] as const) {
      release(await lanes.admit(identity("a"), signal), result);
      windows.push(lanes.view()[0]?.window);
    }
    for (let failure = 0; failure < 9; failure++) {
      release(await lanes.admit(identity("a"), signal), "unreached");
      windows.push(lanes.view()[0]?.window);
    }
    expect(windows).toEqual([2, 2, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("a result that says nothing changes nothing", async () => {
    const { lanes } = makeLanes({ laneFailuresMax: 1 });
    release(await lanes.admit(identity("a"), signal), "unknown");
    expect(lanes.view()).toMatchObject([{ failuresInRow: 0, closedForMs: null, window: 5, active: 0 }]);
  });
});

describe("the cap over all lanes", () => {
  test("is shared in turns: a busy lane does not starve another", async () => {
    const { lanes } = makeLanes({ connectionsMax: 1, laneWindowInitial: 5 });
    const order: string[] = [];
    const run = async (host: string): Promise<void> => {
      const admission = await lanes.admit(identity(host), signal);
      order.push(host);
      await Promise.resolve();
      release(admission, "reached");
    };
    await Promise.all(["a", "a", "a", "a", "b", "b"].map(run));
    expect(order).toEqual(["a", "a", "b", "a", "b", "a"]);
  });
});

describe("a server that takes connections and says nothing", () => {
  afterEach(() => vi.useRealTimers());

  const silent = async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { lanes } = makeLanes({ laneWindowInitial: 1, laneSilentMs: 30_000, laneClosedFirstMs: 60_000 });
    const first = await lanes.admit(identity("a"), signal);
    const second = lanes.admit(identity("a"), signal);
    return { lanes, first, second };
  };

  test("sends those who wait behind it back to the queue, and who comes, until somebody was heard of", async () => {
    const { lanes, first, second } = await silent();
    vi.advanceTimersByTime(30_000);
    expect((await second).kind).toBe("closed");
    expect((await lanes.admit(identity("a"), signal)).kind).toBe("closed");
    expect(lanes.state(identity("a")).restMs).toBe(60_000);
    release(first, "reached");
    expect(lanes.state(identity("a")).restMs).toBe(null);
    expect((await lanes.admit(identity("a"), signal)).kind).toBe("go");
  });

  test("is none while a session is open, however long the mail takes", async () => {
    const { lanes, first, second } = await silent();
    if (first.kind === "go") first.spoken();
    vi.advanceTimersByTime(600_000);
    expect(lanes.state(identity("a")).restMs).toBe(null);
    release(first, "unreached");
    expect((await second).kind).toBe("go");
    expect((await lanes.admit(identity("b"), signal)).kind).toBe("go");
  });

  test("is none while a session is open, also where another connection was lost beside it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { lanes } = makeLanes({ laneWindowInitial: 2, laneSilentMs: 30_000, laneFailuresMax: 3 });
    const [long, lost] = [await lanes.admit(identity("a"), signal), await lanes.admit(identity("a"), signal)];
    const waiting = lanes.admit(identity("a"), signal);
    if (long.kind === "go") long.spoken();
    release(lost, "unreached");
    vi.advanceTimersByTime(600_000);
    expect(lanes.state(identity("a")).restMs).toBe(null);
    release(long, "unknown");
    const next = await waiting;
    const last = lanes.admit(identity("a"), signal);
    vi.advanceTimersByTime(30_000);
    expect((await last).kind).toBe("closed");
    release(next, "unreached");
  });

  test("is not told of one whose first two addresses do not answer", () => {
    const { laneSilentMs, timeouts } = DELIVER_DEFAULTS;
    expect(laneSilentMs).toBeGreaterThan(2 * timeouts.dialMs);
  });

  test("is none where somebody was spoken with in time, or who left takes the silence along", async () => {
    const { lanes, first, second } = await silent();
    vi.advanceTimersByTime(29_999);
    release(first, "unreached");
    vi.advanceTimersByTime(29_999);
    expect((await lanes.admit(identity("a"), AbortSignal.abort())).kind).toBe("stopped");
    const admission = await second;
    release(admission, "reached");
    const proven = await lanes.admit(identity("a"), signal);
    const waiting = lanes.admit(identity("a"), signal);
    vi.advanceTimersByTime(600_000);
    expect(lanes.state(identity("a")).restMs).toBe(null);
    release(proven, "reached");
    expect((await waiting).kind).toBe("go");
  });
});

describe("servers that nobody spoke with yet", () => {
  const admittedOf = async (lanes: Lanes, hosts: readonly string[]): Promise<number> => {
    let admitted = 0;
    for (const host of hosts) void lanes.admit(identity(host), signal).then(() => (admitted += 1));
    await new Promise((resolve) => setImmediate(resolve));
    return admitted;
  };
  const names = (word: string, count: number): readonly string[] =>
    Array.from({ length: count }, (_, n) => `${word} ${n}`);

  test("that never answer leave room for one that was not tried yet, and for one that answers", async () => {
    const { lanes } = makeLanes({ connectionsMax: 100, laneWindowInitial: 5 });
    release(await lanes.admit(identity("proven"), signal), "reached");
    const silent = names("silent", 20).flatMap((host) => Array.from({ length: 5 }, () => host));
    expect(await admittedOf(lanes, silent)).toBe(40);
    expect(await admittedOf(lanes, ["untried", "proven"])).toBe(2);
  });

  test("share three quarters at most, however many there are, and those that failed before one half", async () => {
    const failed = makeLanes({ connectionsMax: 100, laneFailuresMax: 99 }).lanes;
    for (const host of names("failed", 90)) release(await failed.admit(identity(host), signal), "unreached");
    expect(await admittedOf(failed, names("failed", 90))).toBe(50);
    expect(await admittedOf(failed, names("untried", 90))).toBe(25);
  });
});

describe("a closed lane", () => {
  test("turns away who waits, lets one probe go, and nobody beside it", async () => {
    const { lanes, clock } = makeLanes({ laneWindowInitial: 1, laneFailuresMax: 1, laneClosedFirstMs: 100 }, 1);
    const first = await lanes.admit(identity("a"), signal);
    const waiting = lanes.admit(identity("a"), signal);
    release(first, "unreached");
    expect((await waiting).kind).toBe("closed");
    expect(lanes.view()[0]?.closedForMs).toBe(110);
    clock.timeMs += 110;
    const probe = await lanes.admit(identity("a"), signal);
    expect(probe.kind).toBe("go");
    expect((await lanes.admit(identity("a"), signal)).kind).toBe("closed");
    release(probe, "reached");
    expect((await lanes.admit(identity("a"), signal)).kind).toBe("go");
  });

  test("does not close others", async () => {
    const { lanes } = makeLanes({ laneFailuresMax: 1 });
    release(await lanes.admit(identity("a"), signal), "unreached");
    expect((await lanes.admit(identity("b"), signal)).kind).toBe("go");
  });

  test("stays closed when the probe was broken off without a word about the destination", async () => {
    const { lanes, clock } = makeLanes({ laneFailuresMax: 1, laneClosedFirstMs: 100 });
    release(await lanes.admit(identity("a"), signal), "unreached");
    clock.timeMs += 100;
    release(await lanes.admit(identity("a"), signal), "unknown");
    const probe = await lanes.admit(identity("a"), signal);
    expect([probe.kind, (await lanes.admit(identity("a"), signal)).kind]).toEqual(["go", "closed"]);
  });
});

describe("many domains that name the same servers", () => {
  const domainAt = (domain: string) => ({ hosts: ["a"], minRung: "pkix", domain }) as const;

  test("hold no more of all connections than their share, so that others are served at once", async () => {
    const { lanes } = makeLanes({ connectionsMax: 16, laneWindowMax: 2, laneWindowInitial: 2 });
    for (let domain = 0; domain < 40; domain++) void lanes.admit(domainAt(`d${domain}.test`), signal);
    expect(lanes.view().reduce((sum, { active }) => sum + active, 0)).toBe(4);
    expect((await lanes.admit(identity("b"), signal)).kind).toBe("go");
  });

  test("close together when the servers are dead, and one probe goes for all", async () => {
    const { lanes, clock } = makeLanes({ laneFailuresMax: 2, laneClosedFirstMs: 100, laneWindowInitial: 1 });
    const first = await lanes.admit(domainAt("one.test"), signal);
    const second = await lanes.admit(domainAt("two.test"), signal);
    const waiting = lanes.admit(domainAt("two.test"), signal);
    release(first, "unreached");
    release(second, "unreached");
    expect((await waiting).kind).toBe("closed");
    expect((await lanes.admit(domainAt("three.test"), signal)).kind).toBe("closed");
    expect((await lanes.admit({ ...domainAt("one.test"), minRung: "plain" }, signal)).kind).toBe("go");
    clock.timeMs += 100;
    const probe = await lanes.admit(domainAt("three.test"), signal);
    expect([probe.kind, (await lanes.admit(domainAt("one.test"), signal)).kind]).toEqual(["go", "closed"]);
    release(probe, "reached");
    expect((await lanes.admit(domainAt("one.test"), signal)).kind).toBe("go");
  });

  test("let no more wait than one lane may", async () => {
    const { lanes } = makeLanes({ connectionsMax: 1, laneWindowInitial: 1, laneWaitingMax: 2 });
    for (const domain of ["one.test", "two.test", "three.test"]) void lanes.admit(domainAt(domain), signal);
    expect((await lanes.admit(domainAt("four.test"), signal)).kind).toBe("full");
  });
});

test("an abort while waiting ends the wait and frees the place", async () => {
  const { lanes } = makeLanes({ laneWindowInitial: 1 });
  const first = await lanes.admit(identity("a"), signal);
  const controller = new AbortController();
  const waiting = lanes.admit(identity("a"), controller.signal);
  controller.abort();
  expect((await waiting).kind).toBe("stopped");
  expect(lanes.view()[0]?.waiting).toBe(0);
  release(first, "reached");
});

test("lanes are told apart by host set and floor, by domain only where a verdict belongs to it", () => {
  const key = (minRung: "plain" | "pkix", domain: string) =>
    JSON.stringify(laneIdentityOf(makeRequest({ hosts: [mxHost("127.0.0.2")], minRung, domain })));
  expect(key("plain", "a.test")).toBe(key("plain", "b.test"));
  expect(key("pkix", "a.test")).not.toBe(key("pkix", "b.test"));
  expect(key("plain", "a.test")).not.toBe(key("pkix", "a.test"));
});
