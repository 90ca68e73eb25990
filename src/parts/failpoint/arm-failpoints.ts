/**
 * Reads which failpoints a start is to be armed with, and strikes at them: SIGKILL, a write that fails, a stall. For tests of
 * durability only. Promises: a text that is not understood arms nothing; reaches are counted by name in each thread.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { arm, FAILPOINTS } from "../../core/failpoint.ts";
import type { Failpoint, FailpointOrder } from "../../core/failpoint.ts";

/** `NAME=kill|eio|enospc|stall:MS`, then `@N` for the Nth reach alone or `@N+` from there on; `@1+` where left out. */
const ORDER = /^([a-z0-9.-]+)=(kill|eio|enospc|stall)(?::([0-9]{1,7}))?(?:@([1-9][0-9]{0,6})(\+)?)?$/;

/** Orders separated by commas. Throws a plain error that names what is wrong. */
export function parseFailpoints(text: string): readonly FailpointOrder[] {
  return text.split(",").map(orderOf);
}

/** Arms this thread. */
export function armFailpoints(orders: readonly FailpointOrder[]): void {
  const reaches = new Map<Failpoint, number>();
  const orderFor = (name: Failpoint): FailpointOrder | undefined => {
    const count = (reaches.get(name) ?? 0) + 1;
    reaches.set(name, count);
    return orders.find((order) => order.name === name && (order.isOnce ? count === order.nth : count >= order.nth));
  };
  arm({
    now: (name) => strike(orderFor(name)),
    async later(name) {
      const order = orderFor(name);
      if (order?.action === "stall") await sleep(order.stallMs);
      else strike(order);
    },
  });
}

function orderOf(text: string): FailpointOrder {
  const [, name, action, stallMs, nth, orLater] = ORDER.exec(text) ?? [];
  const known = FAILPOINTS.find((point) => point === name);
  if (known === undefined) throw new Error(`no failpoint in "${text}"`);
  if ((action === "stall") !== (stallMs !== undefined)) throw new Error(`"${text}": stall:MS, and no number else`);
  return {
    name: known,
    action: action as FailpointOrder["action"],
    stallMs: Number(stallMs ?? 0),
    nth: Number(nth ?? 1),
    isOnce: nth !== undefined && orLater === undefined,
  };
}

function strike(order: FailpointOrder | undefined): void {
  if (order === undefined) return;
  switch (order.action) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      return;
    case "stall":
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.stallMs);
      return;
    default:
      throw failureAt(order.name, order.action);
  }
}

/** As the system says it, and under the database as SQLite does. */
function failureAt(name: Failpoint, action: "eio" | "enospc"): Error {
  const codes = name.startsWith("store.")
    ? { eio: "SQLITE_IOERR_FSYNC", enospc: "SQLITE_FULL" }
    : { eio: "EIO", enospc: "ENOSPC" };
  return Object.assign(new Error("injected"), { code: codes[action] });
}
