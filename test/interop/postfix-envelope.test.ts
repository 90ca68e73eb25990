import { simpleParser } from "mailparser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peers } from "../support/peers.ts";
import { readReport } from "../support/peers-report.ts";
import type { Report } from "../support/peers-report.ts";
import { RelayPath } from "../support/peers-path.ts";
import { addedFields, onTheWire } from "../support/peers-trace.ts";
import { eventually, mail } from "../support/world.ts";

const postfix = peers("postfix");

const NURSE = "nurse@clinic.test";
const MINUTE_MS = 60_000;

let path: RelayPath;
/** Mail of one test is told from that of another by its sender. */
let count = 0;

function sender(): string {
  count += 1;
  return `nurse${count}@clinic.test`;
}

function text(to: string, more: readonly string[] = []): Buffer {
  return mail([`From: ${NURSE}`, `To: ${to}`, "Subject: Lunch", ...more, "", "See you at noon."]);
}

async function reportTo(address: string): Promise<Report> {
  return readReport((await path.arrived(address))[0]);
}

function stateOf(address: string): Promise<string | null> {
  return path.world.postern.store
    .recipients({ address, limit: 1 })
    .then(([recipient]) => (recipient?.lease === null ? recipient.state : null));
}

describe.skipIf(postfix.areMissing)(`envelopes between Postfix and Postern${postfix.note}`, () => {
  beforeAll(async () => {
    path = await RelayPath.start();
  });
  afterAll(() => path.close());

  test("a message to 300 recipients comes in as one and reaches each of them", async () => {
    const rcptTo = Array.from({ length: 300 }, (_, index) => `many${index}@verified.test`);
    const bytes = text("undisclosed-recipients:;");
    await path.send({ mailFrom: sender(), rcptTo, bytes });
    const arrived = await eventually(async () => {
      const all = path.behind.deliveries.filter(({ originalTo }) => originalTo.startsWith("many"));
      return all.length >= 300 ? all : null;
    });
    expect(arrived.map(({ originalTo }) => originalTo).toSorted()).toEqual(rcptTo.toSorted());
    const ids = new Set(
      arrived.map(({ bytes: copy }) => /\(Postern\) with ESMTPS id\s+(\w+)/.exec(copy.toString())?.[1]),
    );
    expect(ids.size).toBe(1);
    for (const delivery of arrived) addedFields(onTheWire(delivery), bytes);
  });

  test("SMTPUTF8 addresses and headers go through as they are", async () => {
    const to = "jörg.東京@verified.test";
    const bytes = mail([`From: Zoë <${NURSE}>`, `To: ${to}`, "Subject: Grüße ✓", "", "Grüße."]);
    await path.send({ mailFrom: "zoë@clinic.test", rcptTo: [to], bytes, mailParameters: " SMTPUTF8 BODY=8BITMIME" });
    const [delivery] = await path.arrived(to);
    expect(delivery.returnPath).toBe("zoë@clinic.test");
    addedFields(onTheWire(delivery), bytes);
    expect(delivery.bytes.toString().replaceAll(/\n[ \t]+/g, " ")).toContain("(Postern) with UTF8SMTPS id");
  });

  test("a server without 8BITMIME gets 7-bit lines that say the same", async () => {
    const to = "seven@sevenbit.test";
    const from = sender();
    const bytes = mail([
      `From: ${NURSE}`,
      `To: ${to}`,
      "Subject: Menu",
      "MIME-Version: 1.0",
      "Content-Type: multipart/alternative; boundary=b",
      "",
      "--b",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      "Grüße, 東京 ✓ = 100 %",
      ".trailing blanks  ",
      "--b",
      "Content-Type: text/html; charset=iso-8859-1",
      "Content-Transfer-Encoding: 8bit",
      "",
      "<p>Grüße</p>",
      "--b--",
    ]);
    await path.send({ mailFrom: from, rcptTo: [to], bytes, mailParameters: " BODY=8BITMIME" });
    const [delivery] = await path.arrived(to);
    expect(delivery.bytes.every((byte) => byte < 128)).toBe(true);
    const [sent, got] = await Promise.all([simpleParser(bytes), simpleParser(onTheWire(delivery))]);
    expect([got.subject, got.text, got.html]).toEqual([sent.subject, sent.text, sent.html]);
    expect(got.text).toContain("東京 ✓ = 100 %");
  });

  test("an SMTPUTF8 recipient of a server without SMTPUTF8 fails, and the sender is told", async () => {
    const from = sender();
    const message = { mailFrom: from, rcptTo: ["jörg@sevenbit.test"], bytes: text("jörg@sevenbit.test") };
    await path.send({ ...message, mailParameters: " SMTPUTF8" });
    const { status } = await reportTo(from);
    expect(status).toContain("Action: failed");
    expect(status).toContain("Status: 5.6.7");
    expect(status).toContain("Final-Recipient: utf-8; j\\x{F6}rg@sevenbit.test");
  });

  test("NOTIFY=SUCCESS, ORCPT and ENVID reach Postfix B, which reports the delivery itself, once", async () => {
    const from = sender();
    await path.send({
      mailFrom: from,
      rcptTo: ["success@verified.test"],
      bytes: text("success@verified.test"),
      mailParameters: " RET=HDRS ENVID=QQ314159",
      rcptParameters: " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Orig+2Binal@verified.test",
    });
    const { raw, status } = await reportTo(from);
    expect(raw).toContain("MAILER-DAEMON");
    expect(status).toContain("Reporting-MTA: dns; mx.behind.test");
    expect(status).toContain("Original-Envelope-Id: QQ314159");
    expect(status).toContain("Original-Recipient: rfc822;Orig+inal@verified.test");
    expect(status).toContain("Action: delivered");
    expect(path.behind.deliveriesTo(from)).toHaveLength(1);
  });

  test("NOTIFY=SUCCESS for a server without DSN is answered by Postern: relayed, no more is known", async () => {
    const from = sender();
    await path.send({
      mailFrom: from,
      rcptTo: ["success@silent.test", "also@silent.test"],
      bytes: text("success@silent.test"),
      mailParameters: " ENVID=QQ271828",
      rcptParameters: " NOTIFY=SUCCESS",
    });
    const { status } = await reportTo(from);
    expect(status).toContain("Reporting-MTA: dns; gateway.clinic.test");
    expect(status).toContain("Original-Envelope-Id: QQ271828");
    expect(status).toContain("Final-Recipient: rfc822; success@silent.test");
    expect(status.match(/^Action: relayed\r?$/gm)).toHaveLength(2);
    expect(path.behind.deliveriesTo("success@silent.test")).toHaveLength(1);
  });

  test("NOTIFY=NEVER keeps a refusal silent", async () => {
    const from = sender();
    const message = { mailFrom: from, bytes: text("nobody@verified.test") };
    await path.send({ ...message, rcptTo: ["nobody@verified.test"], rcptParameters: " NOTIFY=NEVER" });
    await eventually(async () => ((await stateOf("nobody@verified.test")) === "failed" ? true : null));
    // A second refusal that is reported shows that a report of the first would have come by now.
    const loud = sender();
    await path.send({ ...message, mailFrom: loud, rcptTo: ["nobody@verified.test"] });
    await reportTo(loud);
    expect(path.behind.deliveriesTo(from)).toHaveLength(0);
  });

  test("a recipient Postfix B refuses fails with a report; the others of the message get it", async () => {
    const from = sender();
    await path.send({
      mailFrom: from,
      rcptTo: ["yes@verified.test", "nobody@verified.test"],
      bytes: text("yes@verified.test"),
    });
    await path.arrived("yes@verified.test");
    const { raw, status } = await reportTo(from);
    expect(status).toContain("Reporting-MTA: dns; gateway.clinic.test");
    expect(status).toContain("Final-Recipient: rfc822; nobody@verified.test");
    expect(status).toContain("Action: failed");
    expect(status).toContain("Status: 5.1.1");
    expect(status).toContain("Remote-MTA: dns; mx.verified.test");
    expect(status).not.toContain("yes@verified.test");
    expect(raw).not.toContain("See you at noon");
    expect(raw).not.toContain("Subject: Lunch");
  });

  test("a greylisting server gets the message at the next attempt, and only then", async () => {
    const from = sender();
    await path.send({ mailFrom: from, rcptTo: ["grey@verified.test"], bytes: text("grey@verified.test") });
    await eventually(async () => ((await stateOf("grey@verified.test")) === "deferred" ? true : null));
    expect(path.behind.deliveriesTo("grey@verified.test")).toHaveLength(0);
    path.world.advance(2 * MINUTE_MS);
    await path.arrived("grey@verified.test");
    expect(path.greylist.asked.filter((address) => address === "grey@verified.test")).toHaveLength(2);
    await eventually(async () => ((await stateOf("grey@verified.test")) === "delivered" ? true : null));
    expect(path.behind.deliveriesTo(from)).toHaveLength(0);
  });

  test("a bounce that Postfix A writes goes through with the null sender", async () => {
    const message = text("who@broken.test").toString().replaceAll("\r\n", "\n");
    await path.front.sendmail(["-i", "-f", "outside@verified.test", "who@broken.test"], message);
    const { raw, status } = await reportTo("outside@verified.test");
    expect(status).toContain("Reporting-MTA: dns; mail.clinic.test");
    expect(status).toContain("Final-Recipient: rfc822; who@broken.test");
    expect(raw).toContain("(Postern)");
  });

  test("Postfix A bounces what Postern refuses, with Postern's own reason", async () => {
    const from = "looped@verified.test";
    const bytes = text("x@verified.test", [`X-Postern-Loop: ${path.world.postern.config().instanceId}`]);
    await path.send({ mailFrom: from, rcptTo: ["x@verified.test"], bytes });
    const { status } = await reportTo(from);
    expect(status).toContain("Reporting-MTA: dns; mail.clinic.test");
    expect(status.replaceAll(/\s+/g, " ")).toContain("554 5.4.6 The message has been here before");
    expect(path.behind.deliveriesTo("x@verified.test")).toHaveLength(0);
  });

  test("nothing is left in the queue of either Postfix, and Postfix B never saw a bare line feed", async () => {
    await eventually(async () => ((await path.front.queue()).length === 0 ? true : null));
    await eventually(async () => ((await path.behind.queue()).length === 0 ? true : null));
    expect(path.behind.log).not.toMatch(/bare <LF>|improper command pipelining/i);
    expect(path.front.log + path.behind.log).not.toMatch(/ (?:warning|fatal|panic): /);
  });
});
