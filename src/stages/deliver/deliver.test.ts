import { describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../cli/loopback/mx-behaviour.ts";
import { blobPiece, BODY, makeRequest, MX, mxHost, outcomeOf, verdictOf } from "../../../test/support/deliver-rig.ts";
import { useDeliverSockets } from "../../../test/support/deliver-sockets.ts";

const sockets = useDeliverSockets();
const { startMx, deliveryTo } = sockets;

describe("a healthy server", () => {
  test("takes the mail under verified TLS, and the attempt tells the rung", async () => {
    const server = await startMx({}, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const seen: unknown[] = [];
    const onDot = (ids: readonly string[], at: unknown): Promise<void> => {
      seen.push([ids.length, at]);
      return Promise.resolve();
    };
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], minRung: "pkix", onDot }));
    expect(outcomeOf(report)).toEqual({
      kind: "delivered",
      status: "2.0.0",
      observed: "pkix",
      host: MX,
      reply: { code: 250, enhanced: "2.0.0", text: "2.0.0 taken" },
      dsnPassedOn: true,
    });
    expect(report.attempts).toMatchObject([
      { host: MX, phase: "done", rung: "pkix", code: null, replyCode: 250, reused: false, starttlsOffered: true },
    ]);
    expect(report.attempts[0]?.tls).toMatchObject({ protocol: "TLSv1.3", chain: "ok", nameMatches: true });
    expect(seen).toEqual([[1, { host: MX, rung: "pkix" }]]);
    expect(server.transactions).toMatchObject([{ mailFrom: "sender@clinic.test", rcptTo: ["anna@hospital.test"] }]);
    expect(server.transactions[0]?.bytes.toString()).toBe(BODY);
    expect(server.plaintextSeen.toString()).not.toContain("sender@clinic.test");
  });

  test("gets parameters only for what it offers", async () => {
    const server = await startMx({ extensions: ["8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000"] });
    const { deliver } = deliveryTo(server);
    const request = makeRequest({
      hosts: [mxHost("127.0.0.2")],
      to: ["jürgen@hospital.test"],
      needs: { eightBitMime: true },
      envelope: { ret: "hdrs", envid: "a b=1" },
    });
    const [first] = request.recipients;
    const recipient = {
      ...first.recipient,
      notify: ["failure", "delay"],
      orcpt: { type: "rfc822", address: "x+y@z.test" },
    } as const;
    await deliver({ ...request, recipients: [{ ...first, recipient }] });
    expect(server.transactions[0]?.params).toEqual({
      mail: `SIZE=${BODY.length} BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b+3D1`,
      rcpt: ["NOTIFY=FAILURE,DELAY ORCPT=rfc822;x+2By@z.test"],
    });
  });

  test("gets no parameter when it offers nothing, after EHLO is refused and HELO taken", async () => {
    const server = await startMx({ faults: { ehlo: { kind: "reply", text: "500 what" } } });
    const { deliver } = deliveryTo(server);
    const request = makeRequest({ hosts: [mxHost("127.0.0.2")], envelope: { sender: null, ret: "full", envid: "e" } });
    expect(verdictOf(outcomeOf(await deliver(request)))).toBe("delivered");
    expect(server.transactions[0]).toMatchObject({ mailFrom: "", params: { mail: "", rcpt: [""] } });
  });

  test("receives large bodies of several pieces byte for byte, dots included", async () => {
    const server = await startMx({}, { tls: sockets.certificates.good });
    const line = ".leading dot and some text to fill the line with\r\n..two\r\n";
    const stored = Buffer.from(line.repeat(20_000));
    const { deliver } = deliveryTo(server, { bodies: { b1: stored } });
    const head = Buffer.from("X-Trace: 1\r\n\r\n");
    const pieces = [
      { kind: "bytes", bytes: head } as const,
      blobPiece("b1", 0, 500_000),
      blobPiece("b1", 500_000, stored.length),
    ];
    const request = makeRequest({ hosts: [mxHost("127.0.0.2")], pieces, sizeBytes: head.length + stored.length });
    expect(verdictOf(outcomeOf(await deliver(request)))).toBe("delivered");
    expect(server.transactions[0]?.bytes.equals(Buffer.concat([head, stored]))).toBe(true);
  });
});

describe("several recipients", () => {
  const to = ["ok@hospital.test", "gone@hospital.test", "full@hospital.test", "many@hospital.test"];
  const recipients = { gone: "550 5.1.1 no such user", full: "452 4.2.2 full", many: "452 4.5.3 too many" };
  test.each(["PIPELINING", "NOOPS"])("each get their own answer (%s)", async (extension) => {
    const server = await startMx({ extensions: [extension], recipients });
    const { deliver } = deliveryTo(server);
    const dots: number[] = [];
    const onDot = async (ids: readonly string[]): Promise<void> => void dots.push(ids.length);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to, onDot }));
    expect([1, 2, 3, 4].map((n) => verdictOf(outcomeOf(report, n)))).toEqual([
      "delivered",
      "failed 017",
      "deferred/recipient 018",
      "deferred/recipient 019",
    ]);
    expect(outcomeOf(report, 2)).toMatchObject({ status: "5.1.1", reply: { code: 550 } });
    expect(dots).toEqual([1]);
    expect(server.transactions[0]?.rcptTo).toEqual(["ok@hospital.test"]);
  });

  test.each([
    ["PIPELINING", true],
    ["NOOPS", false],
  ])("all refused means no body and no dot (%s)", async (extension, isAskedAtOnce) => {
    const server = await startMx({ extensions: [extension], refuseAll: "550 5.7.1 no" });
    const { deliver } = deliveryTo(server);
    let dots = 0;
    const onDot = async (): Promise<void> => void dots++;
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to, onDot }));
    expect([1, 2, 3, 4].map((n) => verdictOf(outcomeOf(report, n)))).toEqual(to.map(() => "failed 017"));
    expect(server.verbs.some(({ verb }) => verb === "DATA")).toBe(isAskedAtOnce);
    expect(server.verbs.at(-1)?.verb).toBe("RSET");
    expect(server.allSeen.toString()).not.toContain("Subject:");
    expect(dots).toBe(0);
    expect(report.attempts).toMatchObject([{ phase: "rcpt", code: "PST-DLV-017", replyCode: 550 }]);
  });

  test("all refused means no body, also for a server that asks for it", async () => {
    const server = await startMx({ refuseAll: "550 5.7.1 no", faults: { data: { kind: "reply", text: "354 go on" } } });
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to }));
    expect([1, 2, 3, 4].map((n) => verdictOf(outcomeOf(report, n)))).toEqual(to.map(() => "failed 017"));
    expect(server.verbs.at(-1)?.verb).toBe("DATA");
    expect(server.allSeen.toString().endsWith("DATA\r\n")).toBe(true);
  });

  test("beyond the limit go in further transactions, each with its own dot", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server, { options: { recipientsPerTransactionMax: 2 } });
    const many = ["a", "b", "c", "d", "e"].map((name) => `${name}@hospital.test`);
    const dots: number[] = [];
    const onDot = async (ids: readonly string[]): Promise<void> => void dots.push(ids.length);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to: many, onDot }));
    expect(many.map((_, index) => outcomeOf(report, index + 1).kind)).toEqual(many.map(() => "delivered"));
    expect(dots).toEqual([2, 2, 1]);
    expect(report.attempts).toHaveLength(1);
  });

  test("with ASCII addresses are served by a server without SMTPUTF8, the others are unmet", async () => {
    const server = await startMx({ extensions: [] });
    const { deliver } = deliveryTo(server);
    const mixed = ["anna@hospital.test", "jürgen@hospital.test"];
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], to: mixed }));
    expect(outcomeOf(report, 1).kind).toBe("delivered");
    expect(outcomeOf(report, 2)).toEqual({
      kind: "unmet",
      code: "PST-DLV-014",
      observed: { bestRung: "plain", missing: ["SMTPUTF8"] },
    });
  });

  test("are greylisted once and taken the second time", async () => {
    const server = await startMx({ greylist: true });
    const { deliver } = deliveryTo(server);
    const request = makeRequest({ hosts: [mxHost("127.0.0.2")] });
    expect(verdictOf(outcomeOf(await deliver(request)))).toBe("deferred/recipient 018");
    expect(verdictOf(outcomeOf(await deliver(request)))).toBe("delivered");
  });
});

describe("what a message needs", () => {
  const cases: readonly [string, MxBehaviour, Parameters<typeof makeRequest>[0], string][] = [
    ["8BITMIME", { extensions: [] }, { hosts: [], needs: { eightBitMime: true } }, "unmet 013"],
    ["SMTPUTF8", { extensions: [] }, { hosts: [], needs: { smtpUtf8: true } }, "unmet 014"],
    [
      "REQUIRETLS in the clear",
      { extensions: ["REQUIRETLS"] },
      { hosts: [], envelope: { requireTls: true } },
      "unmet 015",
    ],
    ["less than the advertised SIZE", { extensions: ["SIZE 20"] }, { hosts: [] }, "failed 016"],
    [
      "555 to a parameter",
      { faults: { mail: { kind: "reply", text: "555 5.5.4 what" } } },
      { hosts: [], needs: { eightBitMime: true } },
      "unmet 013",
    ],
  ];
  test.each(cases)("and is not met: %s", async (_name, behaviour, request, expected) => {
    const server = await startMx(behaviour);
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ ...request, hosts: [mxHost("127.0.0.2")] }));
    expect(verdictOf(outcomeOf(report))).toBe(expected);
    expect(server.transactions).toEqual([]);
  });

  type Way = Parameters<typeof makeRequest>[0]["route"];
  const SIGNED_MX: Way = { security: "secure" };
  const KEYWORD: MxBehaviour = { extensions: [], tlsExtensions: ["REQUIRETLS"] };
  test.each<["sender" | "prefer" | "require", Way, MxBehaviour, verdict: string, mail: string | undefined]>([
    ["sender", SIGNED_MX, KEYWORD, "delivered", "REQUIRETLS"],
    ["sender", { via: "smarthost" }, KEYWORD, "delivered", "REQUIRETLS"],
    ["sender", {}, KEYWORD, "unmet 015", undefined],
    ["sender", SIGNED_MX, { extensions: ["REQUIRETLS"], tlsExtensions: [] }, "unmet 015", undefined],
    ["require", SIGNED_MX, KEYWORD, "delivered", "REQUIRETLS"],
    ["require", SIGNED_MX, { extensions: [] }, "unmet 015", undefined],
    ["require", {}, KEYWORD, "unmet 015", undefined],
    ["prefer", SIGNED_MX, KEYWORD, "delivered", "REQUIRETLS"],
    ["prefer", SIGNED_MX, { extensions: [] }, "delivered", ""],
    ["prefer", {}, KEYWORD, "delivered", ""],
    [
      "prefer",
      SIGNED_MX,
      { ...KEYWORD, faults: { mail: { kind: "reply", text: "550 5.7.30 cannot" } } },
      "unmet 015",
      undefined,
    ],
  ])("REQUIRETLS by %s, way %j, server %j: %s", async (by, route = {}, behaviour, verdict, mail) => {
    const server = await startMx(behaviour, { tls: sockets.certificates.good });
    const { deliver } = deliveryTo(server);
    const asked = makeRequest({ hosts: [mxHost("127.0.0.2")], route, envelope: { requireTls: by === "sender" } });
    const step = { kind: "transport", minRung: "plain", ...(by === "sender" ? {} : { requireTls: by }) } as const;
    const report = await deliver({ ...asked, parcel: { ...asked.parcel, step } });
    expect(verdictOf(outcomeOf(report))).toBe(verdict);
    expect(server.transactions[0]?.params.mail).toBe(mail);
    expect(report.attempts[0]?.requireTls ?? false).toBe(mail === "REQUIRETLS" || behaviour.faults !== undefined);
  });

  test("REQUIRETLS is unmet where the certificate is not valid, and not sent in the clear", async () => {
    const server = await startMx({ extensions: ["REQUIRETLS"] }, { tls: sockets.certificates.selfSigned });
    const { deliver } = deliveryTo(server);
    const report = await deliver(makeRequest({ hosts: [mxHost("127.0.0.2")], envelope: { requireTls: true } }));
    expect(outcomeOf(report)).toMatchObject({ kind: "unmet", observed: { missing: ["REQUIRETLS"] } });
    expect(server.transactions).toEqual([]);
  });

  test("a bare line feed is never sent", async () => {
    const server = await startMx({});
    const { deliver } = deliveryTo(server);
    const report = await deliver(
      makeRequest({ hosts: [mxHost("127.0.0.2")], body: "Subject: x\r\n\r\na\n.\r\nb\r\n" }),
    );
    expect(verdictOf(outcomeOf(report))).toBe("failed 034");
    expect(server.transactions).toEqual([]);
  });
});
