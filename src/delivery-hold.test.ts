import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { DeliveryHold } from "./delivery-hold.ts";
import type { PressureLevel } from "./core/pressure.ts";
import type { DeliveryReport, DeliveryRequest } from "./core/stages.ts";
import { storeError } from "./parts/store/sqlite-store-error.ts";

const REPORT: DeliveryReport = { attempts: [], outcomes: new Map(), destination: { kind: "unknown" } };

class Gauge {
  level: PressureLevel = "open";
  readonly #waiting: (() => void)[] = [];
  readonly hold = new DeliveryHold({
    read: () => ({ level: this.level }) as never,
    untilWritable: (signal) => this.#untilWritable(signal),
  });

  get waiting(): number {
    return this.#waiting.length;
  }

  become(level: PressureLevel): void {
    this.level = level;
    if (level === "closed") this.hold.breakOff();
    else for (const go of this.#waiting.splice(0)) go();
  }

  async #untilWritable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.level !== "closed") return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
    });
  }
}

type Asked = Pick<DeliveryRequest, "signal" | "onDot">;

/** A delivery whose steps the test takes itself. */
function deliveryOf(gauge: Gauge): {
  readonly asked: Asked[];
  readonly end: () => void;
  readonly begin: (request?: Partial<Asked>) => Promise<DeliveryReport>;
} {
  const asked: Asked[] = [];
  const { promise, resolve } = Promise.withResolvers<DeliveryReport>();
  const deliver = gauge.hold.deliver((request) => {
    asked.push(request);
    return promise;
  });
  const idle = { signal: new AbortController().signal, onDot: async () => {} };
  return { asked, end: () => resolve(REPORT), begin: (request) => deliver({ ...idle, ...request } as DeliveryRequest) };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};
const SEEN = { host: "mx", rung: "plain" } as const;

describe("a delivery", () => {
  test("begins only when things can be written down", async () => {
    const gauge = new Gauge();
    gauge.become("closed");
    const { asked, begin, end } = deliveryOf(gauge);
    const report = begin();
    await turns();
    expect(asked).toHaveLength(0);
    gauge.become("full");
    await turns();
    expect(asked[0]?.signal.aborted).toBe(false);
    end();
    expect(await report).toBe(REPORT);
  });

  test("is broken off before its final dot, and left alone beyond it", async () => {
    const gauge = new Gauge();
    const { asked, begin } = deliveryOf(gauge);
    void begin();
    void begin();
    await turns();
    await asked[1]?.onDot([], SEEN);
    gauge.become("closed");
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  test("sends no dot once nothing can be written down, and says so to nobody", async () => {
    const gauge = new Gauge();
    let intents = 0;
    const { asked, begin } = deliveryOf(gauge);
    void begin({ onDot: async () => void (intents += 1) });
    await turns();
    gauge.level = "closed";
    await expect(asked[0]?.onDot([], SEEN)).rejects.toThrow("nothing can be written down");
    expect(intents).toBe(0);
  });

  test("that waits is told of a stop, as one under way is", async () => {
    const gauge = new Gauge();
    gauge.become("closed");
    const stop = new AbortController();
    const { asked, begin } = deliveryOf(gauge);
    void begin({ signal: stop.signal });
    await turns();
    stop.abort();
    await turns();
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  test("costs no more beside a thousand others: one listener hears of the stop for all, and who has ended is forgotten", async () => {
    const gauge = new Gauge();
    const stop = new AbortController();
    const ended = deliveryOf(gauge);
    const report = ended.begin({ signal: stop.signal });
    await turns();
    ended.end();
    await report;
    const { asked, begin } = deliveryOf(gauge);
    for (let count = 0; count < 1_000; count += 1) void begin({ signal: stop.signal });
    await turns();
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort();
    expect(asked.filter(({ signal }) => signal.aborted)).toHaveLength(1_000);
    expect(ended.asked[0]?.signal.aborted).toBe(false);
  });
});

describe("what became of a recipient", () => {
  const full = (): Error => storeError("PST-SPL-054");

  test("is written once the full database takes it again", async () => {
    const gauge = new Gauge();
    let calls = 0;
    const settle = gauge.hold.settle(async () => {
      calls += 1;
      if (calls > 1) return [];
      gauge.become("closed");
      throw full();
    }, new AbortController().signal);
    const settled = settle({} as never, []);
    await turns();
    expect([calls, gauge.waiting]).toEqual([1, 1]);
    gauge.become("open");
    expect(await settled).toEqual([]);
    expect(calls).toBe(2);
  });

  test.each([
    ["another error of the store", storeError("PST-SPL-055"), false],
    ["a full database during a stop", full(), true],
  ])("is given up at once after %s", async (_name, error, isStopped) => {
    const gauge = new Gauge();
    gauge.become("closed");
    const stop = new AbortController();
    if (isStopped) stop.abort();
    const settle = gauge.hold.settle(() => Promise.reject(error), stop.signal);
    await expect(settle({} as never, [])).rejects.toBe(error);
  });
});
