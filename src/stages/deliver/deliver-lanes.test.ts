/** Reuse of connections, windows, and rest for a dead destination, on real sockets. */
import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import {
  eventually,
  makeRequest,
  ManualClock,
  mxHost,
  outcomeOf,
  verdictOf,
} from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx, deliveryTo } = sockets;

const host = mxHost("127.0.0.2");

describe("a kept connection", () => {
  test("carries the next mail of the same policy without a new handshake", async () => {
    const server = await startMx({}, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const reused: boolean[] = [];
    for (let mail = 0; mail < 3; mail++) {
      const report = await deliver(makeRequest({ hosts: [host], minRung: "pkix" }));
      expect(outcomeOf(report)).toMatchObject({ kind: "delivered", observed: "pkix" });
      reused.push(...report.attempts.map((attempt) => attempt.reused));
    }
    expect(reused).toEqual([false, true, true]);
    expect([server.connections, server.transactions.length]).toEqual([1, 3]);
  });

  test.each([
    ["another floor", { minRung: "tls-unauthenticated" }],
    ["another domain behind the same host", { domain: "clinic.test" }],
    ["REQUIRETLS", { envelope: { requireTls: true } }],
  ] as const)("does not serve %s", async (_name, other) => {
    const server = await startMx({ tlsExtensions: ["REQUIRETLS"] }, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    await deliver(makeRequest({ hosts: [host], minRung: "pkix" }));
    const report = await deliver(makeRequest({ hosts: [host], minRung: "pkix", ...other }));
    expect(report.attempts).toMatchObject([{ reused: false }]);
    expect(server.connections).toBe(2);
  });

  test("ends after its share of messages", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { messagesPerConnectionMax: 2 } });
    for (let mail = 0; mail < 4; mail++) await deliver(makeRequest({ hosts: [host] }));
    expect(server.connections).toBe(2);
  });

  test("ends with QUIT when it was idle for long", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { idleConnectionMs: 5 } });
    await deliver(makeRequest({ hosts: [host] }));
    await eventually(() => server.verbs.at(-1)?.verb === "QUIT");
    expect(server.transactions).toHaveLength(1);
  });

  test.each<[string, MxBehaviour]>([
    ["421", { faults: { mail: { kind: "reply", text: "421 4.4.2 idle too long" } } }],
    ["a closed connection", { faults: { mail: { kind: "drop-before" } } }],
  ])("that answers MAIL with %s is replaced by a fresh one", async (_name, behaviour) => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    await deliver(makeRequest({ hosts: [host] }));
    server.setBehaviour(behaviour);
    const second = await startMx({}, { host: "127.0.0.3", port: server.port });
    const report = await deliver(makeRequest({ hosts: [host, mxHost("127.0.0.3", "mx2.test")] }));
    // The fresh connection meets the same fault, so that the second host has to help: three attempts.
    expect(report.attempts.map(({ code, reused }) => [code, reused])).toEqual([
      ["PST-DLV-035", true],
      [expect.stringMatching(/-002$|-036$/), false],
      [null, false],
    ]);
    expect(outcomeOf(report).kind).toBe("delivered");
    expect(second.transactions).toHaveLength(1);
  });

  test("that lacks an extension is not called ended, and the server is not dialled again for it", async () => {
    const server = await startMx({ extensions: [] });
    const { deliver } = deliveryTo(server);
    await deliver(makeRequest({ hosts: [host] }));
    const report = await deliver(makeRequest({ hosts: [host], needs: { eightBitMime: true } }));
    expect(report.attempts.map(({ code, reused }) => [code, reused])).toEqual([["PST-DLV-013", true]]);
    expect(outcomeOf(report)).toMatchObject({ kind: "unmet", observed: { missing: ["8BITMIME"] } });
    expect(server.connections).toBe(1);
  });

  test("that the server closed meanwhile is not used again", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    await deliver(makeRequest({ hosts: [host] }));
    await server.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const again = await startMx({}, { port: server.port });
    const report = await deliver(makeRequest({ hosts: [host] }));
    expect(report.attempts).toMatchObject([{ reused: false, code: null }]);
    expect(again.transactions).toHaveLength(1);
  });
});

describe("a dead destination", () => {
  const dead = mxHost("127.0.0.9");

  test("is left alone after failures in a row, then probed once, for growing times", async () => {
    const server = await startMx({});
    const clock = new ManualClock();
    const options = { laneFailuresMax: 2, laneClosedFirstMs: 1000, laneClosedMaxMs: 3000 };
    const { deliver, lanes } = deliveryTo(server, { clock, options });
    const codes: string[] = [];
    const tryOnce = async (): Promise<void> => {
      const report = await deliver(makeRequest({ hosts: [dead] }));
      codes.push(`${verdictOf(outcomeOf(report))} ${report.attempts.length}`);
    };
    await tryOnce();
    await tryOnce();
    await tryOnce();
    expect(lanes()).toMatchObject([{ failuresInRow: 2, closedForMs: 1000, active: 0 }]);
    clock.timeMs += 1000;
    await tryOnce();
    await tryOnce();
    expect(lanes()).toMatchObject([{ closedForMs: 2000 }]);
    clock.timeMs += 2000;
    await tryOnce();
    expect(lanes()).toMatchObject([{ closedForMs: 3000 }]);
    expect(codes).toEqual([
      "deferred/lane 001 1",
      "deferred/lane 001 1",
      "deferred/lane 028 0",
      "deferred/lane 001 1",
      "deferred/lane 028 0",
      "deferred/lane 001 1",
    ]);
  });

  test("is open again once a probe reached it", async () => {
    const probe = await startMx({});
    await probe.close();
    const clock = new ManualClock();
    const { deliver, lanes } = deliveryTo(probe, { clock, options: { laneFailuresMax: 1 } });
    await deliver(makeRequest({ hosts: [host] }));
    clock.timeMs += 60_000;
    await startMx({}, { port: probe.port });
    expect(verdictOf(outcomeOf(await deliver(makeRequest({ hosts: [host] }))))).toBe("delivered");
    expect(lanes()).toMatchObject([{ closedForMs: null, failuresInRow: 0 }]);
  });

  test("is not what a server is that only refuses mail", async () => {
    const server = await startMx({ refuseAll: "450 4.2.0 later" });
    const { deliver, lanes } = deliveryTo(server, { options: { laneFailuresMax: 1 } });
    await deliver(makeRequest({ hosts: [host] }));
    expect(lanes()).toMatchObject([{ closedForMs: null, failuresInRow: 0 }]);
  });
});

describe("a window", () => {
  test("bounds the connections of a lane, and the rest waits its turn", async () => {
    const server = await startMx({});
    const { deliver, lanes } = deliveryTo(server, { options: { laneWindowInitial: 2, laneWindowMax: 2 } });
    let most = 0;
    const onDot = async (): Promise<void> => {
      most = Math.max(most, lanes()[0]?.active ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 2));
    };
    const reports = await Promise.all(Array.from({ length: 12 }, () => deliver(makeRequest({ hosts: [host], onDot }))));
    expect(reports.map((report) => outcomeOf(report).kind)).toEqual(reports.map(() => "delivered"));
    expect([most, server.connections <= 2]).toEqual([2, true]);
  });

  const oneAtATime = { laneWindowInitial: 1, laneSilentMs: 50 };

  test("of a server that takes connections and says nothing sends those who wait back to the queue", async () => {
    const server = await startMx({ faults: { connect: { kind: "stall" } } });
    const { deliver } = deliveryTo(server, { options: oneAtATime });
    const first = deliver(makeRequest({ hosts: [host] }));
    const report = await deliver(makeRequest({ hosts: [host] }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/lane 028");
    expect(report.destination).toEqual({ kind: "rests", forMs: 60_000 });
    expect(verdictOf(outcomeOf(await first))).toBe("deferred/lane 003");
  });

  test("of a server nobody spoke with before keeps those who wait while a mail takes its time", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: oneAtATime });
    const onDot = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));
    const reports = await Promise.all([1, 2].map(() => deliver(makeRequest({ hosts: [host], onDot }))));
    expect(reports.map((report) => outcomeOf(report).kind)).toEqual(["delivered", "delivered"]);
  });

  test("with a full queue answers at once", async () => {
    const server = await startMx({ faults: { connect: { kind: "stall" } } });
    const { deliver } = deliveryTo(server, { options: { laneWindowInitial: 1, laneWaitingMax: 1 } });
    const running = [deliver(makeRequest({ hosts: [host] })), deliver(makeRequest({ hosts: [host] }))];
    expect(verdictOf(outcomeOf(await deliver(makeRequest({ hosts: [host] }))))).toBe("deferred/lane 029");
    await Promise.all(running);
  });

  test("closing the service turns away who waits and waits for who is under way", async () => {
    const server = await startMx({ faults: { connect: { kind: "stall" } } });
    const delivery = deliveryTo(server, { options: { laneWindowInitial: 1 } });
    const running = delivery.deliver(makeRequest({ hosts: [host] }));
    const waiting = delivery.deliver(makeRequest({ hosts: [host] }));
    await delivery.close();
    expect(verdictOf(outcomeOf(await waiting))).toBe("deferred/recipient 033");
    expect(verdictOf(outcomeOf(await running))).toBe("deferred/lane 003");
    expect(verdictOf(outcomeOf(await delivery.deliver(makeRequest({ hosts: [host] }))))).toBe("deferred/recipient 033");
  });
});
