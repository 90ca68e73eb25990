/** `postern tls probe` at real servers: good ones, bad ones, absent ones; what it says, and that it never says MAIL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet, InternetDescription } from "../../src/cli/loopback/internet.ts";
import { runCli } from "../support/child-gateway.ts";
import { SHIPPED_PACK } from "../support/world.ts";

let folder: string;
let internet: Internet;
let configPath: string;
let guardedPath: string;

const NOBODY = "127.0.5.30";
/** The broadcast address of loopback: no connection can lead there. */
const UNROUTABLE = "127.255.255.255";

const WORLD: InternetDescription = {
  zone: {
    "good.test": { MX: [[10, "mx.good.test"]] },
    "two-addresses.test": { MX: [[10, "mx.two-addresses.test"]] },
    "mx.two-addresses.test": { A: [UNROUTABLE, "127.0.5.12"] },
    "mixed.test": {
      MX: [
        [10, "valid.mixed.test"],
        [20, "self-signed.mixed.test"],
        [30, "wrong-name.mixed.test"],
        [40, "expired.mixed.test"],
        [50, "stranger.mixed.test"],
        [60, "clear.mixed.test"],
      ],
    },
    "troubled.test": {
      MX: [
        [10, "refuses.troubled.test"],
        [20, "hangs-up.troubled.test"],
        [30, "breaks.troubled.test"],
        [40, "talks.troubled.test"],
        [50, "nobody.troubled.test"],
        [60, "nowhere.troubled.test"],
      ],
    },
    "nobody.troubled.test": { A: [NOBODY] },
    "null.test": { MX: [[0, ""]] },
  },
  servers: [
    { name: "mx.good.test", address: "127.0.5.1", certificate: "valid" },
    { name: "mx.two-addresses.test", address: "127.0.5.12", certificate: "valid" },
    { name: "valid.mixed.test", address: "127.0.5.2", certificate: "valid" },
    { name: "self-signed.mixed.test", address: "127.0.5.3", certificate: "self-signed" },
    { name: "wrong-name.mixed.test", address: "127.0.5.4", certificate: "wrong-name" },
    { name: "expired.mixed.test", address: "127.0.5.5", certificate: "expired" },
    { name: "stranger.mixed.test", address: "127.0.5.6", certificate: "stranger" },
    { name: "clear.mixed.test", address: "127.0.5.7", certificate: "none" },
    {
      name: "refuses.troubled.test",
      address: "127.0.5.8",
      certificate: "valid",
      behaviour: { banner: "554 5.7.1 go away" },
    },
    {
      name: "hangs-up.troubled.test",
      address: "127.0.5.9",
      certificate: "valid",
      behaviour: { faults: { ehlo: { kind: "drop-before" } } },
    },
    {
      name: "breaks.troubled.test",
      address: "127.0.5.10",
      certificate: "valid",
      tls: { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" },
    },
    {
      name: "talks.troubled.test",
      address: "127.0.5.11",
      certificate: "valid",
      behaviour: { injectAfterStarttls: "250 injected" },
    },
  ],
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-probe-"));
  internet = await startInternet(WORLD, Date.now());
  ({ configPath } = await writeGatewayFolder(join(folder, "open"), internet, { packs: [SHIPPED_PACK] }));
  const changes = { delivery: { allow_private_destinations: false } };
  ({ configPath: guardedPath } = await writeGatewayFolder(join(folder, "guarded"), internet, {
    packs: [SHIPPED_PACK],
    changes,
  }));
}, 60_000);
afterAll(async () => {
  await internet.close();
  rmSync(folder, { recursive: true, force: true });
});

type Row = {
  readonly kind: "address" | "summary";
  readonly host: string;
  readonly address: string | null;
  readonly rung: string | null;
  readonly profiles: readonly string[];
  readonly failures: readonly { readonly code: string; readonly text: string }[];
};

const probe = (...args: readonly string[]) => runCli(["tls", "probe", "--config", configPath, ...args]);

async function rowsOf(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly rows: readonly Row[] }> {
  const { code, output } = await probe("--json", ...args);
  const rows = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
  return { code, rows };
}

const verdicts = (rows: readonly Row[]) =>
  rows
    .filter(({ kind }) => kind === "address")
    .map(({ host, rung, failures }) => [host.split(".")[0], rung, ...failures.map(({ code }) => code)].join(" "));

describe("a domain whose mail server proves who it is", () => {
  test("is told in words, with exit code 0", async () => {
    const { code, output } = await probe("good.test");
    expect(code).toBe(0);
    expect(output).toMatch(/^ {2}MX {8}good\.test: 10 mx\.good\.test \(not validated\)$/m);
    expect(output).toMatch(/^mx\.good\.test \(127\.0\.5\.1, port \d+\)$/m);
    for (const line of [
      "STARTTLS     offered",
      "TLS          TLSv1.3, TLS_AES_256_GCM_SHA384",
      "  names      mx.good.test",
      "  issuer     CN=Loopback CA",
      "chain        ok",
      "name         matches",
      "DANE         not in use",
      "rung         pkix",
      "satisfies    opportunistic, minimum, standard",
    ]) {
      expect(output).toContain(`\n  ${line}\n`);
    }
    expect(output).toMatch(/certificate {2}SHA-256 [0-9a-f]{64}\n/);
    expect(output).toMatch(/not after {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n/);
    expect(output).toContain("For strict (PST-DLV-038): ");
    expect(output).toContain("proven       1 of 1, by address");
  });

  test("is told in JSON Lines: an object for the address, and a summary", async () => {
    const { code, rows } = await rowsOf("nurse@good.test");
    expect(code).toBe(0);
    expect(rows).toMatchObject([
      {
        kind: "address",
        host: "mx.good.test",
        address: "127.0.5.1",
        dns: { via: "mx", mxSecurity: "insecure", dane: { kind: "none", asked: [] } },
        starttlsOffered: true,
        tls: { protocol: "TLSv1.3", chain: "ok", nameMatches: true },
        certificate: { names: ["mx.good.test"], issuer: "CN=Loopback CA" },
        dane: { state: "none" },
        rung: "pkix",
        profiles: ["opportunistic", "minimum", "standard"],
        failures: [],
      },
      { kind: "summary", domain: "good.test", ok: true, judged: 1, authenticated: 1, worst: { rung: "pkix" } },
    ]);
  });

  test("does not lose by an address that this machine has no way to", async () => {
    const { code, output } = await probe("two-addresses.test");
    expect(code).toBe(0);
    expect(output).toContain(`This machine has no way to mx.two-addresses.test (${UNROUTABLE}, port `);
  });
});

describe("a domain with mail servers of all kinds", () => {
  test("each is told for what it is, with exit code 1", async () => {
    const { code, rows } = await rowsOf("mixed.test");
    expect(code).toBe(1);
    expect(verdicts(rows)).toEqual([
      "valid pkix",
      "self-signed tls-unauthenticated PST-DLV-009",
      "wrong-name tls-unauthenticated PST-DLV-009",
      "expired tls-unauthenticated PST-DLV-009",
      "stranger tls-unauthenticated PST-DLV-009",
      "clear plain PST-DLV-007",
    ]);
    expect(rows.at(-1)).toMatchObject({
      authenticated: 1,
      profiles: ["opportunistic"],
      best: { host: "valid.mixed.test" },
      worst: { host: "clear.mixed.test", codes: ["PST-DLV-007"] },
    });
  });

  test("the words can be forwarded as they are", async () => {
    const { code, output } = await probe("mixed.test");
    expect(code).toBe(1);
    expect(output).toMatch(
      /PST-DLV-009 {2}The certificate of wrong-name\.mixed\.test \(127\.0\.5\.4, port \d+\) was not issued for that name: it is valid for not-wrong-name\.mixed\.test; please issue one for wrong-name\.mixed\.test/,
    );
    expect(output).toMatch(
      /PST-DLV-009 {2}The certificate of expired\..* expired on \d{4}-\d\d-\d\d; please renew it\./,
    );
  });

  test("one of them can be looked at alone", async () => {
    const { code, rows } = await rowsOf("mixed.test", "--host", "Valid.mixed.test.");
    expect([code, ...verdicts(rows)]).toEqual([0, "valid pkix"]);
  });
});

test("servers in trouble and names without an address are told, and the others are looked at all the same", async () => {
  const { code, rows } = await rowsOf("troubled.test");
  expect(code).toBe(1);
  expect(verdicts(rows)).toEqual([
    "refuses  PST-DLV-006",
    "hangs-up  PST-DLV-002",
    "breaks plain PST-DLV-008",
    "talks  PST-DLV-010",
    "nobody  PST-DLV-001",
    "nowhere  PST-DLV-031",
  ]);
});

test("no server ever hears more than EHLO, STARTTLS and QUIT", async () => {
  for (const domain of ["good.test", "mixed.test", "troubled.test"]) await probe(domain);
  for (const { verbs, allSeen, transactions } of internet.servers.values()) {
    expect(["EHLO", "STARTTLS", "QUIT"]).toEqual(expect.arrayContaining(verbs.map(({ verb }) => verb)));
    expect(allSeen.toString("latin1")).not.toMatch(/MAIL|RCPT|DATA/i);
    expect(transactions).toEqual([]);
  }
  const verbs = internet.servers.get("mx.good.test")?.verbs.slice(-4);
  expect(verbs?.map(({ verb, tls }) => [verb, tls])).toEqual([
    ["EHLO", null],
    ["STARTTLS", null],
    ["EHLO", "TLSv1.3"],
    ["QUIT", "TLSv1.3"],
  ]);
});

test("an address the guard refuses is not dialled", async () => {
  const before = internet.servers.get("mx.good.test")?.connections;
  const { code, output } = await runCli(["tls", "probe", "good.test", "--config", guardedPath]);
  expect(code).toBe(1);
  expect(output).toContain(
    "PST-DLV-030  good.test names mx.good.test as its mail server, and its address 127.0.5.1 is",
  );
  expect(internet.servers.get("mx.good.test")?.connections).toBe(before);
});

describe("where there is nothing to look at", () => {
  test.each<[what: string, args: readonly string[], code: number, words: string]>([
    ["null MX", ["null.test"], 1, "the domain says that it accepts no mail (null MX)"],
    ["no such domain", ["nothing.test"], 1, "Verdict for nothing.test: no mail server to look at"],
    ["a host of another domain", ["good.test", "--host", "mx.other.test"], 2, "Next: name one of: mx.good.test."],
    ["no domain", ["a b"], 2, "Next: give a mailbox such as someone@example.org, or a domain such as example.org."],
    ["no argument", [], 2, "Next: see the command with --help."],
  ])("%s", async (_what, args, code, words) => {
    const end = await probe(...args);
    expect([end.code, end.output]).toEqual([code, expect.stringContaining(words)]);
  });

  test("a configuration that does not load", async () => {
    const { code, output } = await runCli(["tls", "probe", "good.test", "--config", join(folder, "none.yaml")]);
    expect([code, output]).toEqual([1, expect.stringContaining("Next: ")]);
  });
});
