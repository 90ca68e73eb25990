/** `postern status` against a running service, as an operator and as a script see it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet } from "../../src/cli/loopback/internet.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";
import { eventually, mail, SHIPPED_PACK } from "../support/world.ts";

let folder: string;
let internet: Internet;
let gateway: ChildGateway;
let configPath: string;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-status-"));
  port = await freePort();
  internet = await startInternet(
    {
      zone: { "plain.test": { MX: [[10, "mx.plain.test"]] } },
      servers: [{ name: "mx.plain.test", address: "127.0.0.2", certificate: "none" }],
    },
    Date.now(),
  );
  ({ configPath } = await writeGatewayFolder(folder, internet, { packs: [SHIPPED_PACK], port }));
  gateway = await ChildGateway.start(configPath);
}, 60_000);
afterAll(async () => {
  await gateway.stop();
  await internet.close();
  rmSync(folder, { recursive: true, force: true });
});

const status = (...more: readonly string[]) => runCli(["status", "--config", configPath, ...more]);

/** A control socket opens a moment after the listener. */
async function answered(): Promise<{ readonly code: number | null; readonly output: string }> {
  return eventually(async () => {
    const end = await status();
    return end.output.includes("PST-CTL-001") ? null : end;
  });
}

test("a quiet service is ready, with an empty queue and no alert; exit code 0", async () => {
  const { code, output } = await answered();
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(
      /dnssec {3}not .*\nqueue {4}empty\nload {5}takes everything\nhealth {3}ready\nalerts {3}none/,
    ),
  ]);
});

test("held mail stands as an alert, with what to do; exit code 1", async () => {
  const bytes = mail(["Subject: x", "", "Patient John Smith, MRN: 48210377, SSN 219-09-9997, has type 2 diabetes."]);
  const message = { mailFrom: "nurse@clinic.test", rcptTo: ["a@plain.test"], bytes };
  await submit({ host: "127.0.0.1", port, ca: internet.ca, serverName: "gateway.clinic.test" }, message);
  const { code, output } = await eventually(async () => {
    const end = await status();
    // The notice to the sender passes through, too.
    return end.code === 1 && !end.output.includes("received") ? end : null;
  });
  expect(code).toBe(1);
  expect(output).toMatch(/^queue {4}1 held; the oldest came \d+ s ago$/m);
  expect(output).toMatch(/^PST-DEC-001 +\d+ s +1/m);
  expect(output).toContain("Next: ");
});

test("--json is one object with the same", async () => {
  const { code, output } = await status("--json");
  const row = JSON.parse(output) as Readonly<Record<string, unknown>>;
  expect(code).toBe(1);
  expect(row).toMatchObject({
    ready: true,
    reasons: [],
    draining: false,
    // The first look comes a second after the start.
    validation: expect.stringMatching(/^(unknown|not-validating)$/),
    pressure: { level: "open", causes: [] },
    queue: { byState: { held: 1 } },
  });
  expect(row["alerts"]).toMatchObject([{ code: "PST-DEC-001", count: 1, state: "raised" }]);
});
