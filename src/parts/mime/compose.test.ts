import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import type { MimeStructure } from "../../core/mime-structure.ts";
import { composeDelayDsn, composeFailureDsn, composeHeldNotice, composeSuccessDsn } from "./compose.ts";
import type { DelayDsnInput, DsnRecipient, HeldNoticeInput } from "./compose.ts";
import { decodeBody } from "./decode-body.ts";
import { MimeScanner } from "./mime-scanner.ts";
import { readOriginalFacts } from "./original-facts.ts";

const CANARY = "CANARY-7731";
const HEADER = [
  `From: "${CANARY} a@${CANARY}.example" <sender@example.org> (${CANARY})`,
  `To: ${CANARY} <one@example.net>, =?utf-8?q?${CANARY}?= <two@example.net>,`,
  ` Group ${CANARY}: three@example.net;`,
  `Cc: ${CANARY} <four@example.net>`,
  `Subject: ${CANARY}`,
  `Date: Thu, 01 Jan 2026 10:00:00 +0100 (${CANARY})`,
  "Message-ID: <m1@example.org>",
  `X-Other: ${CANARY}`,
  `Content-Type: text/plain; name="${CANARY}.txt"`,
  "",
  `${CANARY} body`,
].join("\r\n");

const RECIPIENT: DsnRecipient = {
  address: "one@example.net",
  orcpt: { type: "rfc822", address: "Alias@example.net" },
  status: "5.1.1",
  code: "PST-DEC-004",
  replyCode: 550,
  host: "mx.example.net",
};

const AT = Date.UTC(2026, 0, 1, 9, 30);
const INPUT: DelayDsnInput = {
  id: "01KDWZ0000000000000000000A",
  hostname: "gate.example.org",
  from: "postmaster@example.org",
  to: "sender@example.org",
  queueId: "01KDWZ0000000000000000000Q",
  arrivedAt: AT,
  now: AT + 60_000,
  envid: "env+id",
  original: readOriginalFacts(Buffer.from(HEADER)),
  recipients: [RECIPIENT],
  until: AT + 86_400_000,
};
const HELD: HeldNoticeInput = { ...INPUT, recipients: [{ address: "one@example.net", code: "PST-DEC-001" }] };

function scan(bytes: Buffer): MimeStructure {
  const scanner = new MimeScanner({ depthMax: 5, partsMax: 10, headerBytesMax: 10_000 });
  scanner.push(bytes);
  return scanner.end();
}

/** mailparser adds a delivery status to the text, so its lines are read by offsets. */
function part(bytes: Buffer, type: string): string {
  const found = scan(bytes).root.children.find((child) => child.contentType === type);
  if (found === undefined) return "";
  const body = decodeBody(bytes.subarray(found.bodyStart, found.bodyEnd), found);
  return body.kind === "text" ? body.text : "";
}

const ALL: readonly (readonly [string, (to: string | null) => Buffer])[] = [
  ["failure DSN", (to) => composeFailureDsn({ ...INPUT, to })],
  ["delay DSN", (to) => composeDelayDsn({ ...INPUT, to })],
  ["success DSN", (to) => composeSuccessDsn({ ...INPUT, to })],
  ["held notice", (to) => composeHeldNotice({ ...HELD, to })],
];

describe.each(ALL)("%s", (_, compose) => {
  test("nothing of the original but addresses, date and id gets in", () => {
    expect(compose("sender@example.org").toString("utf8")).not.toContain(CANARY);
  });

  test("it is 7-bit mail with CRLF and short lines, and says that a machine wrote it", async () => {
    const bytes = compose("sender@example.org");
    expect(scan(bytes)).toMatchObject({ has8bitHeader: false, has8bitBody: false, defects: [] });
    expect(bytes.toString("latin1").replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    const mail = await simpleParser(bytes);
    expect(mail.headers.get("auto-submitted")).toMatch(/^auto-(replied|generated)$/);
    expect(mail.to).toMatchObject({ value: [{ address: "sender@example.org" }] });
    expect(mail.from?.value[0]?.address).toBe("postmaster@example.org");
    expect(mail.messageId).toBe("<01KDWZ0000000000000000000A@gate.example.org>");
    expect(mail.inReplyTo).toBe("<m1@example.org>");
    expect(mail.text).toContain("<one@example.net>");
    expect(mail.text).toContain("01KDWZ0000000000000000000Q");
  });

  test.each([[null], [""], ["a@b>\r\nBcc: <x@y"], ["a@b\u0000c"], ['"a"b>@c'], ["a@b>, <c@d"]])(
    "it is never composed for %j",
    (to) => {
      expect(() => compose(to)).toThrow(/report/);
    },
  );

  test.each([['"john doe"@example.org'], ['"a<b>\\"c"@example.org'], ['""@[192.0.2.1]'], ["a@b"]])(
    "%s is a sender like any other",
    (to) => {
      expect(compose(to).toString()).toContain(`To: <${to}>\r\n`);
    },
  );
});

describe("delivery status", () => {
  test("a failure carries the fields of RFC 3464", async () => {
    const bytes = composeFailureDsn(INPUT);
    const mail = await simpleParser(bytes);
    expect(mail.text).toContain("Final-Recipient: rfc822; one@example.net");
    expect(mail.headers.get("content-type")).toMatchObject({
      value: "multipart/report",
      params: { "report-type": "delivery-status" },
    });
    expect(part(bytes, "message/delivery-status").trim().split("\r\n")).toEqual([
      "Original-Envelope-Id: env+id",
      "Reporting-MTA: dns; gate.example.org",
      "Arrival-Date: Thu, 01 Jan 2026 09:30:00 +0000",
      "",
      "Original-Recipient: rfc822; Alias@example.net",
      "Final-Recipient: rfc822; one@example.net",
      "Action: failed",
      "Status: 5.1.1",
      "Remote-MTA: dns; mx.example.net",
      "Diagnostic-Code: smtp; 550 5.1.1",
      "Last-Attempt-Date: Thu, 01 Jan 2026 09:31:00 +0000",
    ]);
  });

  test("the third part holds four fields and bare addresses", () => {
    expect(part(composeFailureDsn(INPUT), "text/rfc822-headers").trim().split("\r\n")).toEqual([
      "From: <sender@example.org>",
      "To: <one@example.net>,",
      " <two@example.net>,",
      " <three@example.net>",
      "Date: Thu, 01 Jan 2026 10:00:00 +0100",
      "Message-ID: <m1@example.org>",
    ]);
  });

  test("delay and success name their action, several recipients have a block each", () => {
    const delayed = composeDelayDsn({ ...INPUT, recipients: [RECIPIENT, { ...RECIPIENT, address: "z@example.com" }] });
    const status = part(delayed, "message/delivery-status");
    expect(status.match(/Action: delayed/g)).toHaveLength(2);
    expect(status).toContain("Will-Retry-Until: Fri, 02 Jan 2026 09:30:00 +0000");
    expect(status).toContain("Final-Recipient: rfc822; z@example.com");
    const success = composeSuccessDsn({
      ...INPUT,
      recipients: [{ ...RECIPIENT, status: "2.0.0", code: null, replyCode: null, host: null, orcpt: null }],
    });
    expect(part(success, "message/delivery-status")).toContain(
      "Action: relayed\r\nStatus: 2.0.0\r\nDiagnostic-Code: x-postern; 2.0.0",
    );
  });

  test("addresses beyond ASCII are escaped in the status and whole in the headers", async () => {
    const original = readOriginalFacts(Buffer.from("From: Ä <jürgen@example.org>\r\n\r\n"));
    const bytes = composeFailureDsn({
      ...INPUT,
      original,
      recipients: [{ ...RECIPIENT, address: "用户@example.net", orcpt: null }],
    });
    expect(scan(bytes)).toMatchObject({ has8bitHeader: false, has8bitBody: false });
    const mail = await simpleParser(bytes);
    expect(part(bytes, "message/delivery-status")).toContain("Final-Recipient: utf-8; \\x{7528}\\x{6237}@example.net");
    expect(part(bytes, "message/global-headers")).toContain("From: <jürgen@example.org>");
    expect(mail.text).toContain("<用户@example.net>");
  });

  test("a recipient with a quoted local part is named as it is", () => {
    const recipients = [{ ...RECIPIENT, address: '"<x>"@example.net' }] as const;
    const text = composeFailureDsn({ ...INPUT, recipients }).toString();
    expect(text).toContain('Final-Recipient: rfc822; "<x>"@example.net\r\n');
  });

  test("what a submitter put into envelope parameters cannot add lines", () => {
    const text = composeFailureDsn({
      ...INPUT,
      envid: "x\r\nSubject: injected",
      recipients: [
        {
          ...RECIPIENT,
          address: "a@b\r\n\r\ninjected",
          orcpt: { type: "x\r\n", address: "y\r\ninjected: 1" },
          host: "h\r\ninjected: 2",
        },
      ],
    }).toString();
    expect(text).not.toMatch(/^injected|^Subject: injected/m);
  });
});

test("the held notice names the deadline and why", async () => {
  const mail = await simpleParser(composeHeldNotice(HELD));
  expect(mail.headers.get("auto-submitted")).toBe("auto-generated");
  expect(mail.text).toContain("Fri, 02 Jan 2026 09:30:00 +0000");
  expect(mail.text).toContain("PST-DEC-001");
  expect(mail.subject).toBe("Your message is held");
});

test("dates and ids that are no dates and ids are left out", () => {
  const facts = readOriginalFacts(
    Buffer.from(`Date: ${CANARY}\r\nMessage-ID: <${CANARY} x@y>\r\nFrom: ${CANARY}\r\n\r\n`),
  );
  expect(facts).toEqual({ from: [], to: [], date: null, messageId: null });
});
