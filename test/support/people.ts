/**
 * People at the machine, for tests of who may do what: OS users by number, running the real command line against a gateway of
 * this process. Only root can be somebody else: elsewhere such tests are skipped, visibly.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { serveControl } from "../../src/cli/control-handlers.ts";
import type { Control } from "../../src/parts/control/control.ts";
import { createLog } from "../../src/parts/log/log.ts";
import { COMPILE_CACHE, runCli } from "./child-gateway.ts";
import type { CommandEnd, RunAs } from "./child-gateway.ts";
import type { World } from "./world.ts";

/** Numbers no account of a machine has. */
const GROUP = 42_420;
export const PEOPLE = {
  olga: { uid: 42_421, gid: GROUP },
  rita: { uid: 42_422, gid: GROUP },
  adam: { uid: 42_423, gid: GROUP },
  vera: { uid: 42_424, gid: GROUP },
  iris: { uid: 42_426, gid: GROUP },
  stranger: { uid: 42_425, gid: 42_499 },
} as const satisfies Readonly<Record<string, RunAs>>;
export type Person = keyof typeof PEOPLE;

/** Olga operates, Rita reviews, Adam approves, Vera looks, Iris audits; all are let to the socket. */
export const PEOPLE_CONFIG = {
  control: { socket: "control.sock", group: GROUP },
  roles: [
    { role: "viewer", users: [PEOPLE.vera.uid] },
    { role: "operator", users: [PEOPLE.olga.uid] },
    { role: "reviewer", users: [PEOPLE.rita.uid] },
    { role: "approver", users: [PEOPLE.adam.uid] },
    { role: "approver", users: [PEOPLE.rita.uid] },
    { role: "auditor", users: [PEOPLE.iris.uid] },
  ],
} as const;

/** Commands of several people one after the other, on a machine with much else to do. */
export const PEOPLE_TIMEOUT_MS = 120_000;

export const canBeOthers = process.getuid?.() === 0;

/** The control socket of the world's gateway, in a folder that others may walk through. */
export async function openDoor(world: World): Promise<Control> {
  chmodSync(world.folder, 0o711);
  // Each user keeps what it compiled, or every command of theirs would take a second more.
  mkdirSync(COMPILE_CACHE, { recursive: true });
  if (canBeOthers) chmodSync(COMPILE_CACHE, 0o1777);
  return serveControl({
    postern: world.postern,
    configPath: world.configPath,
    log: createLog("debug", { write: (line: string) => void world.log.push(line) }),
    clock: { now: () => world.now(), monotonic: () => performance.now() },
    startedAt: world.now(),
  });
}

/** A service that is no more than its user, who may give things to the group. */
export const AS_SERVICE = ["setpriv", "--reuid", "42400", "--regid", "42400", "--groups", String(GROUP)] as const;
export const SERVICE_UID = 42_400;

/** null: as whoever runs the tests. */
export function runAs(person: Person | null, world: World, ...args: readonly string[]): Promise<CommandEnd> {
  return runCli(["--config", world.configPath, ...args], person === null ? null : PEOPLE[person]);
}
