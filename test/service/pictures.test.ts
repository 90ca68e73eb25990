/** The drop-in for reading pictures against what bubblewrap and the program really ask of the kernel. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { confinement } from "../../src/parts/extraction/picture-program.ts";
import { peers, run } from "../support/peers.ts";
import { allowedCalls } from "../support/system-calls.ts";

const { areMissing, note } = peers("systemd", "strace", "tesseract");
const FOLDER = resolve(import.meta.dirname, "../../systemd");
const UNIT = join(FOLDER, "postern.service");
const DROP_IN = join(FOLDER, "pictures.conf");
const OPTIONS = {
  command: ["/usr/bin/tesseract", "--list-langs"],
  dataDir: null,
  timeMsMax: 20_000,
  memoryBytesMax: 1024 ** 3,
  pixelsMax: 1_000_000,
  processesMax: 1,
} as const;

describe.skipIf(areMissing)(`reading pictures under the unit${note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-pictures-"));
  let trace = "";
  beforeAll(async () => {
    const file = join(folder, "trace");
    const args = ["-f", "-qq", "-o", file, "/usr/bin/bwrap", ...confinement(OPTIONS)];
    const [code] = (await once(spawn("/usr/bin/strace", args, { stdio: ["ignore", "ignore", "inherit"] }), "exit")) as [
      number,
    ];
    if (code !== 0) throw new Error(`bubblewrap under strace ended with ${code}`);
    trace = readFileSync(file, "utf8");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("every call is let through by unit and drop-in, and not by the unit alone", async () => {
    const called = new Set(Array.from(trace.matchAll(/^\d+ +([a-z_0-9]+)\(/gm), ([, name = ""]) => name));
    const missing = async (units: readonly string[]): Promise<readonly string[]> => {
      const allowed = await allowedCalls(units);
      return [...called].filter((name) => !allowed.has(name)).toSorted();
    };
    expect(called.size).toBeGreaterThan(20);
    expect(await missing([UNIT, DROP_IN])).toEqual([]);
    expect(await missing([UNIT])).toEqual(["capset", "mount", "pivot_root", "umount2"]);
  });

  test("every family of sockets, namespace and file of the system is", () => {
    const lines = [UNIT, DROP_IN].map((unit) => readFileSync(unit, "utf8")).join("\n");
    const families = Array.from(trace.matchAll(/socket\((AF_[A-Z0-9]+)/g), ([, name]) => name);
    const allowed = Array.from(lines.matchAll(/^RestrictAddressFamilies=(.*)$/gm), ([, names = ""]) =>
      names.split(" "),
    ).flat();
    expect(families).not.toEqual([]);
    expect(families.filter((name) => !allowed.includes(name ?? ""))).toEqual([]);
    const kinds: Readonly<Record<string, string>> = {
      NS: "mnt",
      CGROUP: "cgroup",
      UTS: "uts",
      IPC: "ipc",
      USER: "user",
      PID: "pid",
      NET: "net",
    };
    const flags = /clone\([^)]*flags=([A-Z_|]+)/.exec(trace)?.[1] ?? "";
    const made = Array.from(flags.matchAll(/CLONE_NEW([A-Z]+)/g), ([, kind = ""]) => kinds[kind] ?? kind);
    const granted = /^RestrictNamespaces=((?!yes).*)$/m.exec(lines)?.[1]?.split(" ") ?? [];
    expect(made.toSorted()).toEqual(granted.toSorted());
    expect(trace).toContain('"/proc/sys/kernel/overflowuid"');
    expect(readFileSync(DROP_IN, "utf8")).toContain("ProcSubset=all");
  });

  test("systemd understands the drop-in beside the unit", async () => {
    mkdirSync(join(folder, "postern.service.d"));
    cpSync(UNIT, join(folder, "postern.service"));
    cpSync(join(FOLDER, "postern.socket"), join(folder, "postern.socket"));
    cpSync(DROP_IN, join(folder, "postern.service.d/pictures.conf"));
    const { stderr } = await run("/usr/bin/systemd-analyze", ["verify", join(folder, "postern.service")]);
    expect(stderr.split("\n").filter((line) => line.includes("pictures.conf"))).toEqual([]);
  });
});
