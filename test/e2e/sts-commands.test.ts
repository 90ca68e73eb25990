/** `postern sts`, `route explain` and `tls probe` about domains with an MTA-STS policy, beside a running gateway and without one. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet } from "../../src/cli/loopback/internet.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";
import { policyText, startPolicyHost } from "../support/policy-host.ts";
import type { PolicyHost } from "../support/policy-host.ts";
import { SHIPPED_PACK } from "../support/world.ts";

let folder: string;
let internet: Internet;
let policies: PolicyHost;
let gateway: ChildGateway;
let configPath: string;

const DOMAIN = "example.test";
const [NAMED, OTHER] = ["mx1.example.test", "mx2.example.test"];

function publish(domain: string, id: string, mode: string): void {
  internet.dns.setRecord(`_mta-sts.${domain}`, { TXT: [`v=STSv1; id=${id};`] });
  internet.dns.setRecord(`mta-sts.${domain}`, { A: ["127.0.0.1"] });
  policies.serve(domain, { body: policyText(mode, [NAMED]) });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-sts-"));
  policies = await startPolicyHost();
  writeFileSync(join(folder, "policy-ca.pem"), policies.ca);
  internet = await startInternet(
    {
      zone: {
        [DOMAIN]: {
          MX: [
            [10, NAMED],
            [20, OTHER],
          ],
        },
        "bare.test": { MX: [[10, OTHER]] },
      },
      servers: [
        { name: NAMED, address: "127.0.6.1", certificate: "wrong-name" },
        { name: OTHER, address: "127.0.6.2", certificate: "valid" },
      ],
    },
    Date.now(),
  );
  const changes = { mta_sts: { port: policies.port, ca_file: "policy-ca.pem" } };
  const written = { packs: [SHIPPED_PACK], changes, port: await freePort("127.0.0.1") };
  ({ configPath } = await writeGatewayFolder(folder, internet, written));
  gateway = await ChildGateway.start(configPath);
}, 60_000);
afterAll(async () => {
  gateway.abandon();
  await internet.close();
  await policies.close();
  rmSync(folder, { recursive: true, force: true });
});

const cli = (...args: readonly string[]) => runCli([...args, "--config", configPath]);
const rowsOf = ({ output }: { readonly output: string }): readonly unknown[] =>
  output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as unknown] : []));

describe("before anything is known", () => {
  test("nothing is shown, and the next step is named", async () => {
    expect(await cli("sts", "show")).toMatchObject({ code: 0 });
    const one = await cli("sts", "show", DOMAIN);
    expect(one.code).toBe(1);
    expect(one.output).toContain(`postern sts refresh ${DOMAIN}`);
    expect(await cli("sts", "show", "no domain")).toMatchObject({ code: 2 });
  });

  test.each(["b\u00fccher.test", "xn--bcher-kva.test"])("%s is one name, however it is written", async (name) => {
    const shown = await cli("sts", "show", name);
    expect(shown).toMatchObject({
      code: 1,
      output: expect.stringContaining("of xn--bcher-kva.test is held") as string,
    });
  });

  test("a refresh of a domain without a record says so", async () => {
    const { code, output } = await cli("sts", "refresh", "bare.test");
    expect([code, output]).toEqual([
      1,
      [
        "TXT        _mta-sts.bare.test has no valid record, or more than one",
        "fetched    nothing: without a record there is no policy to ask for",
        "in force   no policy",
        "",
      ].join("\n"),
    ]);
  });
});

describe("with a policy in mode enforce", () => {
  test("a refresh tells what was found", async () => {
    publish(DOMAIN, "a1", "enforce");
    const { code, output } = await cli("sts", "refresh", DOMAIN);
    expect(code).toBe(0);
    expect(output).toMatch(
      /^TXT +_mta-sts\.example\.test has id a1\nfetched +mode enforce, max_age 604800 s, it names mx1\./,
    );
    expect(output).toMatch(/^in force +a1, mode enforce, until 20/m);
  });

  test("the table and the rows tell it, from the database as from the service", async () => {
    const { output } = await cli("sts", "show");
    expect(output).toMatch(/^DOMAIN +MODE +ID +MX +AGE +EXPIRES IN +RENEWED IN +FAILURES$/m);
    expect(output).toMatch(/^example\.test +enforce +a1 +mx1\.example\.test/m);
    const row = { domain: DOMAIN, mode: "enforce", id: "a1", mx: [NAMED], mxCount: 1, isInForce: true, failures: 0 };
    expect(rowsOf(await cli("sts", "show", "--json"))).toMatchObject([row]);
    expect(rowsOf(await cli("sts", "show", "Example.Test.", "--json"))).toMatchObject([row]);
    const asNobody = await runCli(["sts", "show", DOMAIN, "--json", "--config", configPath], {
      uid: 65_534,
      gid: 65_534,
    });
    // Whoever may read neither database nor socket learns nothing.
    expect(asNobody.code).not.toBe(0);
  });

  test("route explain tells the policy and what it asks of each server", async () => {
    const { code, output } = await cli("route", "explain", DOMAIN);
    expect(code).toBe(0);
    expect(output).toMatch(/^MTA-STS\n {2}policy a1 in mode enforce, until .*; it names mx1\.example\.test$/m);
    expect(output).toContain("MTA-STS: the policy names it; a certificate that is not valid for its name is refused");
    expect(output).toContain("MTA-STS: the policy does not name it, so it is not used");
  });

  test("tls probe says in words to forward what breaks it, and does not dial whom it does not name", async () => {
    const before = internet.servers.get(OTHER)?.connections;
    const { code, output } = await cli("tls", "probe", DOMAIN);
    expect(code).toBe(1);
    expect(output).toMatch(/^ {2}MTA-STS +policy a1 in mode enforce names this host, and it breaks it$/m);
    expect(output).toMatch(/PST-DLV-046 {2}The MTA-STS policy of example\.test asks for a certificate that is valid/);
    expect(output).toMatch(
      /PST-DLV-045 {2}example\.test names mx2\.example\.test as its mail server in DNS, and its MTA-STS/,
    );
    expect(internet.servers.get(OTHER)?.connections).toBe(before);
    const rows = rowsOf(await cli("tls", "probe", DOMAIN, "--json", "--host", NAMED));
    expect(rows[0]).toMatchObject({ sts: { mode: "enforce", id: "a1", matched: true, verdict: "broken" } });
  });

  test("a refresh that fails says why; the policy holds, also for commands while the service is down", async () => {
    policies.show(DOMAIN, "stranger");
    publish(DOMAIN, "a2", "none");
    const refreshed = await cli("sts", "refresh", DOMAIN);
    expect(refreshed.code).toBe(1);
    expect(refreshed.output).toMatch(
      /^failed +the certificate of the policy host is not trusted .*\(sts-webpki-invalid\)$/m,
    );
    expect(refreshed.output).toMatch(/^in force +a1, mode enforce/m);
    expect(await gateway.stop()).toBe(0);
    const shown = await cli("sts", "show", DOMAIN);
    expect(shown.output).toMatch(/^failed +1 times in a row, last: /m);
    const explained = await cli("route", "explain", DOMAIN);
    expect(explained.output).toMatch(/policy a1 in mode enforce/);
    expect(explained.output).toMatch(/the last attempt to renew it failed: .*; it holds all the same/);
    const down = await cli("sts", "refresh", DOMAIN);
    expect(down.code).toBe(1);
    expect(down.output).toContain("PST-CTL-");
  });
});
