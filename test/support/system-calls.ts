/** What systemd's call filter lets through, by the lines of units and by its own lists of calls. */
import { readFileSync } from "node:fs";
import { run } from "./peers.ts";

/** As systemd reads the SystemCallFilter= lines: the first allows, the ones with a tilde take away. */
export async function allowedCalls(units: readonly string[]): Promise<ReadonlySet<string>> {
  const allowed = new Set(await callsOf("@default"));
  const lines = units.map((unit) => readFileSync(unit, "utf8")).join("\n");
  for (const [, tilde, groups = ""] of lines.matchAll(/^SystemCallFilter=(~?)(.+)$/gm)) {
    for (const group of groups.split(" ")) {
      for (const name of await callsWithin(group)) {
        if (tilde === "~") allowed.delete(name);
        else allowed.add(name);
      }
    }
  }
  return allowed;
}

async function callsOf(group: string): Promise<readonly string[]> {
  const { stdout } = await run("/usr/bin/systemd-analyze", ["--no-pager", "syscall-filter", group]);
  const members = stdout
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const nested = await Promise.all(members.map((name) => callsWithin(name)));
  return nested.flat();
}

async function callsWithin(member: string): Promise<readonly string[]> {
  return member.startsWith("@") ? callsOf(member) : [member];
}
