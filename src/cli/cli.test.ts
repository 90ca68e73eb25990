import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FieldSealer } from "../parts/keys/field-sealer.ts";
import { issueServerCertificate } from "../parts/keys/issue-certificate.ts";
import { KeyRing } from "../parts/keys/key-ring.ts";
import { manualClock, messageIdAt, sampleMessage, silentLog } from "../parts/store/queue-store.samples.ts";
import { openQueueStore } from "../parts/store/sqlite-queue-store.ts";
import { runProgram } from "./program.ts";

/** The database as a service that went down left it. */
async function fillDatabase(): Promise<void> {
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  const bytes = (text: string): Buffer => Buffer.from(text.repeat(4));
  const keyRing = new KeyRing({ addresses: { name: "addresses", bytes: bytes("fedcba9876543210") } });
  const store = await openQueueStore({
    path: join(folder, "data", "gateway.db"),
    owner: "test",
    sealer: new FieldSealer(keyRing),
    clock: manualClock(),
    log: silentLog,
  });
  await store.accept(sampleMessage(1));
  await store.accept(sampleMessage(2));
  await store.close();
}

const CLI = fileURLToPath(new URL("./cli.ts", import.meta.url));
const SHIPPED_PACK = fileURLToPath(new URL("../../config/dlp/us-hipaa.yaml", import.meta.url));
const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
let folder: string;

type Run = { readonly exitCode: number; readonly out: string; readonly err: string };

/** In this process: starting one for each command takes most of a second. */
async function postern(...args: readonly string[]): Promise<Run> {
  const written = { out: "", err: "" };
  const into = (name: keyof typeof written) => (chunk: string | Uint8Array) => {
    written[name] += String(chunk);
    return true;
  };
  const out = vi.spyOn(process.stdout, "write").mockImplementation(into("out"));
  const err = vi.spyOn(process.stderr, "write").mockImplementation(into("err"));
  vi.stubEnv("POSTERN_CONFIG", join(folder, "postern.yaml"));
  try {
    return { exitCode: await runProgram(["node", "postern", ...args]), ...written };
  } finally {
    out.mockRestore();
    err.mockRestore();
    vi.unstubAllEnvs();
  }
}

function spawned(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { timeout: 15_000 }, (error, out, err) => {
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
  put("audit.key", "0f1e2d3c4b5a6978".repeat(4));
  put("pack.yaml", `version: 1\npack: site\nextends: ${SHIPPED_PACK}\n`);
  put("bad-pack.yaml", "version: 1\n");
  const valid = `version: 1
hostname: gateway.example.org
data_dir: data
control: { socket: control.sock }
listen: { tls: { certificate: file:smtp.pem, key: file:smtp.key } }
keys: { spool: file:spool.key, addresses: file:addresses.key, audit: file:audit.key }
dlp: { packs: [pack.yaml] }
`;
  put("postern.yaml", valid);
  put("bad-pack-config.yaml", valid.replace("pack.yaml", "bad-pack.yaml"));
  put("more.yaml", `version: 1\npack: more\nextends: pack.yaml\ntests: []\n`);
  put("twice-config.yaml", valid.replace("[pack.yaml]", "[more.yaml, pack.yaml]"));
  put("other-key.yaml", valid.replace("addresses: file:addresses.key", "addresses: file:other.key"));
  put("other.key", "00112233445566ff".repeat(4));
  put("bad.yaml", "version: 1\nlisen: {}\npolicy: { phi: none }\nkeys: { audit: file:audit.key }\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the program itself starts, and leaves with the exit code of its command", async () => {
  expect(await spawned("--version")).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
  });
  expect(await spawned("config", "check", join(folder, "bad.yaml"))).toMatchObject({ exitCode: 1, out: "" });
});

test("a valid configuration is exit code 0", async () => {
  const { exitCode, out, err } = await postern("config", "check");
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  expect(out).toMatch(/^rule packs: .*\.yaml$/m);
  expect(out).toContain(`\n${join(folder, "postern.yaml")}: valid\nnot compared with a running service: PST-CTL-001`);
});

test("every error of a configuration is printed at once, with exit code 1 and nothing on standard output", async () => {
  const { exitCode, out, err } = await postern("config", "check", join(folder, "bad.yaml"));
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
  expect(err).toContain('bad.yaml:2:1 lisen: unknown key. Did you mean "listen"?');
  expect(err).toContain('bad.yaml:3:16 policy.phi: "none" is not one of');
  expect(err).toMatch(/^postern: PST-CFG-001 .* Next: /m);
});

test("a rule pack that the service would refuse makes the configuration invalid", async () => {
  const { exitCode, out, err } = await postern("config", "check", join(folder, "bad-pack-config.yaml"));
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
  expect(err).toContain("bad-pack.yaml:1:1 pack: missing");
});

test("packs that judge the same rules twice are warned of, and valid", async () => {
  const { exitCode, out, err } = await postern("config", "check", join(folder, "twice-config.yaml"));
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  expect(out).toMatch(/^warning: .*more\.yaml:1:1 pack: it extends pack\.yaml, which is named too: /m);
});

test("an index that cannot be opened is told where the configuration names it", async () => {
  put("edm.key", "0f".repeat(32));
  const index = "edm:\n    - { name: patients, file: nowhere.edm, key: file:edm.key }";
  put(
    "edm.yaml",
    readFileSync(join(folder, "postern.yaml"), "utf8").replace(/^dlp: .*$/m, `dlp:\n  packs: [pack.yaml]\n  ${index}`),
  );
  const { exitCode, err } = await postern("config", "check", join(folder, "edm.yaml"));
  expect(exitCode).toBe(1);
  expect(err).toMatch(
    /edm\.yaml:10:7 dlp\.edm\[0\]: PST-EDM-001 .*nowhere\.edm cannot be read \(ENOENT\); check the path/,
  );
});

test("a program for pictures that is not there is a warning, with its place and a next step", async () => {
  const ocr = "ocr: { command: [/usr/bin/no-such-reader], data_dir: nowhere }";
  put("ocr.yaml", readFileSync(join(folder, "postern.yaml"), "utf8").replace("dlp: { ", `dlp: { ${ocr}, `));
  const { exitCode, out } = await postern("config", "check", join(folder, "ocr.yaml"));
  expect(exitCode).toBe(0);
  expect(out).toMatch(
    /^warning: \S+ocr\.yaml:7:\d+ dlp\.ocr\.command: there is no program \/usr\/bin\/no-such-reader: install it/m,
  );
  expect(out).toContain(`${join(folder, "nowhere")} is not there or cannot be read: correct the path`);
});

test("a configuration that does not exist is told from one that is wrong", async () => {
  const { exitCode, err } = await postern("--config", join(folder, "none.yaml"), "queue", "list");
  expect(exitCode).toBe(1);
  expect(err).toContain("none.yaml:1:1: there is no such file; name the right one with --config FILE");
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
  const { exitCode, err } = await postern("queue", "retry", ID, "--reason", "peer repaired");
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^postern: PST-CTL-001: .* Next: Start it with `postern serve`/);
});

test("reading without a database says so and what to do", async () => {
  const { exitCode, err } = await postern("queue", "list");
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^postern: PST-SPL-064.* Next: /);
});

test("the queue is listed and shown while the service is down, as table and as JSON Lines", async () => {
  await fillDatabase();
  const table = await postern("queue", "list");
  expect(table.err).toBe("");
  expect(table.out.split("\n")[0]).toMatch(/^ID +STATE +RECIPIENT +PUT OFF +NEXT +WHY$/);
  expect(table.out).toContain(`${messageIdAt(1)}.1`);
  const { out, err } = await postern("queue", "list", "--json", "--state", "received", "--limit", "1");
  expect(err).toContain("only the first 1 are listed");
  const rows = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: string; state: string });
  expect(rows).toEqual([expect.objectContaining({ id: `${messageIdAt(1)}.1`, state: "received" })]);
  const none = await postern("queue", "list", "--state", "held");
  expect(none).toEqual({ exitCode: 0, out: "none\n", err: "" });
  const shown = await postern("queue", "show", messageIdAt(2));
  expect(shown.out).toContain(`message    ${messageIdAt(2)}`);
  expect(shown.out).toContain("not inspected yet");
  const unknown = await postern("queue", "show", ID);
  expect(unknown.exitCode).toBe(1);
  expect(unknown.err).toContain(`no message or recipient ${ID} is stored`);
});

test("a message's story is told by id and by address, and the chain behind it verifies", async () => {
  const told = await postern("trace", `${messageIdAt(1)}.1`);
  expect(told.err).toBe("");
  expect(told.out).toContain(`message ${messageIdAt(1)}`);
  expect(told.out).toContain(`recipient ${messageIdAt(1)}.1`);
  const byAddress = await postern("trace", "canary-recipient-2-1@rcpt.example", "--json");
  expect(JSON.parse(byAddress.out)).toMatchObject({ messageId: messageIdAt(2), recipients: [{ state: "received" }] });
  const nothing = await postern("trace", "nobody@rcpt.example");
  expect(nothing.exitCode).toBe(1);
  const verified = await postern("audit", "verify");
  expect(verified).toMatchObject({ exitCode: 0, err: "" });
  expect(verified.out).toContain("2 rows, each as it was written\ntail not provable without a checkpoint");
  const head = /^head (.+)$/m.exec(verified.out)?.[1] ?? "";
  expect((await postern("audit", "verify", "--checkpoint", head)).out).toContain("tail proven");
  put("checkpoint", `head 3:${head.split(":")[1]}\n`);
  const cut = await postern("audit", "verify", "--checkpoint", join(folder, "checkpoint"));
  expect(cut.exitCode).toBe(1);
  expect(cut.out).toContain("cut off the end");
  const rows = (await postern("audit", "tail", "-n", "1", "--json")).out.trim().split("\n");
  expect(rows.map((row) => (JSON.parse(row) as { seq: number }).seq)).toEqual([2]);
});

test("with another address key a trace by address names the key, not an unknown address", async () => {
  const config = join(folder, "other-key.yaml");
  const { exitCode, err } = await postern("--config", config, "trace", "canary-recipient-2-1@rcpt.example");
  expect(exitCode).toBe(1);
  expect(err).toMatch(/^postern: PST-SPL-061.* Next: Check that the address key/);
});

test("every command has a description, help and an example", async () => {
  const { out } = await postern("--help");
  const commands = [...out.matchAll(/^ {2}([a-z]+) .* {2,}\S/gm)].map((match) => match[1] ?? "");
  expect(commands).toEqual(expect.arrayContaining(["config", "queue"]));
  const { out: help } = await postern("queue", "release", "--help");
  expect(help).toContain("Example");
  expect(out).toContain("Exit codes");
});
