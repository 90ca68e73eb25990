/**
 * The machine's own users and groups, from the texts of /etc/passwd and /etc/group (passwd(5), group(5)). Promises: pure but for
 * `readAccounts`; a malformed line is no account. People of a directory service stand in neither file: they are known by number.
 */
import { readFileSync, statSync } from "node:fs";

export type Accounts = { readonly passwd: string; readonly group: string };

export type Account = {
  readonly uid: number;
  /** Every name with this uid; the first is the one to print. */
  readonly names: readonly string[];
  readonly groups: readonly { readonly gid: number; readonly names: readonly string[] }[];
};

const FILE_BYTES_MAX = 8 * 1024 * 1024;

/** A file that is missing or too large is empty: then nobody has a name, and nobody a role by name. */
export function readAccounts(): Accounts {
  return { passwd: readText("/etc/passwd"), group: readText("/etc/group") };
}

function readText(path: string): string {
  try {
    return statSync(path).size > FILE_BYTES_MAX ? "" : readFileSync(path, "utf8");
  } catch {
    // Without the file the machine has no names; numbers go on working.
    return "";
  }
}

export function accountOf(uid: number, { passwd, group }: Accounts): Account {
  const own = linesOf(passwd, 7).filter((fields) => toId(fields[2]) === uid);
  const names = own.map(([name = ""]) => name);
  const primary = own.map((fields) => toId(fields[3])).filter((gid) => gid !== null);
  const rows = linesOf(group, 4).map(([name = "", , gid, members = ""]) => ({
    name,
    gid: toId(gid),
    members: members.split(","),
  }));
  const joined = rows.filter(({ members }) => members.some((member) => names.includes(member))).map(({ gid }) => gid);
  const gids = new Set([...primary, ...joined.filter((gid) => gid !== null)]);
  const groups = [...gids].map((gid) => ({
    gid,
    names: rows.filter((row) => row.gid === gid).map(({ name }) => name),
  }));
  return { uid, names, groups };
}

/** null where there is no such group. */
export function groupIdOf(name: string | number, { group }: Accounts): number | null {
  if (typeof name === "number") return name;
  const found = linesOf(group, 4).find(([each]) => each === name);
  return found === undefined ? null : toId(found[2]);
}

/** What the account is called in records. */
export function printedName({ uid, names }: Account): string {
  return names[0] ?? `uid ${uid}`;
}

function linesOf(text: string, fieldsMin: number): readonly (readonly string[])[] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length >= fieldsMin && /^[^\s#+-]/.test(fields[0] ?? ""));
}

function toId(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null;
}
