import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueServerCertificate } from "../parts/keys/issue-certificate.ts";

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
let folder: string;

type Run = { readonly exitCode: number; readonly out: string; readonly err: string };

function postern(...args: readonly string[]): Promise<Run> {
  const env = { ...process.env, POSTERN_CONFIG: join(folder, "postern.yaml") };
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env, timeout: 15_000 }, (error, out, err) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

function put(name: string, text: string): void {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-cli-"));
  const now = Date.now();
  const validity = { notBefore: now - 60_000, notAfter: now + 30 * 86_400_000 };
  const names = { commonName: "gateway.example.org", dnsNames: ["gateway.example.org"] };
  const { certPem, keyPem } = await issueServerCertificate({ ...names, ...validity, issuer: "self" });
  put("smtp.pem", certPem);
  put("smtp.key", keyPem);
  put("spool.key", "0123456789abcdef".repeat(4));
  put("addresses.key", "fedcba9876543210".repeat(4));
  put("pack.yaml", "version: 1\n");
  put(
    "postern.yaml",
    `version: 1
hostname: gateway.example.org
data_dir: data
control: { socket: control.sock }
listen: { tls: { certificate: file:smtp.pem, key: file:smtp.key } }
keys: { spool: file:spool.key, addresses: file:addresses.key }
dlp: { packs: [pack.yaml] }
`,
  );
  put("bad.yaml", "version: 1\nlisen: {}\npolicy: { phi: none }\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a valid configuration is exit code 0", async () => {
  const { exitCode, out, err } = await postern("config", "check");
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  expect(out).toBe(`${join(folder, "postern.yaml")}: valid\n`);
});

test("every error of a configuration is printed at once, with exit code 1 and nothing on standard output", async () => {
  const { exitCode, out, err } = await postern("config", "check", join(folder, "bad.yaml"));
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
  expect(err).toContain('bad.yaml:2:1 lisen: unknown key. Did you mean "listen"?');
  expect(err).toContain('bad.yaml:3:16 policy.phi: "none" is not one of');
  expect(err).toMatch(/^postern: PST-CFG-001 .* Next: /m);
});

test("--json prints errors as JSON Lines", async () => {
  const { exitCode, out, err } = await postern("--config", join(folder, "bad.yaml"), "config", "check", "--json");
  expect({ exitCode, err }).toEqual({ exitCode: 1, err: "" });
  const rows = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { severity: string; line: number; path: string });
  expect(rows).toContainEqual(expect.objectContaining({ severity: "error", line: 2, path: "lisen" }));
});

test("the JSON Schema for editors is valid JSON", async () => {
  const { exitCode, out } = await postern("config", "schema");
  expect(exitCode).toBe(0);
  expect(Object.keys((JSON.parse(out) as { properties: object }).properties)).toContain("listen");
});

test.each([
  ["an unknown command", ["quue"], "Did you mean queue?"],
  ["an unknown option", ["queue", "list", "--stat", "held"], "--state"],
  ["an unknown state", ["queue", "list", "--state", "lost"], "Allowed choices"],
  ["an id of another form", ["queue", "show", "nonsense"], "Not an id"],
  ["a limit that is no number", ["queue", "list", "--limit", "many"], "whole number"],
  ["a drop without a reason", ["queue", "drop", ID], "--reason"],
])("wrong usage is exit code 2 and says what is right: %s", async (_, args, expected) => {
  const { exitCode, out, err } = await postern(...args);
  expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
  expect(err).toContain(expected);
  expect(err).toMatch(/^postern: /);
});

test("acting without a running service says so and what to do", async () => {
  const { exitCode, err } = await postern("queue", "retry", ID);
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^postern: PST-CTL-001: .* Next: Start it with `postern serve`/);
});

test("reading without a database says so and what to do", async () => {
  const { exitCode, err } = await postern("queue", "list");
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^postern: PST-SPL-064.* Next: /);
});

test("every command has a description, help and an example", async () => {
  const { out } = await postern("--help");
  const commands = [...out.matchAll(/^ {2}([a-z]+) .* {2,}\S/gm)].map((match) => match[1] ?? "");
  expect(commands).toEqual(expect.arrayContaining(["config", "queue"]));
  const { out: help } = await postern("queue", "release", "--help");
  expect(help).toContain("Example");
  expect(out).toContain("Exit codes");
});
