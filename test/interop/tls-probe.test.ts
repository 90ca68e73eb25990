/** `postern tls probe` beside other judges: Postfix's posttls-finger about certificates, unbound with signed zones about DANE. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { CERTIFICATE_KINDS, startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet } from "../../src/cli/loopback/internet.ts";
import { runCli } from "../support/child-gateway.ts";
import { daneVectors, listenOnPort } from "../support/dane-rig.ts";
import { peers } from "../support/peers.ts";
import { posttlsFinger } from "../support/posttls-finger.ts";
import { signedZones, Unbound } from "../support/peers-unbound.ts";
import { SHIPPED_PACK } from "../support/world.ts";

type Row = {
  readonly kind: string;
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly authenticated: boolean;
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-probe-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function probe(configPath: string, domain: string) {
  const { code, output } = await runCli(["tls", "probe", domain, "--json", "--config", configPath]);
  const lines = output.trimEnd().split("\n");
  return { code, rows: lines.map((line) => JSON.parse(line) as Row) };
}

const postfix = peers("postfix");

describe.skipIf(postfix.areMissing)(`beside posttls-finger${postfix.note}`, () => {
  const KINDS = CERTIFICATE_KINDS.filter((kind) => kind !== "none");
  let internet: Internet;
  beforeAll(async () => {
    const hosts = KINDS.map((kind, index) => ({ kind, name: `${kind}.judged.test`, address: `127.0.5.${index + 50}` }));
    internet = await startInternet(
      {
        zone: { "judged.test": { MX: hosts.map(({ name }, index) => [index, name] as const) } },
        servers: hosts.map(({ kind, name, address }) => ({ name, address, certificate: kind })),
      },
      Date.now(),
    );
  }, 30_000);
  afterAll(() => internet.close());

  test("both verify the same servers", async () => {
    const { configPath } = await writeGatewayFolder(join(folder, "pkix"), internet, { packs: [SHIPPED_PACK] });
    const { rows } = await probe(configPath, "judged.test");
    const ours: string[] = [];
    const theirs: string[] = [];
    for (const { host, address, port, authenticated } of rows.filter(({ kind }) => kind === "address")) {
      ours.push(`${host} ${authenticated}`);
      const ca = join(folder, "pkix", "ca.pem");
      const word = await posttlsFinger(["-l", "secure", "-F", ca, `[${address}]:${port}`, host]);
      expect(["Verified", "Trusted", "Untrusted"]).toContain(word);
      theirs.push(`${host} ${word === "Verified"}`);
    }
    expect(ours).toEqual(theirs);
    expect(ours).toEqual(KINDS.map((kind) => `${kind}.judged.test ${kind === "valid"}`));
  });
});

const dane = peers("unbound", "transport-data");

/** The zones are signed as they are: mx1 on 127.0.0.1 and mx2 on 127.0.0.2, with records for this port. */
const PORT = 2525;

describe.skipIf(dane.areMissing)(`through unbound${dane.note}`, () => {
  let unbound: Unbound;
  let internet: Internet;
  let configPath: string;
  beforeAll(async () => {
    unbound = await Unbound.start(signedZones());
    internet = await startInternet({ zone: {}, servers: [] }, Date.now());
    const changes = {
      dns: { servers: [unbound.address], trust_ad: "loopback", timeout_ms: 3_000 },
      delivery: { port: PORT },
    };
    ({ configPath } = await writeGatewayFolder(join(folder, "dane"), internet, { packs: [SHIPPED_PACK], changes }));
  }, 30_000);
  afterAll(async () => {
    await internet.close();
    await unbound.stop();
  });

  test("a record that matches is named, one that does not is told to the other side, and MAIL is said to nobody", async () => {
    const { certificates, testKeys } = daneVectors();
    const tls = { key: testKeys["leaf"] ?? "", cert: certificates["leaf"] ?? "" };
    const servers = [
      await listenOnPort({ host: "127.0.0.1", port: PORT, tls }),
      await listenOnPort({ host: "127.0.0.2", port: PORT, tls }),
    ];
    try {
      const { code, rows } = await probe(configPath, "secure.test");
      expect(code).toBe(1);
      expect(rows).toMatchObject([
        {
          host: "mx1.secure.test",
          dns: {
            mxSecurity: "secure",
            dane: { kind: "usable", baseName: "mx1.secure.test", asked: ["_2525._tcp.mx1.secure.test"] },
          },
          dane: { state: "usable", matched: "3 1 1 6af4b394…" },
          rung: "dane",
          profiles: ["opportunistic", "minimum", "standard", "strict"],
          failures: [],
          advice: null,
        },
        {
          host: "mx2.secure.test",
          dane: { state: "usable", matched: null, refused: "no record matches" },
          rung: null,
          profiles: [],
          failures: [
            { code: "PST-DLV-039", text: expect.stringMatching(/^The certificate of mx2\.secure\.test .*DANE/) },
          ],
        },
        { kind: "summary", ok: false, best: { rung: "dane" }, worst: { host: "mx2.secure.test" } },
      ]);
      const unsigned = await probe(configPath, "insecure.test");
      expect(unsigned.code).toBe(0);
      expect(unsigned.rows).toMatchObject([
        { rung: "dane-insecure-mx", advice: { code: "PST-DLV-038" } },
        { ok: true },
      ]);
      const verbs = new Set(servers.flatMap((server) => server.verbs.map(({ verb }) => verb)));
      expect(verbs).toEqual(new Set(["EHLO", "STARTTLS", "QUIT"]));
    } finally {
      for (const server of servers) await server.close();
    }
  });
});
