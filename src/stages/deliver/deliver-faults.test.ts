/** Every way a dialog can break: the expected outcome, and how far it got. */
import { describe, expect, test } from "vitest";
import type { MxFault, MxPhase } from "../../cli/loopback/mx-behaviour.ts";
import {
  blobPiece,
  eventually,
  makeRequest,
  mxHost,
  outcomeOf,
  TEST_OPTIONS,
  verdictOf,
} from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx, deliveryTo } = sockets;

const DROP: MxFault = { kind: "drop-before" };
const STALL: MxFault = { kind: "stall" };
const reply = (text: string): MxFault => ({ kind: "reply", text });

type Row = readonly [phase: MxPhase, fault: MxFault, verdict: string, reached: string];

// Under TLS with the floor pkix: nothing here may fall back to the clear.
const ROWS: readonly Row[] = [
  ["connect", DROP, "deferred/lane 002", "greeting"],
  ["connect", STALL, "deferred/lane 003", "greeting"],
  ["connect", reply("421 4.3.2 busy"), "deferred/lane 036", "greeting"],
  ["connect", reply("554 no service"), "deferred/lane 005", "greeting"],
  ["connect", reply("554 5.7.1 blocked"), "deferred/lane 006", "greeting"],
  ["connect", reply("SSH-2.0-OpenSSH"), "deferred/lane 004", "greeting"],
  ["connect", reply("250 hello"), "deferred/lane 004", "greeting"],
  ["ehlo", DROP, "deferred/lane 002", "ehlo"],
  ["ehlo", STALL, "deferred/lane 003", "ehlo"],
  ["ehlo", reply("421 4.3.2 busy"), "deferred/lane 036", "ehlo"],
  ["ehlo", reply("550 5.7.1 blocked"), "deferred/lane 006", "ehlo"],
  ["ehlo", reply("550 what"), "unmet 007", "starttls"],
  ["ehlo", { kind: "giant", lines: 101, lineBytes: 10 }, "deferred/lane 004", "ehlo"],
  ["ehlo", { kind: "giant", lines: 2, lineBytes: 5000 }, "deferred/lane 004", "ehlo"],
  ["ehlo", { kind: "giant", lines: 30, lineBytes: 4000 }, "deferred/lane 004", "ehlo"],
  ["ehlo", { kind: "endless" }, "deferred/lane 004", "ehlo"],
  ["ehlo", reply("250-a\r\n251 b"), "deferred/lane 004", "ehlo"],
  ["starttls", DROP, "deferred/lane 002", "starttls"],
  ["starttls", STALL, "deferred/lane 003", "starttls"],
  ["starttls", reply("454 4.7.0 not now"), "deferred/lane 011", "starttls"],
  ["starttls", reply("502 no"), "unmet 007", "starttls"],
  ["starttls", reply("554 5.7.0 no"), "deferred/lane 006", "starttls"],
  ["handshake", DROP, "deferred/lane 002", "handshake"],
  ["handshake", reply("500 this is no TLS"), "unmet 008", "handshake"],
  ["ehlo2", DROP, "deferred/lane 002", "ehlo2"],
  ["ehlo2", STALL, "deferred/lane 003", "ehlo2"],
  ["ehlo2", reply("500 no"), "deferred/lane 005", "ehlo2"],
  ["mail", DROP, "deferred/lane 002", "mail"],
  ["mail", STALL, "deferred/lane 003", "mail"],
  ["mail", reply("421 4.3.2 bye"), "deferred/lane 036", "mail"],
  ["mail", reply("451 4.3.0 later"), "deferred/lane 021", "mail"],
  ["mail", reply("450 4.7.1 greylisted"), "deferred/recipient 021", "mail"],
  ["mail", reply("530 5.7.0 authenticate"), "deferred/lane 024", "mail"],
  ["mail", reply("550 5.7.1 spf"), "failed 020", "mail"],
  ["mail", reply("552 5.3.4 big"), "failed 016", "mail"],
  ["rcpt", DROP, "deferred/lane 002", "rcpt"],
  ["rcpt", STALL, "deferred/lane 003", "rcpt"],
  ["rcpt", { kind: "silent" }, "deferred/lane 004", "rcpt"],
  ["rcpt", reply("421 4.3.2 bye"), "deferred/lane 036", "rcpt"],
  ["rcpt", reply("550 5.1.1 no"), "failed 017", "rcpt"],
  ["rcpt", reply("552 too many"), "deferred/recipient 019", "rcpt"],
  ["rcpt", { kind: "extra", text: "250 2.1.5 one more" }, "deferred/lane 004", "data"],
  // What it said to RCPT goes with it.
  ["data", DROP, "deferred/lane 002", "rcpt"],
  ["data", STALL, "deferred/lane 003", "data"],
  ["data", reply("250 ok"), "deferred/lane 004", "data"],
  ["data", reply("451 4.3.0 later"), "deferred/recipient 023", "data"],
  ["data", reply("554 5.6.0 no"), "failed 022", "data"],
  ["dot", DROP, "ambiguous 025", "dot"],
  ["dot", STALL, "ambiguous 025", "dot"],
  ["dot", { kind: "silent" }, "ambiguous 025", "dot"],
  ["dot", reply("354 again"), "ambiguous 025", "dot"],
  ["dot", reply("garbage"), "ambiguous 025", "dot"],
  ["dot", reply("421 4.3.2 shutting down"), "deferred/lane 036", "dot"],
  ["dot", reply("452 4.3.1 disk full"), "deferred/recipient 023", "dot"],
  ["dot", reply("554 5.7.1 spam"), "failed 022", "dot"],
  ["dot", { kind: "drop-after" }, "delivered", "done"],
];

describe("a fault under the floor pkix", () => {
  test.each(ROWS)("at %s: %j gives %s", async (phase, fault, verdict, reached) => {
    const server = await startMx({ faults: { [phase]: fault } }, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], minRung: "pkix" }));
    expect(verdictOf(outcomeOf(report))).toBe(verdict);
    expect(report.attempts.map((attempt) => attempt.phase)).toEqual([reached]);
    expect(server.plaintextSeen.toString()).not.toContain("MAIL FROM");
    const mayHaveBody = verdict === "delivered" || phase === "dot";
    expect(server.transactions).toHaveLength(mayHaveBody ? 1 : 0);
  });
});

describe("while the body is sent", () => {
  const body = Buffer.from(`Subject: x\r\n\r\n${"some text to fill a line with\r\n".repeat(500_000)}`);
  const rows: readonly [MxFault, string][] = [
    [DROP, "deferred/lane 002"],
    [STALL, "deferred/lane 003"],
    [reply("552 5.3.4 too big"), "failed 016"],
    [reply("421 4.3.2 bye"), "deferred/lane 036"],
    [reply("250 thanks"), "deferred/lane 004"],
  ];
  test.each(rows)("%j gives %s and no dot", async (fault, verdict) => {
    const server = await startMx({ faults: { body: fault } });
    const { deliver } = deliveryTo(server, { bodies: { b: body } });
    let dots = 0;
    const onDot = async (): Promise<void> => void dots++;
    const pieces = [blobPiece("b", 0, body.length)];
    const request = makeRequest({ hosts: [mxHost("127.0.0.2")], pieces, sizeBytes: body.length, onDot });
    const report = await deliver(request);
    expect(verdictOf(outcomeOf(report))).toBe(verdict);
    expect(report.attempts).toMatchObject([{ phase: "body" }]);
    expect([dots, server.transactions.length]).toEqual([0, 0]);
  });

  test.each([
    ["a blob that cannot be read", [blobPiece("missing", 0, 9)], 9],
    ["a blob shorter than promised", [blobPiece("b", 0, 100)], 200],
  ])("%s stops before the dot and is deferred", async (_name, pieces, sizeBytes) => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { bodies: { b: body } });
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], pieces, sizeBytes }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/recipient 026");
    expect(server.transactions).toEqual([]);
  });
});

describe("the durable intent", () => {
  test("comes before the final bytes; when it fails, the dot is never sent", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    let seenAtDot = "";
    const onDot = async (): Promise<void> => {
      await eventually(() => server.verbs.some(({ verb }) => verb === "DATA"));
      seenAtDot = server.allSeen.toString();
      throw new Error("disk");
    };
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2"), mxHost("127.0.0.2")], onDot }));
    expect(outcomeOf(report)).toMatchObject({ kind: "deferred", scope: "recipient", code: "PST-DLV-027" });
    expect(seenAtDot).not.toContain("\r\n.\r\n");
    expect(server.transactions).toEqual([]);
    expect(report.attempts).toHaveLength(1);
  });

  test("a server that leaves while it is stored was surely not given the message", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    const onDot = async (): Promise<void> => {
      await server.close();
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], onDot }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/lane 002");
    expect(report.attempts).toMatchObject([{ phase: "body" }]);
  });
});

describe("an abort", () => {
  test.each<[MxPhase, string]>([
    ["connect", "deferred/recipient 033"],
    ["mail", "deferred/recipient 033"],
    ["data", "deferred/recipient 033"],
    ["dot", "ambiguous 025"],
  ])("during %s gives %s", async (phase, verdict) => {
    const server = await startMx({ faults: { [phase]: STALL } });
    const { deliver } = deliveryTo(server);
    const controller = new AbortController();
    const running = deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], signal: controller.signal }));
    const verb = { connect: "", mail: "MAIL", data: "DATA", dot: "DATA" }[phase as "mail"];
    await eventually(() => (verb === "" ? server.connections > 0 : server.verbs.some((heard) => heard.verb === verb)));
    if (phase === "dot") await eventually(() => server.transactions.length === 1);
    controller.abort();
    expect(verdictOf(outcomeOf(await running))).toBe(verdict);
  });

  test("before the start dials nobody", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], signal: AbortSignal.abort() }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/recipient 033");
    expect(server.connections).toBe(0);
  });
});

describe("replies out of count", () => {
  test.each<[string, Partial<Record<MxPhase, MxFault>>, string]>([
    ["one too few for a pipelined group", { mail: { kind: "silent" } }, "deferred/lane 004"],
    ["one too many after MAIL", { mail: { kind: "extra", text: "250 more" } }, "deferred/lane 004"],
    ["one too many after 354", { data: { kind: "extra", text: "250 more" } }, "deferred/lane 004"],
  ])("%s never delivers and never counts as taken", async (_name, faults, verdict) => {
    const server = await startMx({ faults });
    const { deliver } = deliveryTo(server);
    const onDot = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 5));
    const report = await deliver(
      makeRequest({ hosts: [mxHost("127.0.0.2")], to: ["a@hospital.test", "b@hospital.test"], onDot }),
    );
    expect(verdictOf(outcomeOf(report, 1))).toBe(verdict);
    expect(verdictOf(outcomeOf(report, 2))).toBe(verdict);
    expect(server.transactions).toEqual([]);
  });

  test.each<[string, Partial<Record<MxPhase, MxFault>>, string, string]>([
    ["one too many after the greeting", { connect: { kind: "extra", text: "250 more" } }, "deferred/lane 004", "ehlo"],
    ["one too many after EHLO", { ehlo: { kind: "extra", text: "250 more" } }, "deferred/lane 004", "mail"],
    ["one too many after MAIL", { mail: { kind: "extra", text: "250 more" } }, "deferred/lane 004", "data"],
    ["a reply nobody gives to DATA", { data: reply("250 ok") }, "deferred/lane 004", "data"],
  ])("%s refuses no recipient for good", async (_name, faults, verdict, reached) => {
    const server = await startMx({ faults, recipients: { a: "550 5.1.1 unknown" } });
    const { deliver } = deliveryTo(server);
    const report = await deliver(
      makeRequest({ hosts: [mxHost("127.0.0.2")], to: ["a@hospital.test", "b@hospital.test"] }),
    );
    expect([1, 2].map((ordinal) => verdictOf(outcomeOf(report, ordinal)))).toEqual([verdict, verdict]);
    expect(report.attempts).toMatchObject([{ phase: reached }]);
  });

  test("a refusal in the place of the answer to DATA is not taken for it, when the true one follows", async () => {
    const faults = { mail: { kind: "extra", text: "250 more" } } as const;
    const server = await startMx({ faults, recipients: { b: "550 5.1.1 unknown" } });
    const { deliver } = deliveryTo(server);
    const to = ["a@hospital.test", "b@hospital.test"];
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to }));
    expect([1, 2].map((ordinal) => verdictOf(outcomeOf(report, ordinal)))).toEqual([
      "deferred/lane 004",
      "deferred/lane 004",
    ]);
    expect(server.transactions).toEqual([]);
  });

  test("one too few refuses no recipient for good", async () => {
    const recipients = { b: "550 5.1.1 unknown" };
    const server = await startMx({ faults: { mail: { kind: "silent" } }, recipients });
    const { deliver } = deliveryTo(server);
    const to = ["a@hospital.test", "b@hospital.test"];
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to }));
    const verdicts = [1, 2].map((ordinal) => verdictOf(outcomeOf(report, ordinal)));
    expect(verdicts).toEqual(["deferred/lane 004", "deferred/lane 004"]);
  });

  test("of the transaction before refuses nobody in the next one", async () => {
    const server = await startMx({
      faults: { dot: { kind: "extra", text: "250 more" } },
      recipients: { b: "550 5.1.1 unknown" },
    });
    const { deliver } = deliveryTo(server, { options: { recipientsPerTransactionMax: 1 } });
    const to = ["a@hospital.test", "b@hospital.test", "c@hospital.test"];
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to }));
    expect([1, 2, 3].map((ordinal) => verdictOf(outcomeOf(report, ordinal)))).toEqual([
      "delivered",
      "deferred/lane 004",
      "deferred/lane 004",
    ]);
  });

  test("do not take back a refusal that was in step when the connection ended", async () => {
    const recipients = { a: "550 5.1.1 unknown" };
    const server = await startMx({ faults: { data: DROP }, recipients });
    const { deliver } = deliveryTo(server);
    const report = await deliver(
      makeRequest({ hosts: [mxHost("127.0.0.2")], to: ["a@hospital.test", "b@hospital.test"] }),
    );
    expect(verdictOf(outcomeOf(report, 1))).toBe("failed 017");
    expect(verdictOf(outcomeOf(report, 2))).toBe("deferred/lane 002");
  });
});

describe("the time for a whole transaction", () => {
  const timeouts = { ...TEST_OPTIONS.timeouts, rcptMs: 60_000, totalMs: 150 };

  test("ends a server that is slow but never too slow in one step", async () => {
    const server = await startMx({ faults: { rcpt: STALL } });
    const { deliver } = deliveryTo(server, { options: { timeouts } });
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")] }));
    expect(verdictOf(outcomeOf(report))).toBe("deferred/lane 003");
  });

  test("does not cut short what may have been delivered", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { timeouts } });
    const onDot = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], onDot }));
    expect(verdictOf(outcomeOf(report))).toBe("delivered");
  });
});
