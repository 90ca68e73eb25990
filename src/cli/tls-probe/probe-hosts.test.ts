/** Whom the probe dials, how often, and for how long. Real servers on loopback. */
import { afterEach, expect, test } from "vitest";
import type { MxHost } from "../../core/capabilities.ts";
import { DELIVER_DEFAULTS } from "../../stages/deliver/options.ts";
import type { DeliverOptions } from "../../stages/deliver/options.ts";
import type { MxBehaviour } from "../loopback/mx-behaviour.ts";
import { startMxServer } from "../loopback/mx-server.ts";
import type { MxServer } from "../loopback/mx-server.ts";
import { failuresOf } from "./failure-words.ts";
import { ADDRESSES_PER_HOST_MAX, probeHosts } from "./probe-hosts.ts";
import { rungOf } from "./seen.ts";
import type { HostsRoute, Seen } from "./seen.ts";

const ADDRESS = "127.0.5.90";
const servers: MxServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(behaviour: MxBehaviour = {}): Promise<MxServer> {
  const server = await startMxServer({ host: ADDRESS, port: 0, behaviour });
  servers.push(server);
  return server;
}

async function probe(host: Partial<MxHost>, options: Partial<DeliverOptions> = {}): Promise<readonly Seen[]> {
  const addresses = { kind: "found", value: [ADDRESS], security: "insecure" } as const;
  const hosts = [
    {
      name: "mx.test",
      preference: 10,
      addresses,
      dane: { kind: "none" } as const,
      sts: { kind: "none" } as const,
      ...host,
    },
  ];
  const route: HostsRoute = { kind: "hosts", hosts, via: "mx", security: "insecure" };
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  return Array.fromAsync(
    probeHosts("domain.test", route, {
      options: { ...DELIVER_DEFAULTS, helo: "probe.test", allowPrivateDestinations: true, ...options },
      clock,
      signal: AbortSignal.timeout(10_000),
    }),
  );
}

test("a host with many addresses is looked at on the first ones only", async () => {
  const server = await serve();
  const value = Array.from({ length: ADDRESSES_PER_HOST_MAX + 3 }, () => ADDRESS);
  const seen = await probe({ addresses: { kind: "found", value, security: "insecure" }, port: server.port });
  expect(seen.map(rungOf)).toEqual(["plain", "plain", "plain", "plain"]);
  expect(server.connections).toBe(ADDRESSES_PER_HOST_MAX);
});

test("a host of which DNS does not say what it asks is not dialled", async () => {
  const server = await serve();
  const [seen] = await probe({ dane: { kind: "unavailable", code: "PST-DSC-008" }, port: server.port });
  expect(seen).toMatchObject({ address: null, probe: null, notDialled: "PST-DSC-008" });
  expect(server.connections).toBe(0);
});

test.each(["bogus", "unavailable"] as const)("a host whose address is %s is told, not dialled", async (kind) => {
  const [seen] = await probe({ addresses: { kind, detail: "" } });
  expect(seen).toMatchObject({ probe: null, notDialled: "PST-DLV-032" });
});

test("a server that says nothing is left when the time is over", async () => {
  const server = await serve({ faults: { connect: { kind: "stall" } } });
  const timeouts = { ...DELIVER_DEFAULTS.timeouts, totalMs: 50 };
  const [seen] = await probe({ port: server.port }, { timeouts });
  expect(seen === undefined ? [] : failuresOf(seen)).toEqual([
    { code: "PST-DLV-003", text: expect.stringContaining("gives no answer with its greeting") },
  ]);
});

test("the port is the one of delivery, unless the operator named a smarthost with another", async () => {
  const server = await serve();
  const byOption = await probe({}, { port: server.port });
  const byHost = await probe({ port: server.port }, { port: 1 });
  expect([...byOption, ...byHost].map(({ port }) => port)).toEqual([server.port, server.port]);
  expect(server.connections).toBe(2);
});
