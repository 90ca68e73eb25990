/**
 * Who may ask what of the running service: the roles of an account, and the roles each method needs. Pure. Without `roles` in the
 * configuration whoever is let to the socket looks and acts on the queue, and root and the service's own user do everything.
 */
import type { Role, RoleMap, RoleMembers } from "../../core/roles.ts";
import { ROLES } from "../../core/roles.ts";
import type { Account } from "./accounts.ts";
import type { ControlMethod } from "./control-protocol.ts";

const ROOT = 0;
const ANYBODY: readonly Role[] = ["viewer", "operator", "reviewer", "approver", "auditor"];

/** The roles of which one is enough; `owner` always is. */
const NEEDED: Readonly<Record<ControlMethod, readonly Role[]>> = {
  status: ANYBODY,
  reload: ["operator"],
  "config.changes": ["operator"],
  "queue.retry": ["operator"],
  "queue.hold": ["operator"],
  "queue.release": ["operator"],
  "queue.drop": ["operator"],
  "queue.list": ["viewer", "operator"],
  "queue.message": ["viewer", "operator"],
  // With what remote servers answered, which may say what the mail said.
  "queue.trace": ["operator"],
  "queue.suspend": ["operator"],
  "queue.resume": ["operator"],
  "queue.suspensions": ["viewer", "operator"],
  "quarantine.list": ["reviewer", "approver"],
  "quarantine.show": ["reviewer", "approver"],
  "quarantine.body": ["reviewer"],
  "quarantine.approve": ["approver"],
  "quarantine.reject": ["approver"],
  "quarantine.release": ["reviewer"],
  "quarantine.refuse": ["reviewer"],
  "sts.show": ["viewer", "operator"],
  "sts.refresh": ["operator"],
  "tls.report": ["viewer", "operator", "auditor"],
  "tls.results": ["viewer", "operator", "auditor"],
  "audit.hold.add": ["auditor"],
  "audit.hold.lift": ["auditor"],
  "audit.hold.list": ["auditor"],
  "audit.read": ["auditor"],
  "audit.checkpoint": ["operator", "auditor"],
  "dlp.reveal": ["reviewer"],
};

export function rolesNeeded(method: ControlMethod): readonly Role[] {
  return NEEDED[method];
}

export function mayCall(method: ControlMethod, roles: readonly Role[]): boolean {
  return roles.includes("owner") || NEEDED[method].some((role) => roles.includes(role));
}

/** In the order of ROLES. A user the configuration names has these roles and no others, also where it is root. */
export function rolesOf(account: Account, map: RoleMap, serviceUid: number): readonly Role[] {
  const isNamed = ROLES.some((role) => map[role]?.users.some((user) => isUser(account, user)) ?? false);
  const isOwn = account.uid === ROOT || account.uid === serviceUid;
  if (isOwn && !isNamed) return ["owner"];
  const isDefault = ROLES.every((role) => map[role] === undefined);
  if (isDefault) return ["viewer", "operator"];
  return ROLES.filter((role) => holds(account, map[role]));
}

function holds(account: Account, members: RoleMembers | undefined): boolean {
  if (members === undefined) return false;
  return members.users.some((user) => isUser(account, user)) || members.groups.some((group) => isIn(account, group));
}

function isUser({ uid, names }: Account, user: string | number): boolean {
  return typeof user === "number" ? user === uid : names.includes(user);
}

function isIn({ groups }: Account, group: string | number): boolean {
  return groups.some(({ gid, names }) => (typeof group === "number" ? group === gid : names.includes(group)));
}
