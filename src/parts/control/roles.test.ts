import { describe, expect, test } from "vitest";
import { ROLES } from "../../core/roles.ts";
import type { Role, RoleMap } from "../../core/roles.ts";
import { accountOf, groupIdOf, printedName } from "./accounts.ts";
import { mayCall, rolesNeeded, rolesOf } from "./roles.ts";

const SERVICE = 990;
const ACCOUNTS = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "postern:x:990:990::/var/lib/postern:/usr/sbin/nologin",
    "alice:x:1001:1001:Alice,,,:/home/alice:/bin/sh",
    "bob:x:1002:100::/home/bob:/bin/sh",
    "carol:x:1003:1003::/home/carol:/bin/sh",
    "carla:x:1003:1003::/home/carol:/bin/sh",
    "+@netgroup::::::",
    "broken:x:abc:1:::",
    "short:x:1005",
  ].join("\n"),
  group: ["root:x:0:", "users:x:100:carol", "privacy:x:2000:alice,carla", "ward:x:2001:dave", "privacy2:x:2000:"].join(
    "\n",
  ),
};
const MAP: RoleMap = {
  viewer: { users: [], groups: ["users"] },
  operator: { users: ["bob"], groups: [] },
  reviewer: { users: ["alice"], groups: ["privacy"] },
  approver: { users: [1003], groups: [] },
  auditor: { users: [], groups: [2001] },
};

const rolesFor = (uid: number, map: RoleMap): readonly Role[] => rolesOf(accountOf(uid, ACCOUNTS), map, SERVICE);

test.each<[string, number, RoleMap, readonly Role[]]>([
  ["root, when nobody is named, is owner", 0, {}, ["owner"]],
  ["the service's user is owner", SERVICE, {}, ["owner"]],
  ["whoever is let to the socket looks and acts on the queue", 1001, {}, ["viewer", "operator"]],
  ["an unknown uid as well: the socket's group decides", 4711, {}, ["viewer", "operator"]],
  ["root stays owner beside a map that does not name it", 0, MAP, ["owner"]],
  ["a group of root's takes nothing from it", 0, { viewer: { users: [], groups: ["root"] } }, ["owner"]],
  ["a map that names root takes it at its word", 0, { auditor: { users: ["root"], groups: [] } }, ["auditor"]],
  ["by number too", 0, { auditor: { users: [0], groups: [] } }, ["auditor"]],
  ["and the service's user", SERVICE, { viewer: { users: ["postern"], groups: [] } }, ["viewer"]],
  ["by name and by group", 1001, MAP, ["reviewer"]],
  ["by primary group and by name", 1002, MAP, ["viewer", "operator"]],
  ["by number, by group, and by a second name of the same uid", 1003, MAP, ["viewer", "reviewer", "approver"]],
  ["with a map, who is not in it has no role", 4711, MAP, []],
  ["an empty list is a map too", 1001, { owner: { users: [], groups: [] } }, []],
  ["owner can be given away", 1001, { owner: { users: ["alice"], groups: [] } }, ["owner"]],
])("%s", (_, uid, map, expected) => {
  expect(rolesFor(uid, map)).toEqual(expected);
});

describe("methods", () => {
  const ALLOWED: Readonly<Record<string, readonly Role[]>> = {
    status: ["viewer", "operator", "reviewer", "approver", "auditor", "owner"],
    reload: ["operator", "owner"],
    "queue.retry": ["operator", "owner"],
    "queue.hold": ["operator", "owner"],
    "queue.release": ["operator", "owner"],
    "queue.drop": ["operator", "owner"],
    "queue.list": ["viewer", "operator", "owner"],
    "sts.show": ["viewer", "operator", "owner"],
    "sts.refresh": ["operator", "owner"],
    "tls.report": ["viewer", "operator", "auditor", "owner"],
    "tls.results": ["viewer", "operator", "auditor", "owner"],
    "quarantine.list": ["reviewer", "approver", "owner"],
    "quarantine.show": ["reviewer", "approver", "owner"],
    "quarantine.body": ["reviewer", "owner"],
    "quarantine.approve": ["approver", "owner"],
    "quarantine.reject": ["approver", "owner"],
    "quarantine.release": ["reviewer", "owner"],
    "quarantine.refuse": ["reviewer", "owner"],
  };

  test.each(Object.entries(ALLOWED))("%s is for %j", (name, expected) => {
    const method = name as Parameters<typeof mayCall>[0];
    expect(ROLES.filter((role) => mayCall(method, [role]))).toEqual(expected);
    expect(mayCall(method, [])).toBe(false);
    expect(rolesNeeded(method)).not.toContain("owner");
  });
});

test("lines that are no accounts are none, and whoever has no name goes by number", () => {
  expect(accountOf(1003, ACCOUNTS)).toEqual({
    uid: 1003,
    names: ["carol", "carla"],
    groups: [
      { gid: 1003, names: [] },
      { gid: 100, names: ["users"] },
      { gid: 2000, names: ["privacy", "privacy2"] },
    ],
  });
  expect(accountOf(1005, ACCOUNTS)).toEqual({ uid: 1005, names: [], groups: [] });
  expect([printedName(accountOf(1005, ACCOUNTS)), printedName(accountOf(0, ACCOUNTS))]).toEqual(["uid 1005", "root"]);
  expect(["privacy", "ward", "none", 77].map((group) => groupIdOf(group, ACCOUNTS))).toEqual([2000, 2001, null, 77]);
});
