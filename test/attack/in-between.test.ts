/**
 * Somebody between this gateway and mail servers that publish nothing but their certificates. Mail that needs protection never leaves; ordinary
 * mail does what opportunistic TLS allows (RFC 7435); the audit says of each connection what it proved. What a table cannot say stands below
 * it: kept connections, and two domains behind one server.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Zone } from "../../src/cli/loopback/dns-server.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import { leaksIn } from "../support/canary.ts";
import { recordText } from "../support/dane-rig.ts";
import { IN_BETWEEN, IN_BETWEEN_CERTIFICATES } from "../support/in-between-cases.ts";
import type { InBetween } from "../support/in-between-cases.ts";
import { codesIn, protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { issueChain } from "../support/peers-issuer.ts";
import type { Issued } from "../support/peers-issuer.ts";
import { peers } from "../support/peers.ts";
import { mail, World } from "../support/world.ts";

const MINUTE_MS = 60_000;
/** Kept connections and shared servers. */
const SENT = { phi: "delivered -", clean: "delivered -" };
const SHARED = { name: "shared", what: "", address: "127.22.1.1", ...SENT };
const KEPT = { name: "kept", what: "", address: "127.22.1.2", ...SENT };

const domainOf = (name: string): string => `${name}.test`;
const hostOf = (name: string): string => `mx.${name}.test`;

let world: World;
let issued: ReadonlyMap<string, Issued>;

function describeServer(one: InBetween, address: string): ServerDescription {
  const { chain, certificate = "valid", tls, behaviour } = one;
  return {
    name: hostOf(one.name),
    address,
    certificate,
    ...(tls !== undefined && { tls }),
    ...(behaviour !== undefined && { behaviour }),
    ...(chain !== undefined && chainOf(chain, tls)),
  };
}

function chainOf(names: readonly string[], tls: ServerDescription["tls"]): Pick<ServerDescription, "shown" | "tls"> {
  const [own] = names.map((name) => issued.get(name));
  const cert = names.map((name) => issued.get(name)?.cert ?? "").join("\n");
  // Or the server would not show what the client has to refuse.
  return { shown: { key: own?.key ?? "", cert }, tls: { ciphers: "DEFAULT@SECLEVEL=0", ...tls } };
}

function zoneOf({ name, zone }: InBetween, address: string): Zone {
  const at = { domain: domainOf(name), host: hostOf(name), address };
  return (
    zone?.(at) ?? {
      [at.domain]: { MX: [[10, at.host]], authenticated: true },
      [at.host]: { A: [address], authenticated: true },
    }
  );
}

async function startWorld(): Promise<World> {
  const addresses = IN_BETWEEN.map((_, index) => `127.22.0.${index + 1}`);
  const zones = IN_BETWEEN.map((one, index) => zoneOf(one, addresses[index] ?? ""));
  const signed = { authenticated: true };
  const started = await World.start({
    zone: Object.assign(
      {
        // So that the self-test finds a resolver that validates.
        "": signed,
        "one.test": { MX: [[10, hostOf(SHARED.name)]], ...signed },
        "two.test": { MX: [[10, hostOf(SHARED.name)]] },
        "kept.test": { MX: [[10, hostOf(KEPT.name)]], ...signed },
        ...Object.fromEntries([SHARED, KEPT].map(({ name, address }) => [hostOf(name), { A: [address], ...signed }])),
      },
      ...zones,
    ) as Zone,
    servers: [
      ...IN_BETWEEN.map((one, index) => describeServer(one, addresses[index] ?? "")),
      describeServer({ ...SHARED, chain: ["shared.own"] }, SHARED.address),
      describeServer(KEPT, KEPT.address),
    ],
    config: {
      dns: { trust_ad: "loopback", timeout_ms: 800, retries: 0 },
      policy: { phi: "strict" },
      delivery: { command_timeout_seconds: 3 },
    },
  });
  // Both authorities are trusted: the one of the loopback internet, and the one of the odd certificates.
  appendFileSync(join(started.folder, "ca.pem"), issued.get("ca")?.cert ?? "");
  await started.stopGateway();
  await started.startGateway();
  return started;
}

function phiTo(domain: string, canary = "canary-phi"): Promise<string> {
  const to = `${canary}@${domain}`;
  const bytes = protectedMail("phi", { canary, sender: "nurse@clinic.test", recipient: to });
  return world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
}

function cleanTo(domain: string): Promise<string> {
  const to = `canary-clean@${domain}`;
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: canary-clean", "", "See you at noon."]);
  return world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

async function attemptsOf(id: string): Promise<readonly AttemptFacts[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
}

/** What this server may have heard of protected mail: nothing, unless the table says that it was delivered to. */
function leaks(server: MxServer, { phi }: Pick<InBetween, "phi">): readonly string[] {
  return leaksIn(phi.startsWith("delivered") ? server.plaintextSeen : server.allSeen, [
    "canary-phi",
    "nurse@clinic.test",
  ]);
}

const openssl = peers("openssl");

describe.skipIf(openssl.areMissing)(`in between${openssl.note}`, () => {
  const sent = new Map<InBetween, { readonly phi: string; readonly clean: string }>();
  beforeAll(async () => {
    issued = await issueChain(IN_BETWEEN_CERTIFICATES);
    world = await startWorld();
    for (const one of IN_BETWEEN) {
      const phi = await phiTo(domainOf(one.name));
      sent.set(one, { phi, clean: await cleanTo(domainOf(one.name)) });
    }
    await quiet(world);
  }, 90_000);
  afterAll(() => world.close());

  const idsOf = (one: InBetween): { readonly phi: string; readonly clean: string } =>
    sent.get(one) ?? { phi: "", clean: "" };

  describe.each(IN_BETWEEN)("$what", (one) => {
    test("both kinds of mail are where the table says, and nothing protected was seen", async () => {
      const { phi, clean } = idsOf(one);
      expect([await standing(world, phi), await standing(world, clean)]).toEqual([one.phi, one.clean]);
      expect(leaks(world.server(hostOf(one.name)), one)).toEqual([]);
    });

    test("the audit says why, and what the connection of the ordinary mail was worth", async () => {
      const { phi, clean } = idsOf(one);
      const why = one.why ?? one.phi.split(" ")[1] ?? "";
      expect(why === "-" ? [why] : codesIn(await world.audit(phi))).toContain(why);
      const attempts = await attemptsOf(clean);
      expect(attempts.findLast(({ code }) => code === null)?.rung).toBe(one.rung);
      const proven = await attemptsOf(phi);
      expect(proven.filter(({ phase, rung }) => phase === "done" && rung !== "pkix-dnssec-mx")).toEqual([]);
    });
  });

  test("two domains behind one server have a verdict each, however its connections are kept", async () => {
    const records = [recordText("3 1 1", issued.get("shared.own")?.cert ?? "")];
    world.internet.dns.setRecord(`_${world.internet.port}._tcp.${hostOf(SHARED.name)}`, {
      TLSA: records,
      authenticated: true,
    });
    const rungs: string[] = [];
    for (const domain of ["one.test", "two.test", "one.test", "two.test"]) {
      const [phi, clean] = [await phiTo(domain, `canary-${domain}`), await cleanTo(domain)];
      await quiet(world);
      expect([domain, await standing(world, phi)]).toEqual([
        domain,
        domain === "one.test" ? "delivered -" : "held PST-DEC-001",
      ]);
      expect(await standing(world, clean)).toBe("delivered -");
      const [first] = await attemptsOf(phi);
      rungs.push(`${domain} ${first?.rung ?? "-"} ${first?.code ?? "-"}`);
    }
    expect(rungs).toEqual([
      "one.test dane -",
      "two.test dane-insecure-mx PST-DLV-038",
      "one.test dane -",
      "two.test dane-insecure-mx PST-DLV-038",
    ]);
    const { allSeen } = world.server(hostOf(SHARED.name));
    expect(leaksIn(allSeen, ["canary-one.test", "canary-two.test"])).toEqual(["canary-one.test"]);
  });

  test.each([
    [
      "stripped behind a goodbye",
      { starttls: "strip", faults: { mail: { kind: "reply", text: "421 4.3.2 bye" } } },
      "held PST-DEC-001",
      "PST-DLV-007",
    ],
    [
      "answered beneath TLS",
      { faults: { mail: { kind: "beneath", text: "250 ok" } } },
      "deferred PST-DLV-002",
      "PST-DLV-002",
    ],
    [
      "answered beneath TLS at its end",
      { faults: { dot: { kind: "beneath", text: "250 taken" } } },
      "deferred PST-DLV-025",
      "PST-DLV-025",
    ],
  ] as const)("a kept connection that is %s carries nothing further", async (what, behaviour, end, code) => {
    const server = world.server(hostOf(KEPT.name));
    server.setBehaviour({});
    const before = await phiTo("kept.test", "canary-before");
    await quiet(world);
    expect(await standing(world, before)).toBe("delivered -");
    server.setBehaviour(behaviour);
    const after = await phiTo("kept.test", "canary-after");
    await quiet(world);
    expect([what, await standing(world, after)]).toEqual([what, end]);
    expect(codesIn(await world.audit(after))).toContain(code);
    const [first] = await attemptsOf(after);
    expect(first).toMatchObject({ reused: true, rung: "pkix-dnssec-mx" });
    expect(leaksIn(server.plaintextSeen, ["canary-after", "nurse@clinic.test"])).toEqual([]);
  });

  test("time does not weaken it", async () => {
    for (const minutes of [2, 33]) {
      world.advance(minutes * MINUTE_MS);
      await quiet(world);
    }
    const after = await Promise.all(
      IN_BETWEEN.filter(({ phi }) => !phi.startsWith("delivered")).map(async (one) => {
        const state = await standing(world, idsOf(one).phi);
        return [one.name, /^(?:held|deferred) /.test(state), leaks(world.server(hostOf(one.name)), one).length];
      }),
    );
    expect(after.filter(([, isKept, leaked]) => isKept !== true || leaked !== 0)).toEqual([]);
    expect(after.length).toBeGreaterThan(35);
  }, 60_000);
});
