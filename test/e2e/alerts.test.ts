/** Alerts of a real gateway: by log, audit, mail and web hook, once each, and without anything a mail said. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AlertNotice } from "../../src/core/alert.ts";
import type { EventBody } from "../../src/core/event.ts";
import { leaksIn } from "../support/canary.ts";
import { eventually, mail, World } from "../support/world.ts";

const DAY_MS = 86_400_000;
const SENDER = "canary.nurse@clinic.test";
const PHI = [
  `From: ${SENDER}`,
  "Subject: canary-subject",
  "",
  "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.",
];
const WORDS = ["canary", "John Smith", "219-09-9997", "48210377"];

let hook: Server;
const notices: AlertNotice[] = [];
const bodies: string[] = [];
let world: World;

beforeAll(async () => {
  hook = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      bodies.push(text);
      notices.push(JSON.parse(text) as AlertNotice);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  world = await World.start({
    zone: {
      "plain.test": { MX: [[10, "mx.plain.test"]] },
      "falling.test": { MX: [[10, "mx.falling.test"]] },
      "ops.test": { MX: [[10, "mx.ops.test"]] },
      "clinic.test": { MX: [[10, "mx.ops.test"]] },
    },
    servers: [
      { name: "mx.ops.test", address: "127.0.0.2", certificate: "valid" },
      { name: "mx.plain.test", address: "127.0.0.3", certificate: "none" },
      { name: "mx.falling.test", address: "127.0.0.4", certificate: "valid" },
    ],
    config: {
      alerts: {
        mail: ["first@ops.test", "second@ops.test"],
        webhook: { url, secret: "file:keys/addresses.key" },
        volume: { messages_min: 3, factor: 2 },
      },
    },
  });
}, 60_000);
afterAll(async () => {
  await world.close();
  hook.closeAllConnections();
  hook.close();
});

function told(code: string): readonly AlertNotice[] {
  return notices.filter((notice) => notice.code === code);
}

async function toldOnce(code: string, state: AlertNotice["state"] = "raised"): Promise<AlertNotice> {
  return eventually(async () => told(code).find((notice) => notice.state === state) ?? null);
}

/** Alert mails about this code. */
function mailed(code: string): readonly string[] {
  return world
    .server("mx.ops.test")
    .transactions.map(({ bytes }) => bytes.toString("latin1"))
    .filter((text) => /^To: <first@ops\.test>/m.test(text) && text.includes(`(${code})`));
}

async function alertRows(code: string): Promise<readonly Extract<EventBody, { kind: "alert" }>[]> {
  const rows = await world.postern.store.auditPage(1, 100_000);
  const events = rows.map(({ body }) => JSON.parse(body) as EventBody);
  return events.flatMap((event) => (event.kind === "alert" && event.code === code ? [event] : []));
}

async function hold(rcptTo: string): Promise<string> {
  const id = await world.accept({ mailFrom: SENDER, rcptTo: [rcptTo], bytes: mail(PHI) });
  await world.settled(id, ["held"]);
  return id;
}

describe("a message is held", () => {
  let id = "";

  test("the web hook is told at once, with the message as an example", async () => {
    id = await hold("canary.one@plain.test");
    expect(await toldOnce("PST-DEC-001")).toMatchObject({ state: "raised", count: 1, messages: [id] });
  });

  test("operators get one mail to all of them, from nobody who could be answered", async () => {
    const [text = ""] = await eventually(async () => (mailed("PST-DEC-001").length > 0 ? mailed("PST-DEC-001") : null));
    expect(text).toContain("To: <first@ops.test>,\r\n <second@ops.test>");
    expect(text).toContain("Auto-Submitted: auto-generated");
    expect(text).toContain(`postern trace ${id}`);
    const envelopes = world
      .server("mx.ops.test")
      .transactions.filter(({ rcptTo }) => rcptTo.includes("first@ops.test"))
      .map(({ mailFrom, rcptTo }) => [mailFrom, rcptTo.toSorted()]);
    expect(envelopes).toEqual([["", ["first@ops.test", "second@ops.test"]]]);
  });

  test("nine more are counted and told of once", async () => {
    for (let n = 0; n < 9; n += 1) await hold(`canary.${n}@plain.test`);
    expect(told("PST-DEC-001").length).toBe(1);
    world.advance(5 * 3_600_000);
    await world.postern.watching.look();
    expect(await toldOnce("PST-DEC-001", "again")).toMatchObject({ count: 10 });
  });

  test("the audit has the rows of the stage, and one for the repetition alone", async () => {
    const rows = await eventually(async () => {
      const found = await alertRows("PST-DEC-001");
      return found.some(({ state }) => state === "again") ? found : null;
    });
    expect(rows.filter(({ state }) => state === undefined).length).toBe(10);
    expect(rows.filter(({ state }) => state !== undefined)).toEqual([
      { kind: "alert", code: "PST-DEC-001", state: "again", count: 10, facts: {} },
    ]);
  });

  test("it stands among the alerts", () => {
    expect(world.postern.watching.alerts().map(({ code }) => code)).toContain("PST-DEC-001");
  });
});

describe("a condition begins and ends", () => {
  test("a refused reload is told, and resolved by one that is taken", async () => {
    await world.postern.tellReloadRefused();
    await toldOnce("PST-CFG-002");
    await world.postern.reload(world.postern.config());
    await toldOnce("PST-CFG-002", "resolved");
    const rows = await eventually(async () => {
      const found = await alertRows("PST-CFG-002");
      return found.length === 2 ? found : null;
    });
    expect(rows.map(({ state }) => state)).toEqual(["raised", "resolved"]);
  });

  test("a sender and its submitter that suddenly send much more are told of, by name and by hash", async () => {
    await world.postern.watching.look();
    for (let n = 0; n < 25; n += 1) {
      const bytes = mail([`From: ${SENDER}`, "Subject: Lunch", "", "At noon."]);
      await world.accept({ mailFrom: SENDER, rcptTo: ["a@falling.test"], bytes });
    }
    await world.postern.watching.look();
    await toldOnce("PST-MON-024");
    const spikes = await eventually(async () => (told("PST-MON-024").length > 1 ? told("PST-MON-024") : null));
    const names = spikes.map(({ facts }) => facts["submitter"] ?? facts["sender"]);
    expect(names).toEqual(["local", expect.stringMatching(/^[0-9a-f]{32}$/)]);
  });

  test("a server that gave verified TLS and now has none", async () => {
    await world.arrived("mx.falling.test", 25);
    world.internet.dns.setRecord("mx.falling.test", { A: ["127.0.0.3"] });
    const bytes = mail([`From: ${SENDER}`, "Subject: Lunch", "", "At noon."]);
    const id = await world.accept({ mailFrom: SENDER, rcptTo: ["b@falling.test"], bytes });
    await world.settled(id, ["delivered"]);
    expect(await toldOnce("PST-MON-027")).toMatchObject({ facts: { from: "pkix", to: "plain" }, messages: [id] });
  });

  test("a certificate that ends soon, and then very soon", async () => {
    world.advance(20 * DAY_MS);
    await world.postern.watching.look();
    await toldOnce("PST-MON-022");
    world.advance(8 * DAY_MS);
    await world.postern.watching.look();
    await toldOnce("PST-MON-022", "resolved");
    expect(told("PST-MON-022").map(({ state, facts }) => `${state} ${facts["level"]}`)).toEqual([
      "raised soon",
      "raised urgent",
      "resolved soon",
    ]);
  });
});

describe("nothing of mail is in an alert", () => {
  test("not in the web hook, not in the mail, not in the log", () => {
    const mails = world
      .server("mx.ops.test")
      .transactions.map(({ bytes }) => bytes.toString("latin1"))
      .filter((text) => /^To: <first@ops\.test>/m.test(text));
    const lines = world.log.filter((line) => line.includes('"event":"alert"'));
    expect([bodies.length, mails.length, lines.length].every((count) => count >= 6)).toBe(true);
    expect(leaksIn([...bodies, ...mails, ...lines].join("\n"), WORDS)).toEqual([]);
    expect(bodies.join("\n")).not.toMatch(/@|falling|plain\.test/);
  });
});
