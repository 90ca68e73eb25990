/** Whether DNSSEC is validated, as an operator sees it: before a real validator, and before none. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { peers } from "../support/peers.ts";
import { signedZones, Unbound } from "../support/peers-unbound.ts";
import { eventually, World } from "../support/world.ts";

const SERVERS = [{ name: "mx.any.test", address: "127.0.0.2", certificate: "none" }] as const;

/** What the metrics say once the first look is over. */
async function stateSeen(world: World): Promise<readonly string[]> {
  const address = world.postern.watching.address();
  const page = await eventually(async () => {
    const text = await (await fetch(`http://${address?.host}:${address?.port}/metrics`)).text();
    return text.includes('postern_dns_validation{state="unknown"} 0') ? text : null;
  });
  return [...page.matchAll(/^postern_dns_validation\{state="(.*)"\} 1$/gm)].map(([, state = ""]) => state);
}

const eventsOf = (world: World): readonly string[] => world.log.filter((line) => line.includes('"dns_validation"'));

test("a resolver that is not believed is told once, and is no alert", async () => {
  const world = await World.start({ zone: {}, servers: SERVERS, config: { monitoring: { port: await freePort() } } });
  try {
    expect(await stateSeen(world)).toEqual(["not-validating"]);
    expect(world.postern.validation()).toBe("not-validating");
    expect(eventsOf(world)).toEqual([expect.stringContaining('"believed":false')]);
    expect(world.postern.watching.alerts()).toEqual([]);
  } finally {
    await world.close();
  }
});

test("validation that is lost over a restart stands as an alert until it is back", async () => {
  const dns = { trust_ad: "loopback", signed_name: "signed.test" };
  const zone = { "signed.test": { authenticated: true } };
  const world = await World.start({ zone, servers: SERVERS, config: { dns, monitoring: { port: await freePort() } } });
  const codes = (): readonly string[] => world.postern.watching.alerts().map(({ code }) => code);
  try {
    expect([await stateSeen(world), codes()]).toEqual([["validating"], []]);
    await world.stopGateway();
    world.internet.dns.setRecord("signed.test", {});
    await world.startGateway();
    expect([await stateSeen(world), codes()]).toEqual([["not-validating"], ["PST-DSC-010"]]);
    await world.stopGateway();
    world.internet.dns.setRecord("signed.test", { authenticated: true });
    await world.startGateway();
    expect([await stateSeen(world), codes()]).toEqual([["validating"], []]);
  } finally {
    await world.close();
  }
});

const unbound = peers("unbound", "transport-data");

describe.skipIf(unbound.areMissing)(`before unbound${unbound.note}`, () => {
  let server: Unbound;
  beforeAll(async () => {
    server = await Unbound.start(signedZones());
  }, 30_000);
  afterAll(() => server.stop());

  test.each([
    ["secure.test", "validating"],
    ["insecure.test", "not-validating"],
    ["bogus-name.secure.test.gone", "unavailable"],
  ])("the signed name %s shows that it is %s", async (signedName, expected) => {
    const dns = { servers: [server.address], trust_ad: "loopback", signed_name: signedName, timeout_ms: 2_000 };
    const config = { dns, monitoring: { port: await freePort() } };
    const world = await World.start({ zone: {}, servers: SERVERS, config });
    try {
      expect(await stateSeen(world)).toEqual([expected]);
      expect(eventsOf(world)).toEqual([expect.stringContaining(`"state":"${expected}"`)]);
    } finally {
      await world.close();
    }
  });
});
