import { expect, test } from "vitest";
import { listeningDescriptors, supervisorOf } from "./systemd.ts";
import type { Variables } from "./systemd.ts";

const PID = 4711;
const LISTEN = { LISTEN_PID: "4711", LISTEN_FDS: "1" };
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test.each<readonly [string, Variables, readonly number[]]>([
  ["nothing is given", {}, []],
  ["one socket", LISTEN, [3]],
  ["three sockets", { ...LISTEN, LISTEN_FDS: "3" }, [3, 4, 5]],
  ["sockets of another process", { ...LISTEN, LISTEN_PID: "4712" }, []],
  ["a number of sockets and no process", { LISTEN_FDS: "1" }, []],
  ["no socket", { ...LISTEN, LISTEN_FDS: "0" }, []],
  ["our own name", { ...LISTEN, LISTEN_FDNAMES: "smtp" }, [3]],
  ["the name systemd gives", { ...LISTEN, LISTEN_FDS: "2", LISTEN_FDNAMES: "postern.socket:postern.socket" }, [3, 4]],
  ["the name systemd-socket-activate gives", { ...LISTEN, LISTEN_FDNAMES: "unknown" }, [3]],
])("sockets of the service manager: %s", (_, variables, descriptors) => {
  expect(listeningDescriptors(variables, PID)).toEqual(descriptors);
});

test.each<readonly [string, Variables]>([
  ["a purpose we do not know", { ...LISTEN, LISTEN_FDNAMES: "portal" }],
  ["one of two with a purpose we do not know", { ...LISTEN, LISTEN_FDS: "2", LISTEN_FDNAMES: "smtp:portal" }],
  ["a number that is none", { ...LISTEN, LISTEN_FDS: "1e1" }],
  ["a negative number", { ...LISTEN, LISTEN_FDS: "-1" }],
  ["more than there can be", { ...LISTEN, LISTEN_FDS: "65" }],
])("sockets of the service manager are refused: %s", (_, variables) => {
  expect(() => listeningDescriptors(variables, PID)).toThrow(expect.objectContaining({ code: "PST-SVC-002" }));
});

test.each<readonly [string, Variables, number | null | "nobody"]>([
  ["nobody listens", {}, "nobody"],
  ["an empty address", { NOTIFY_SOCKET: "" }, "nobody"],
  ["no watchdog", { NOTIFY_SOCKET: "/run/n" }, null],
  ["a watchdog of one minute", { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000" }, 60_000],
  ["a watchdog of ours", { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000", WATCHDOG_PID: "4711" }, 60_000],
  ["a watchdog of another process", { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000", WATCHDOG_PID: "1" }, null],
  ["a time that is none", { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "-5" }, null],
])("whom to tell how the service is: %s", (_, variables, expected) => {
  const supervisor = supervisorOf(variables, { pid: PID, monotonicUs: () => 0n, log });
  expect(supervisor === null ? "nobody" : supervisor.watchdogMs).toBe(expected);
});
