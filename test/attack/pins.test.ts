/**
 * Destinations with a rule of the operator, and somebody who does not live up to it: a swapped certificate that every CA store takes, a
 * forged MX, an older TLS. Nothing leaves, protected or not; the audit and an alert say why; a changed rule is in force for the next
 * delivery. And what the rules for the mail itself come to, through the whole gateway.
 */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import type { PlanReason } from "../../src/core/plan.ts";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { spkiPinOf } from "../../src/stages/deliver/pin-demand.ts";
import { leaksIn } from "../support/canary.ts";
import { issueTestCertificates } from "../support/deliver-rig.ts";
import { codesIn, protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { eventually, mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;

/** Each destination is `NAME.test` with the one mail server `mx.NAME.test`. */
type Side = {
  readonly rule: Readonly<Record<string, unknown>>;
  readonly server?: Partial<ServerDescription>;
  readonly code?: string;
  readonly isDialled?: boolean;
};

const folder = mkdtempSync(join(tmpdir(), "postern-pins-"));
const certificates = await issueTestCertificates();
const caFile = join(folder, "partner-ca.pem");
const pin = spkiPinOf(new X509Certificate(certificates.good.cert)) ?? "";
const pinned = { tls: { spki_pins: [pin] } };

const ATTACKS: Readonly<Record<string, Side & { readonly code: string }>> = {
  swapped: { rule: pinned, code: "PST-DLV-050" },
  authority: { rule: { tls: { ca_file: caFile, mx_names: ["mx.authority.test"] } }, code: "PST-DLV-050" },
  stripped: { rule: pinned, server: { behaviour: { starttls: "strip" } }, code: "PST-DLV-051" },
  cut: { rule: pinned, server: { behaviour: { faults: { handshake: { kind: "drop-before" } } } }, code: "PST-DLV-052" },
  old: { rule: { tls: { min_version: "TLSv1.3" } }, server: { tls: { maxVersion: "TLSv1.2" } }, code: "PST-DLV-053" },
  forged: { rule: { tls: { mx_names: ["mx.of-theirs.test"] } }, code: "PST-DLV-054", isDialled: false },
  undane: { rule: { tls: { require_dane: true } }, code: "PST-DLV-055", isDialled: false },
};

const RULES: Readonly<Record<string, Side>> = {
  honest: {
    rule: { raise_to: "strict", tls: { ca_file: caFile, mx_names: ["*.honest.test"], min_version: "TLSv1.3" } },
  },
  waits: { rule: { fallback: "defer" }, server: { certificate: "self-signed" } },
  fails: { rule: { fallback: "fail" }, server: { certificate: "self-signed" } },
  content: { rule: { require_content_protection: true } },
  promise: { rule: { requiretls: "require" } },
};

const ALL = Object.entries({ ...ATTACKS, ...RULES });
let world: World;

beforeAll(async () => {
  const servers = ALL.map(([name, { server }], index): ServerDescription => ({
    name: `mx.${name}.test`,
    address: `127.23.0.${index + 1}`,
    certificate: "valid",
    ...server,
  }));
  // Its certificate is of an authority that only the rule names, and is made out for its name.
  const authority = await shownFor("mx.honest.test");
  const zone: Zone = Object.fromEntries(
    ALL.flatMap(([name], index): (readonly [string, ZoneEntry])[] => [
      [`${name}.test`, { MX: [[10, `mx.${name}.test`]], authenticated: true }],
      [`mx.${name}.test`, { A: [`127.23.0.${index + 1}`], authenticated: true }],
    ]),
  );
  world = await World.start({
    zone,
    servers: servers.map((one) => (one.name === "mx.honest.test" ? { ...one, shown: authority } : one)),
    config: {
      dns: { trust_ad: "loopback", timeout_ms: 200, retries: 0 },
      policy: { destinations: ALL.map(([name, { rule }]) => ({ match: `${name}.test`, ...rule })) },
    },
  });
}, 60_000);
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Of an authority of the partner's own, whose certificate is put where the rules look for it. */
async function shownFor(name: string): Promise<{ readonly key: string; readonly cert: string }> {
  const validity = { notBefore: Date.now() - HOUR_MS, notAfter: Date.now() + 24 * HOUR_MS };
  const issuer = await issueAuthority({ ...validity, commonName: "Partner CA" });
  writeFileSync(caFile, issuer.certPem);
  const issued = await issueServerCertificate({ ...validity, commonName: name, dnsNames: [name], issuer });
  return { key: issued.keyPem, cert: issued.certPem };
}

function phiTo(name: string): Promise<string> {
  const to = `canary-phi@${name}.test`;
  const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient: to });
  return world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
}

function cleanTo(name: string, fields: readonly string[] = []): Promise<string> {
  const to = `canary-clean@${name}.test`;
  const head = ["From: clerk@clinic.test", `To: ${to}`, "Subject: canary-clean", ...fields];
  return world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes: mail([...head, "", "See you at noon."]) });
}

async function attemptsOf(id: string): Promise<readonly AttemptFacts[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
}

async function reasonsOf(id: string): Promise<readonly PlanReason[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "planned" ? event.reasons : []));
}

describe.each(Object.entries(ATTACKS))("%s", (name, { code, isDialled = true }) => {
  let phi = "";
  let clean = "";
  beforeAll(async () => {
    phi = await phiTo(name);
    clean = await cleanTo(name, ["TLS-Required: No"]);
    await quiet(world);
  });

  test("neither protected nor ordinary mail leaves, whatever its sender says of TLS", async () => {
    for (const id of [phi, clean]) expect(await standing(world, id)).toBe(`deferred ${code}`);
    const { allSeen, transactions, connections } = world.server(`mx.${name}.test`);
    expect(leaksIn(allSeen, ["canary-phi", "canary-clean", "MAIL FROM", "RCPT TO"])).toEqual([]);
    expect([transactions.length, connections > 0]).toEqual([0, isDialled]);
    expect(await reasonsOf(clean)).toContainEqual({ kind: "tls-required-no-ignored" });
    expect(await reasonsOf(phi)).not.toContainEqual({ kind: "tls-required-no-ignored" });
  });

  test("the audit says why, and an alert names the server", async () => {
    for (const id of [phi, clean]) {
      expect(codesIn(await world.audit(id))).toContain(code);
      const rules = (await attemptsOf(id)).map((attempt) => [attempt.code, attempt.rule?.of]);
      expect(rules).toEqual(isDialled ? [[code, `${name}.test`]] : []);
    }
    const alerts = await eventually(async () => {
      const rows = await world.postern.store.auditPage(1, 10_000);
      const found = rows.filter(
        ({ kind, body }) => kind === "alert" && body.includes(code) && body.includes(`mx.${name}.`),
      );
      return found.length > 0 ? found : null;
    });
    expect(alerts).toHaveLength(1);
  });
});

test("a partner that shows what was agreed on gets protected mail under the strictest floor, although no CA store knows it", async () => {
  const id = await phiTo("honest");
  await quiet(world);
  expect(await standing(world, id)).toBe("delivered -");
  expect(await attemptsOf(id)).toMatchObject([
    { rung: "pinned", rule: { of: "honest.test", met: true, refused: null }, tls: { protocol: "TLSv1.3" } },
  ]);
});

test("a rule that a reload changes is in force for the next delivery", async () => {
  const id = await cleanTo("swapped");
  await quiet(world);
  expect(await standing(world, id)).toBe("deferred PST-DLV-050");
  const config = world.postern.config();
  const destinations = config.policy.destinations.map((rule) =>
    rule.match === "swapped.test" ? { ...rule, tls: null } : rule,
  );
  await world.postern.reload({ ...config, policy: { ...config.policy, destinations } });
  const next = await cleanTo("swapped");
  await quiet(world);
  expect(await standing(world, next)).toBe("delivered -");
  await world.postern.reload(config);
  // The connection was kept, and is not used under the rule that holds again.
  const last = await cleanTo("swapped");
  await quiet(world);
  expect(await standing(world, last)).toBe("deferred PST-DLV-050");
  expect(await attemptsOf(last)).toMatchObject([{ reused: false, rung: "tls-unauthenticated" }]);
});

describe("rules for the mail", () => {
  test("fallback fail: back to the sender at once, by a report without content", async () => {
    const id = await phiTo("fails");
    await quiet(world);
    expect(await standing(world, id)).toBe("failed PST-DEC-010");
    const rows = await world.audit(id);
    expect(rows.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ kind: "child", child: "failure_dsn" }),
    );
    expect(rows.map(({ event }) => event)).toContainEqual(expect.objectContaining({ kind: "failed", status: "5.7.4" }));
    const clean = await cleanTo("fails");
    await quiet(world);
    expect(await standing(world, clean)).toBe("delivered -");
  });

  test("fallback defer: the same step again and again, and at the end of its life back to the sender", async () => {
    const id = await phiTo("waits");
    await quiet(world);
    expect(await standing(world, id)).toBe("deferred PST-DEC-011");
    world.advance(2 * HOUR_MS);
    await quiet(world);
    expect(await standing(world, id)).toBe("deferred PST-DEC-011");
    expect((await attemptsOf(id)).map(({ rung }) => rung)).toEqual(["tls-unauthenticated", "tls-unauthenticated"]);
    world.advance(50 * HOUR_MS);
    await quiet(world);
    expect(await standing(world, id)).toBe("failed PST-PIP-001");
    const { allSeen } = world.server("mx.waits.test");
    expect(leaksIn(allSeen, ["canary-phi", "MAIL FROM"])).toEqual([]);
  });

  test("where transport is not enough, protected mail is held and ordinary mail goes", async () => {
    const [phi, clean] = [await phiTo("content"), await cleanTo("content")];
    await quiet(world);
    expect([await standing(world, phi), await standing(world, clean)]).toEqual(["held PST-DEC-003", "delivered -"]);
  });

  test("REQUIRETLS required and not offered: protected mail goes back, ordinary mail goes", async () => {
    const [phi, clean] = [await phiTo("promise"), await cleanTo("promise")];
    await quiet(world);
    expect([await standing(world, phi), await standing(world, clean)]).toEqual(["failed PST-DEC-005", "delivered -"]);
    const rows = await world.audit(phi);
    expect(rows.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ kind: "failed", status: "5.7.30" }),
    );
    expect(codesIn(rows)).toContain("PST-DLV-015");
  });
});
