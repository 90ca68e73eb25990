import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { OpensslDialog } from "../support/peers-openssl.ts";
import { LATE, RelayPath, startLate } from "../support/peers-path.ts";
import { readReport } from "../support/peers-report.ts";
import { peers } from "../support/peers.ts";
import { eventually, mail } from "../support/world.ts";

const postfix = peers("postfix", "openssl");
const PHI = "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.";
const MINUTE_MS = 60_000;

let path: RelayPath;

function send(from: string, to: string, lines: readonly string[] = ["Subject: Lunch", "", "Noon."]): Promise<unknown> {
  return path.send({ mailFrom: from, rcptTo: [to], bytes: mail([`From: ${from}`, `To: ${to}`, ...lines]) });
}

function settled(address: string, state: StoredRecipient["state"]): Promise<StoredRecipient> {
  return eventually(async () => {
    const [recipient] = await path.world.postern.store.recipients({ address, limit: 1 });
    return recipient?.state === state && recipient.lease === null ? recipient : null;
  });
}

describe.skipIf(postfix.areMissing)(`a Postfix that does not take what it is offered${postfix.note}`, () => {
  beforeAll(async () => {
    path = await RelayPath.start();
  });
  afterAll(() => path.close());

  test("what is larger than its SIZE fails before it is sent, and the sender is told why", async () => {
    await send("large@clinic.test", "box@tiny.test", [
      "Subject: Large",
      "",
      ...Array.from({ length: 400 }, () => "x".repeat(70)),
    ]);
    const [delivery] = await path.arrived("large@clinic.test");
    const { status } = await readReport(delivery);
    expect(status).toContain("Final-Recipient: rfc822; box@tiny.test");
    expect(status).toContain("Status: 5.3.4");
    expect(path.behind.log.includes("message file too big")).toBe(false);
  });

  test("what fits its SIZE by a little arrives with our trace fields", async () => {
    const lines = Array.from({ length: 250 }, () => "x".repeat(70));
    await send("fits@clinic.test", "fits@tiny.test", ["Subject: Fits", "", ...lines]);
    const [delivery] = await path.arrived("fits@tiny.test");
    expect(delivery.bytes.toString()).toContain("by mx.tiny.test (Postfix) with ESMTPS id");
  });

  test("a refusal after the final dot is reported with its code, and its words go nowhere", async () => {
    await send("content@clinic.test", "box@verified.test", ["Subject: unwanted-canary-8841", "", "Noon."]);
    const [delivery] = await path.arrived("content@clinic.test");
    const { raw, status } = await readReport(delivery);
    expect(status).toContain("Action: failed");
    expect(status).toContain("Status: 5.7.1");
    expect(status).toContain("Diagnostic-Code: smtp; 550 5.7.1");
    expect(path.behind.log.includes("unwanted-canary-8841")).toBe(true);
    expect(raw).not.toContain("canary");
    expect(path.world.log.join("")).not.toContain("canary");
  });

  test("REQUIRETLS, which Postfix does not offer, sends the message back instead of on", async () => {
    const dialog = new OpensslDialog(path.world.postern.address(), `${path.world.folder}/ca.pem`);
    try {
      await dialog.ask("EHLO client.test\r\n");
      await dialog.ask("MAIL FROM:<strict@clinic.test> REQUIRETLS\r\n");
      await dialog.ask("RCPT TO:<strict@verified.test>\r\n");
      expect(await dialog.ask("BDAT 14 LAST\r\nSubject: x\r\n\r\n")).toMatch(/^250 2\.0\.0 queued as /);
    } finally {
      await dialog.close();
    }
    const failed = await settled("strict@verified.test", "failed");
    expect(failed.lastCode).toBe("PST-DEC-005");
    expect(path.behind.deliveriesTo("strict@verified.test")).toHaveLength(0);
  });

  test("with a self-signed certificate it gets clean mail under TLS, and PHI is held before it", async () => {
    await send("clean@clinic.test", "clean@selfsigned.test");
    const [clean] = await path.arrived("clean@selfsigned.test");
    expect(clean.bytes.toString()).toContain("by mx.selfsigned.test (Postfix) with ESMTPS id");
    await send("phi@clinic.test", "phi@selfsigned.test", ["Subject: Results", "", PHI]);
    expect(await settled("phi@selfsigned.test", "held")).toMatchObject({ lastCode: "PST-DEC-001" });
    expect(path.behind.deliveriesTo("phi@selfsigned.test")).toHaveLength(0);
  });

  test("that is down at first gets the message once it is up", async () => {
    await send("patient@clinic.test", `box@${LATE.domain}`);
    expect(await settled(`box@${LATE.domain}`, "deferred")).toMatchObject({ lastCode: "PST-DLV-001" });
    const late = await startLate(path.world);
    try {
      path.world.advance(2 * MINUTE_MS);
      await eventually(async () => (late.deliveriesTo(`box@${LATE.domain}`).length > 0 ? true : null));
      await settled(`box@${LATE.domain}`, "delivered");
    } finally {
      await late.stop();
    }
  });

  test("a hundred messages at once arrive once each", async () => {
    const addresses = Array.from(
      { length: 100 },
      (_, index) => `each${index}@${index % 2 === 0 ? "verified" : "silent"}.test`,
    );
    await Promise.all(addresses.map((to) => send("many@clinic.test", to)));
    const arrived = await eventually(async () => {
      const all = path.behind.deliveries.filter(({ originalTo }) => originalTo.startsWith("each"));
      return all.length >= addresses.length ? all : null;
    });
    expect(arrived.map(({ originalTo }) => originalTo).toSorted()).toEqual(addresses.toSorted());
    await Promise.all(addresses.map((address) => settled(address, "delivered")));
  });

  test("never had to refuse a command of ours as unlawful", () => {
    expect(path.behind.log).not.toMatch(/improper command pipelining|bare <LF>|Helo command rejected|syntax error/i);
  });
});
