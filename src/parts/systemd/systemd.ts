/**
 * What a service manager gives a service through its environment: where to say how it is (sd_notify(3)), how long it may be
 * silent (sd_watchdog_enabled(3)), and sockets that listen already (sd_listen_fds(3)).
 * Promises: variables meant for another process are not taken; a socket whose purpose we do not know is refused. Leaves
 * reading and clearing the environment to the command line.
 */
import type { Log } from "../../core/log.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { Notifier } from "./notifier.ts";
import type { Supervisor } from "./notifier.ts";

/** Variables that are for this process alone and must not reach its children. */
export const SERVICE_VARIABLES = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_FDNAMES",
] as const;

/** SD_LISTEN_FDS_START. */
const FIRST_DESCRIPTOR = 3;
const DESCRIPTORS_MAX = 64;
/** What a socket is called without FileDescriptorName=, by systemd and by systemd-socket-activate, and our own word for it. */
const SMTP_NAMES: ReadonlySet<string> = new Set(["", "unknown", "postern.socket", "smtp"]);

export type Variables = Readonly<Record<string, string | undefined>>;

/** Throws for variables that cannot be meant as they are. */
export class ServiceManagerError extends Error {
  override readonly name = "ServiceManagerError";
  readonly code: ReasonCode = "PST-SVC-002";

  constructor(message: string) {
    super(`PST-SVC-002 ${message}`);
  }
}

/** Whom to tell how the service is; null where nobody listens. */
export function supervisorOf(
  variables: Variables,
  facts: { readonly pid: number; readonly monotonicUs: () => bigint; readonly log: Log },
): Supervisor | null {
  const { NOTIFY_SOCKET: socket, PATH: searchPath = "/usr/bin:/bin" } = variables;
  if (socket === undefined || socket === "") return null;
  return new Notifier({ ...facts, socket, searchPath, watchdogMs: watchdogMs(variables, facts.pid) });
}

function watchdogMs({ WATCHDOG_USEC: usec, WATCHDOG_PID: owner }: Variables, pid: number): number | null {
  const isOurs = owner === undefined || owner === "" || owner === String(pid);
  if (!isOurs || usec === undefined || !/^[1-9]\d{0,15}$/.test(usec)) return null;
  return Number(usec) / 1000;
}

/** File descriptors that listen for mail already; none where the listener opens its own. */
export function listeningDescriptors(variables: Variables, pid: number): readonly number[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names = "" } = variables;
  if (owner !== String(pid) || count === undefined || count === "0") return [];
  if (!/^[1-9]\d?$/.test(count) || Number(count) > DESCRIPTORS_MAX) {
    throw new ServiceManagerError(`$LISTEN_FDS is not a number from 1 to ${DESCRIPTORS_MAX}`);
  }
  const named = names.split(":");
  return Array.from({ length: Number(count) }, (_, index) => {
    if (!SMTP_NAMES.has(named[index] ?? "")) {
      throw new ServiceManagerError(`socket ${index + 1} has a name we know no use for`);
    }
    return FIRST_DESCRIPTOR + index;
  });
}
