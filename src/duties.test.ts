import { expect, test, vi } from "vitest";
import type { Duty } from "./core/duty.ts";
import { Duties } from "./duties.ts";

type Entry = { readonly event: string; readonly facts: unknown };

function setUp() {
  const entries: Entry[] = [];
  const write = (event: string, facts: unknown): void => void entries.push({ event, facts });
  const duties = new Duties({ debug: write, info: write, warn: write, error: write });
  return { duties, entries };
}

const duty = (run: Duty["run"]): Duty => ({ name: "sweep", everyMs: 1, run });

test("a failed run is logged with a code and comes again", async () => {
  const { duties, entries } = setUp();
  let runs = 0;
  duties.start([
    duty(async () => {
      runs += 1;
      if (runs === 1) throw new Error("broken");
    }),
  ]);
  await vi.waitFor(() => expect(runs).toBeGreaterThan(1));
  await duties.stop();
  expect(entries).toEqual([{ event: "duty_failed", facts: { duty: "sweep", code: "PST-PIP-003", error: "Error" } }]);
});

test("a stop tells the run under way, waits for it, and no further one begins", async () => {
  const { duties } = setUp();
  let runs = 0;
  let isOver = false;
  duties.start([
    duty(async (signal) => {
      runs += 1;
      await new Promise<void>((told) => signal.addEventListener("abort", () => told(), { once: true }));
      isOver = true;
    }),
  ]);
  await vi.waitFor(() => expect(runs).toBe(1));
  await duties.stop();
  expect(isOver).toBe(true);
  await new Promise((later) => setTimeout(later, 5));
  expect(runs).toBe(1);
});

test("a duty may begin sooner than it comes again", async () => {
  const { duties } = setUp();
  let runs = 0;
  duties.start([{ name: "check", everyMs: 3_600_000, firstAfterMs: 0, run: async () => void (runs += 1) }]);
  await vi.waitFor(() => expect(runs).toBe(1));
  await duties.stop();
});
