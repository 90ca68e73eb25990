/** The first minutes of a new operator: `init`, `config check`, `serve`. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";

const root = mkdtempSync(join(tmpdir(), "postern-init-"));
afterAll(() => rmSync(root, { recursive: true }));

const TENANT = "12345678-1234-1234-1234-123456789012";
const BASE = ["--hostname", "gateway.clinic.test", "--domain", "clinic.test"];
let folders = 0;

function init(...args: readonly string[]): { readonly dir: string; readonly ran: ReturnType<typeof runCli> } {
  folders += 1;
  const dir = join(root, String(folders));
  return { dir, ran: runCli(["init", "--dir", dir, "--data-dir", join(dir, "data"), ...args]) };
}

test.each([
  ["Microsoft 365", ["--platform", "microsoft-365", "--tenant-id", TENANT], `value: ${TENANT}`],
  ["Google Workspace", ["--platform", "google-workspace"], "proof: { dkim: {} }"],
  ["own servers", ["--platform", "network", "--network", "192.0.2.0/24", "2001:db8::/32"], '"2001:db8::/32"'],
])("init for %s gives a configuration that config check finds valid", async (_, args, part) => {
  const { dir, ran } = init(...BASE, ...args);
  expect(await ran).toMatchObject({ code: 0, output: expect.stringContaining("Next:") as string });
  const path = join(dir, "postern.yaml");
  expect(readFileSync(path, "utf8")).toContain(part);
  expect(await runCli(["config", "check", "--config", path])).toMatchObject({ code: 0 });
  for (const name of ["keys/spool.key", "keys/addresses.key", "keys/audit.key", "certs/smtp.key"]) {
    expect(statSync(join(dir, name)).mode & 0o007).toBe(0);
  }
});

test("for networks of this machine alone it listens where nobody else can reach it", async () => {
  const { dir, ran } = init(...BASE, "--platform", "network", "--network", "127.0.0.0/8", "::1");
  expect(await ran).toMatchObject({ code: 0 });
  expect(readFileSync(join(dir, "postern.yaml"), "utf8")).toContain("\n  address: 127.0.0.1\n  port: 2525\n");
});

test("what init made starts, and a second init keeps every file", async () => {
  const port = await freePort();
  const platform = ["--platform", "network", "--network", "127.0.0.0/8", "--listen", `127.0.0.1:${port}`];
  const { dir, ran } = init(...BASE, ...platform);
  await ran;
  const path = join(dir, "postern.yaml");
  appendFileSync(path, `\ncontrol: { socket: ${join(dir, "control.sock")} }\n`);
  const gateway = await ChildGateway.start(path);
  expect(await gateway.stop()).toBe(0);
  expect(await runCli(["audit", "key", "show", "--config", path])).toMatchObject({ code: 0 });
  const before = readFileSync(join(dir, "keys/spool.key"));
  const again = await runCli(["init", "--dir", dir, ...BASE, ...platform]);
  expect(again.code).toBe(0);
  expect(again.output).not.toContain("made  ");
  expect(readFileSync(join(dir, "keys/spool.key"))).toEqual(before);
});

test.each([
  ["a file where it takes a folder", ["--config", "postern.yaml"], "Say --dir FOLDER"],
  ["nothing, and nobody to ask", [], "--hostname is needed"],
  ["a name without a dot", ["--hostname", "gateway"], "--hostname"],
  ["an unknown platform", [...BASE, "--platform", "lotus"], "--platform is one of"],
  ["a tenant id that is none", [...BASE, "--platform", "microsoft-365", "--tenant-id", "x"], "--tenant-id"],
  [
    "a network of the cloud as its own",
    [...BASE, "--platform", "network", "--network", "40.92.0.1"],
    "would not be valid",
  ],
  ["a network that is none", [...BASE, "--platform", "network", "--network", "home"], "--network"],
  ["a port out of range", [...BASE, "--platform", "google-workspace", "--listen", "0.0.0.0:70000"], "--listen"],
])("init refuses %s and says what is wrong", async (_, args, part) => {
  const end = await init(...args).ran;
  expect(end.code).not.toBe(0);
  expect(end.output).toContain(part);
});
