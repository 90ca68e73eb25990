/** Corners of the promise: kept connections, shared hosts, operators, changed configuration, and mail that cannot be read. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import type { RecipientId } from "../../src/core/ids.ts";
import { recipientIdOf, toMessageId } from "../../src/core/ids.ts";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { filesUnder, leaksIn } from "../support/canary.ts";
import { protectedMail, quiet, SENDER_HOST, standing, toldTo } from "../support/never-clear-run.ts";
import type { Kind } from "../support/never-clear-run.ts";
import { mail, World } from "../support/world.ts";

const OPERATOR = { user: "op", uid: 1001, sudoUser: null };

const PLAIN = "mx.plain.test";
const SELF_SIGNED = "mx.selfsigned.test";
const SHARED = "mx.shared.test";
const HOUR_MS = 3_600_000;
const PHI = "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.";

let world: World;
beforeAll(async () => {
  world = await World.start({
    zone: {
      "clinic.test": { MX: [[10, SENDER_HOST]] },
      "plain.test": { MX: [[10, PLAIN]] },
      "selfsigned.test": { MX: [[10, SELF_SIGNED]] },
      "one.test": { MX: [[10, SHARED]] },
      "two.test": { MX: [[10, "alias.shared.test"]] },
      "alias.shared.test": { A: ["127.8.0.3"] },
      "down.test": { MX: [[10, "mx.down.test"]] },
    },
    servers: [
      { name: PLAIN, address: "127.8.0.1", certificate: "none" },
      { name: SELF_SIGNED, address: "127.8.0.2", certificate: "self-signed" },
      { name: SHARED, address: "127.8.0.3", certificate: "valid" },
      { name: "mx.down.test", address: "127.8.0.4", certificate: "none" },
      { name: SENDER_HOST, address: "127.8.0.5", certificate: "valid" },
    ],
  });
});
afterAll(() => world.close());

function clean(to: string, text = "See you at noon."): Promise<string> {
  const bytes = mail(["From: clerk@clinic.test", `To: ${to}`, "Subject: Lunch", "", text]);
  return world.accept({ mailFrom: "clerk@clinic.test", rcptTo: [to], bytes });
}

function protectedTo(to: string, canary: string, kind: Kind = "phi"): Promise<string> {
  const bytes = protectedMail(kind, { canary, sender: "nurse@clinic.test", recipient: to });
  return world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes });
}

async function settledStanding(id: string): Promise<string> {
  await quiet(world);
  return standing(world, id);
}

function expectUnseen(server: MxServer, words: readonly string[]): void {
  expect(leaksIn(server.allSeen, words)).toEqual([]);
}

function firstRecipient(id: string): RecipientId {
  return recipientIdOf(toMessageId(id), 1);
}

describe("kept connections", () => {
  test.each([
    ["in the clear", "plain.test", PLAIN],
    ["to a server that proved nothing", "selfsigned.test", SELF_SIGNED],
  ])("one %s, left open by clean mail, carries nothing that needs protection", async (_, domain, host) => {
    const before = world.server(host).connections;
    expect(await settledStanding(await clean(`a@${domain}`))).toBe("delivered -");
    expect(await settledStanding(await protectedTo(`b@${domain}`, "wagtail-reuse"))).toBe("held PST-DEC-001");
    expectUnseen(world.server(host), ["wagtail-reuse", "nurse@clinic.test", `b@${domain}`]);
    expect(world.server(host).connections).toBe(before + 2);
  });

  test("one proven for one domain carries nothing for a domain that names the same server differently", async () => {
    expect(await settledStanding(await protectedTo("a@one.test", "wagtail-one"))).toBe("delivered -");
    expect(await settledStanding(await protectedTo("b@two.test", "wagtail-two"))).toBe("held PST-DEC-001");
    expect(leaksIn(world.server(SHARED).allSeen, ["wagtail-one", "wagtail-two", "b@two.test"])).toEqual([
      "wagtail-one",
    ]);
  });
});

describe("operators", () => {
  test.each(["retry", "release"] as const)(
    "a %s of held mail tries again and never goes below the floor",
    async (action) => {
      const canary = `wagtail-${action}`;
      const id = await protectedTo(`${action}@plain.test`, canary);
      expect(await settledStanding(id)).toBe("held PST-DEC-001");
      for (let round = 0; round < 3; round++) {
        const request = { action, ids: [firstRecipient(id)], actor: OPERATOR, reason: "try" };
        expect((await world.postern.act(request)).done).toHaveLength(1);
        expect(await settledStanding(id)).toBe("held PST-DEC-001");
      }
      expectUnseen(world.server(PLAIN), [canary, `${action}@plain.test`]);
    },
  );

  test("a configuration that lowers the destination later does not lower what was demanded before", async () => {
    const id = await protectedTo("lowered@plain.test", "wagtail-lowered", "tagged");
    expect(await settledStanding(id)).toBe("held PST-DEC-001");
    await reloadWith({
      destinations: [
        {
          match: "plain.test",
          lower_to: { profile: "opportunistic", reason: "agreed with them", expires: "2999-01-01" },
        },
      ],
    });
    await world.postern.act({ action: "retry", ids: [firstRecipient(id)], actor: OPERATOR, reason: "lowered" });
    expect(await settledStanding(id)).toBe("held PST-DEC-001");
    // The rule is in force for what comes after it, or this test would show nothing.
    expect(await settledStanding(await protectedTo("later@plain.test", "wagtail-later", "tagged"))).toBe("delivered -");
    expectUnseen(world.server(PLAIN), ["wagtail-lowered"]);
    await reloadWith({});
  });
});

async function reloadWith(policy: Readonly<Record<string, unknown>>): Promise<void> {
  const text = JSON.parse(readFileSync(world.configPath, "utf8")) as Record<string, unknown>;
  writeFileSync(world.configPath, JSON.stringify({ ...text, policy }));
  const loading = loadConfig(
    world.configPath,
    nodeConfigEnvironment({ variables: {}, hostname: "x.test", now: Date.now() }),
  );
  if (!loading.ok) throw new Error("the changed configuration is not valid");
  await world.postern.reload(loading.config);
}

/** Each holds the same PHI where a lax reader would still show it to a person. */
const BROKEN_MAILS: readonly (readonly [name: string, lines: readonly string[]])[] = [
  ["a boundary that never ends", ['Content-Type: multipart/mixed; boundary="b"', "", "--b", "", PHI]],
  ["no boundary parameter", ["Content-Type: multipart/mixed", "", "--b", "", PHI, "--b--"]],
  [
    "text behind the closing boundary",
    ['Content-Type: multipart/mixed; boundary="b"', "", "--b", "", "Hi.", "--b--", PHI],
  ],
  [
    "text before the first boundary",
    ['Content-Type: multipart/mixed; boundary="b"', "", PHI, "--b", "", "Hi.", "--b--"],
  ],
  ["base64 that is none", ["Content-Transfer-Encoding: base64", "", PHI]],
  [
    "base64 broken by other characters",
    ["Content-Transfer-Encoding: base64", "", `!!${base64(PHI).replace(/(.{7})/g, "$1*")}`],
  ],
  ["an unknown transfer encoding", ["Content-Transfer-Encoding: x-uuencode", "", PHI]],
  ["an unknown charset", ["Content-Type: text/plain; charset=x-none", "", PHI]],
  [
    "UTF-16 in base64",
    ["Content-Type: text/plain; charset=utf-16le", "Content-Transfer-Encoding: base64", "", utf16(PHI)],
  ],
  [
    "UTF-16 in base64 that says it is ASCII",
    ["Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", utf16(PHI)],
  ],
  ["two content types", ["Content-Type: image/png", "Content-Type: text/plain", "", PHI]],
  ["text that calls itself an image", ["Content-Type: image/png", "", PHI]],
  ["text that calls itself encrypted", ["Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "", PHI]],
  [
    "a subject cut into encoded words",
    ["Subject: =?utf-8?B?UGF0aWVudCBTU04g?= =?utf-8?Q?219-09-9997_diagnosed_with_diabetes?=", "", "Hi."],
  ],
  ["a header that is no header", ["This is no header", PHI]],
  ["a message in a message", ["Content-Type: message/rfc822", "", "Subject: in", "", PHI]],
  ["nesting beyond the limit", nested(60)],
  [
    "a percent-encoded HTML mail without a tag closed",
    ["Content-Type: text/html", "", `<p <div <b>${PHI.split("").join("<wbr>")}`],
  ],
];

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

function utf16(text: string): string {
  return Buffer.from(text, "utf16le").toString("base64");
}

function nested(depth: number): readonly string[] {
  const heads = Array.from({ length: depth }, (_, level) => [
    `Content-Type: multipart/mixed; boundary="n${level}"`,
    "",
    `--n${level}`,
  ]);
  return [...heads.flat(), "Content-Type: text/plain", "", PHI];
}

describe("mail that is damaged or lies about itself", () => {
  test.each(BROKEN_MAILS)("%s is protected", async (name, lines) => {
    const to = `broken${BROKEN_MAILS.findIndex(([other]) => other === name)}@plain.test`;
    const head = ["From: nurse@clinic.test", `To: ${to}`, "MIME-Version: 1.0", "X-Canary: wagtail-broken"];
    const bytes = mail([...head, ...lines]);
    expect(await settledStanding(await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes }))).toBe(
      "held PST-DEC-001",
    );
    expectUnseen(world.server(PLAIN), ["wagtail-broken", "219-09-9997"]);
  });

  test("mail whose stored bytes were damaged before it was inspected waits with its code, and its sender is told in the end", async () => {
    world.server("mx.down.test").setBehaviour({ faults: { connect: { kind: "drop-before" } } });
    const id = await clean("c@down.test", "wagtail-damaged");
    expect(await settledStanding(id)).toBe("deferred PST-DLV-002");
    await world.stopGateway();
    forgetFindings(id);
    damageSpool();
    world.server("mx.down.test").setBehaviour({});
    await world.startGateway();
    world.advance(HOUR_MS);
    expect(await settledStanding(id)).toBe("deferred PST-SPL-003");
    world.advance(49 * HOUR_MS);
    expect(await settledStanding(id)).toBe("failed PST-PIP-001");
    expect(toldTo(world, "clerk@clinic.test")).toContain("Your message could not be delivered");
    expectUnseen(world.server("mx.down.test"), ["wagtail-damaged"]);
  });
});

/** As if the service had died between 250 and inspection. */
function forgetFindings(id: string): void {
  const db = new Database(join(world.folder, "data", "gateway.db"));
  db.prepare("UPDATE message SET sealed_findings = NULL WHERE id = ?").run(id);
  db.prepare("UPDATE recipient SET sealed_plan = NULL, step_index = 0 WHERE message_id = ?").run(id);
  db.close();
}

/** Bits in each stored body; the copies that the database keeps of the last ones are gone. */
function damageSpool(): void {
  const db = new Database(join(world.folder, "data", "gateway.db"));
  db.prepare("DELETE FROM redo").run();
  db.close();
  for (const { path, bytes } of filesUnder(join(world.folder, "data", "spool"))) {
    for (let at = 40; at < bytes.length; at += 64) bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }
}
