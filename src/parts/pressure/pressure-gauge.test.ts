import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Backlog, DiskSpace, PressureLevel, PressureLimits } from "../../core/pressure.ts";
import { PressureGauge } from "./pressure-gauge.ts";

const LIMITS: PressureLimits = {
  commitWaitingMax: 100,
  commitAgeMsMax: 1_000,
  stalledMs: 5_000,
  diskFreeBytesMin: 1_000,
  diskFreePercentMin: 0,
  inodesFreePercentMin: 0,
  diskReserveBytes: 200,
  queueRecipientsMax: 1_000,
  queueBytesMax: 10_000,
};
const ROOMY: DiskSpace = { freeBytes: 1e9, totalBytes: 1e10, inodes: null };
const IDLE: Backlog = { waiting: 0, oldest: null, refusals: 0, isUnhealthy: false };

class Machine {
  backlog: Backlog = IDLE;
  space: () => Promise<DiskSpace> = async () => ROOMY;
  queue = { recipients: 0, bytes: 0 };
  trials = 0;
  tryWrite: () => Promise<void> = async () => {};
  readonly told: [PressureLevel, PressureLevel][] = [];
  /** Added to the monotonic clock: a jump. */
  jumpMs = 0;
  readonly gauge = new PressureGauge(
    LIMITS,
    {
      backlogs: () => [this.backlog],
      readSpace: () => this.space(),
      readQueue: async () => this.queue,
      tryWrite: () => {
        this.trials += 1;
        return this.tryWrite();
      },
    },
    {
      clock: { monotonic: () => Date.now() + this.jumpMs },
      onChange: (now, before) => void this.told.push([before, now.level]),
    },
  );

  get level(): PressureLevel {
    return this.gauge.read().level;
  }
}

let machine: Machine;
beforeEach(async () => {
  vi.useFakeTimers();
  machine = new Machine();
  await machine.gauge.start();
});
afterEach(() => {
  machine.gauge.stop();
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("the age of what waits", () => {
  test("grows while the same request is the oldest, and starts anew with the next", async () => {
    machine.backlog = { ...IDLE, waiting: 1, oldest: 7 };
    await pass(900);
    expect(machine.level).toBe("open");
    machine.backlog = { ...IDLE, waiting: 1, oldest: 8 };
    await pass(900);
    expect(machine.level).toBe("open");
    await pass(500);
    expect(machine.level).toBe("slow");
    machine.backlog = IDLE;
    expect(machine.level).toBe("open");
  });

  test("makes a stall where nothing moves for long, which ends with the first answer", async () => {
    machine.backlog = { ...IDLE, waiting: 3, oldest: 1 };
    await pass(6_000);
    expect(machine.level).toBe("closed");
    machine.backlog = { ...IDLE, waiting: 2, oldest: 2 };
    expect(machine.level).toBe("open");
  });

  test("does not jump with the clock", async () => {
    machine.backlog = { ...IDLE, waiting: 1, oldest: 1 };
    await pass(250);
    machine.jumpMs = 48 * 3_600_000;
    expect(machine.gauge.read().figures.commitAgeMs).toBeLessThanOrEqual(1_250);
    machine.jumpMs = 0;
    expect(machine.gauge.read().figures.commitAgeMs).toBeLessThanOrEqual(1_250);
  });

  test("counts a look at the disk that does not come back", async () => {
    machine.space = () => new Promise(() => {});
    await pass(7_000);
    expect(machine.gauge.read()).toMatchObject({ level: "closed", causes: [{ code: "PST-PRS-010" }, {}] });
  });
});

describe("the disk", () => {
  test("whose free space cannot be learned takes no new mail, until it can", async () => {
    machine.space = async () => {
      throw new Error("EIO");
    };
    await pass(1_500);
    expect(machine.gauge.read()).toMatchObject({ level: "full", causes: [{ code: "PST-PRS-007" }], roomBytes: null });
    machine.space = async () => ROOMY;
    await pass(1_500);
    expect(machine.level).toBe("open");
  });

  test("that refused a write stays closed until a trial write succeeds, and is not tried before", async () => {
    await pass(3_000);
    expect(machine.trials).toBe(0);
    machine.tryWrite = async () => {
      throw new Error("ENOSPC");
    };
    machine.backlog = { ...IDLE, refusals: 1 };
    expect(machine.level).toBe("closed");
    await pass(3_000);
    expect(machine.trials).toBeGreaterThanOrEqual(2);
    expect(machine.level).toBe("closed");
    machine.tryWrite = async () => {};
    await pass(1_500);
    expect(machine.level).toBe("open");
  });

  test("that refuses again while a trial runs stays closed", async () => {
    let succeed = (): void => {};
    machine.tryWrite = () => new Promise((resolve) => (succeed = resolve));
    machine.backlog = { ...IDLE, refusals: 1 };
    await pass(1_500);
    machine.backlog = { ...IDLE, refusals: 2 };
    succeed();
    await pass(10);
    expect(machine.level).toBe("closed");
  });
});

test("the queue is looked at again and again", async () => {
  machine.queue = { recipients: 5_000, bytes: 0 };
  await pass(1_500);
  expect(machine.level).toBe("full");
  machine.queue = { recipients: 10, bytes: 0 };
  await pass(1_500);
  expect(machine.level).toBe("open");
});

test("each change of level is told once", async () => {
  machine.backlog = { ...IDLE, isUnhealthy: true };
  await pass(2_000);
  machine.gauge.read();
  machine.backlog = IDLE;
  await pass(2_000);
  expect(machine.told).toEqual([
    ["open", "closed"],
    ["closed", "open"],
  ]);
});

describe("who waits to write", () => {
  test("goes on at once where it is possible", async () => {
    await expect(machine.gauge.untilWritable(new AbortController().signal)).resolves.toBeUndefined();
  });

  test("goes on as soon as it is possible again", async () => {
    machine.backlog = { ...IDLE, isUnhealthy: true };
    let isOn = false;
    const waiting = machine.gauge.untilWritable(new AbortController().signal).then(() => (isOn = true));
    await pass(2_000);
    expect(isOn).toBe(false);
    machine.backlog = IDLE;
    await pass(300);
    await waiting;
    expect(isOn).toBe(true);
  });

  test("stops waiting when the service stops", async () => {
    machine.backlog = { ...IDLE, isUnhealthy: true };
    const stop = new AbortController();
    const waiting = machine.gauge.untilWritable(stop.signal);
    stop.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
