/** A sender's wish to do without protection, by a tag in the subject: whose counts, for what, and what is told of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import type { Control } from "../../src/parts/control/control.ts";
import { openDoor, PEOPLE_CONFIG, PEOPLE_TIMEOUT_MS, runAs } from "../support/people.ts";
import { RULE_PACK } from "../support/rule-pack.ts";
import { mail, World } from "../support/world.ts";

vi.setConfig({ testTimeout: PEOPLE_TIMEOUT_MS, hookTimeout: PEOPLE_TIMEOUT_MS });
const ROOT = { user: "root", uid: 0, sudoUser: null } as const;
let world: World;
let control: Control;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-waiver-"));
  writeFileSync(join(folder, "acts.yaml"), RULE_PACK);
  world = await World.start({
    zone: { "clear.test": { MX: [[10, "mx.clear.test"]] }, "clinic.test": { MX: [[10, "mx.clinic.test"]] } },
    servers: [
      { name: "mx.clear.test", address: "127.45.0.2", certificate: "none" },
      { name: "mx.clinic.test", address: "127.45.0.3", certificate: "valid" },
    ],
    packs: [join(folder, "acts.yaml")],
    config: {
      ...PEOPLE_CONFIG,
      dlp: { packs: [join(folder, "acts.yaml")], notify: ["r@clinic.test"], copy_to: ["c@clinic.test"] },
    },
  });
  control = await openDoor(world);
});

afterAll(async () => {
  await control.close();
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

type Waiver = {
  readonly subject_tags?: readonly string[];
  readonly senders?: readonly string[];
  readonly approval?: boolean;
};

/** As an operator does it: the file changes, and the service takes it over. */
async function configure(waiver: Waiver): Promise<void> {
  const config = JSON.parse(readFileSync(world.configPath, "utf8")) as { dlp: object };
  writeFileSync(world.configPath, JSON.stringify({ ...config, dlp: { ...config.dlp, waiver } }));
  const environment = nodeConfigEnvironment({ variables: {}, hostname: "test.invalid", now: Date.now() });
  const loading = loadConfig(world.configPath, environment);
  if (!loading.ok) throw new Error(JSON.stringify(loading.errors));
  await world.postern.reload(loading.config);
}

const BEHIND = "not behind other words of the subject";
const AUTHOR = "not for another author";
let count = 0;
type Sent = { readonly id: string; readonly mark: string; readonly recipient: StoredRecipient };

type How = {
  readonly subject?: string;
  readonly from?: string;
  readonly author?: string;
  readonly further?: readonly string[];
};

async function send(words: string, how: How = {}): Promise<Sent> {
  const { subject = "[no-phi] rota", from = "lab@clinic.test", further = [] } = how;
  const { author = `<${from}>` } = how;
  const mark = `mark${++count}end`;
  const bytes = mail([`From: ${author}`, `Subject: ${subject}`, ...further, "", `${words} ${mark}`]);
  const id = await world.accept({ mailFrom: from, rcptTo: ["x@clear.test"], bytes });
  const [recipient] = await world.settled(id);
  if (recipient === undefined) throw new Error("nobody");
  return { id, mark, recipient };
}

const arrived = (mark: string): readonly string[] =>
  world
    .server("mx.clear.test")
    .transactions.map(({ bytes }) => bytes.toString())
    .filter((text) => text.includes(mark));

async function effectOf(id: string): Promise<readonly string[]> {
  const rows = await world.audit(id);
  return rows.flatMap(({ event }) =>
    event.kind === "planned"
      ? event.reasons.flatMap((reason) => (reason.kind === "sender-waiver" ? [reason.effect] : []))
      : [],
  );
}

describe("where nobody is named, which is the default", () => {
  test("the tag is a word like any other: the mail is protected, and the tag stays", async () => {
    const { id, recipient } = await send("protectword");
    expect(recipient).toMatchObject({ state: "held", lastCode: "PST-DEC-001" });
    expect(await effectOf(id)).toEqual([]);
    const clean = await send("hello");
    expect(arrived(clean.mark)[0]).toContain("Subject: [no-phi] rota");
  });
});

describe("without approval", () => {
  beforeEach(() =>
    configure({ subject_tags: ["[no-phi]"], senders: ["lab@clinic.test", ".press.clinic.test"], approval: false }),
  );

  test.each(["lab@clinic.test", "LAB@clinic.test", '"lab"@clinic.test', "any@desk.press.clinic.test"])(
    "a named sender's mail goes without, the tag removed and the audit told: %s",
    async (from) => {
      const { id, mark, recipient } = await send("protectword", { from });
      expect(recipient.state).toBe("delivered");
      expect(arrived(mark)[0]).toContain("Subject: rota");
      expect(await effectOf(id)).toEqual(["granted"]);
      const rows = await world.audit(id);
      expect(rows.find(({ kind }) => kind === "inspected")?.event).toMatchObject({ findings: { waiverAsked: true } });
    },
  );

  test("a tag hidden in an encoded word counts and is removed as any other", async () => {
    const subject = `=?UTF-8?B?${Buffer.from("[NO-PHI] räume").toString("base64")}?=`;
    const { mark, recipient } = await send("protectword", { subject });
    expect(recipient.state).toBe("delivered");
    expect(arrived(mark)[0]?.toLowerCase()).not.toContain("no-phi");
    expect(arrived(mark)[0]).toContain(Buffer.from("räume").toString("base64"));
  });

  test.each([
    ["a sender who is not named", "protectword", { from: "nurse@clinic.test" }, "not for this sender", "PST-DEC-001"],
    ["tier high", "highword protectword", {}, "not for tier high", "PST-DEC-003"],
    [
      "one who asks for protection too",
      "protectword",
      { subject: "[no-phi] [secure] x" },
      "protection asked for too",
      "PST-DEC-001",
    ],
    ["a reply to others", "protectword", { subject: "Re: [no-phi] x" }, BEHIND, "PST-DEC-001"],
    [
      "what others wrote, forwarded",
      "protectword",
      { subject: `=?utf-8?q?FW=3A_=5Bno-phi=5D?=` },
      BEHIND,
      "PST-DEC-001",
    ],
    ["a second subject", "protectword", { further: ["subject : [no-phi] x"] }, BEHIND, "PST-DEC-001"],
    ["a tag behind a fold", "protectword", { subject: "Re:\r\n [no-phi]" }, BEHIND, "PST-DEC-001"],
    ["another author", "protectword", { author: "<out@side.test>" }, AUTHOR, "PST-DEC-001"],
    ["two authors", "protectword", { author: "<lab@clinic.test>, <out@side.test>" }, AUTHOR, "PST-DEC-001"],
    ["a second From", "protectword", { further: ["From: <out@side.test>"] }, AUTHOR, "PST-DEC-001"],
    ["an author nobody can read", "protectword", { author: '<lab@clinic.test>, <"@side.test>' }, AUTHOR, "PST-DEC-001"],
    ["a group of nobody", "protectword", { author: "undisclosed:;" }, AUTHOR, "PST-DEC-001"],
    ["what others sent for them", "protectword", { further: ["Sender: <out@side.test>"] }, AUTHOR, "PST-DEC-001"],
    ["a floor that a rule names", "strictword", {}, "nothing it may lower", "PST-DEC-001"],
    ["content protection that a rule asks for", "contentword", {}, "nothing it may lower", "PST-DEC-003"],
  ] as const)("%s stays protected, and the audit says why", async (_name, words, how, effect, code) => {
    const { id, mark, recipient } = await send(words, how);
    expect(recipient).toMatchObject({ state: "held", lastCode: code });
    expect(await effectOf(id)).toEqual([effect]);
    expect(arrived(mark)).toEqual([]);
  });

  test("what could not be inspected stays protected, whatever else was found", async () => {
    const further = ["Content-Type: text/plain; charset=x-nobody-knows", "Content-Transfer-Encoding: 8bit"];
    const { id, recipient } = await send("protectword \u00e4", { further });
    expect(recipient.state).toBe("held");
    expect(await effectOf(id)).toEqual(["not for what could not be inspected"]);
  });

  test("what its sender encrypted in part stays protected: nobody here read the rest", async () => {
    const packets = Buffer.from("c103030102d20401aabbcc", "hex").toString("base64");
    const block = `-----BEGIN PGP MESSAGE-----\r\n\r\n${packets}\r\n-----END PGP MESSAGE-----`;
    const { id, recipient } = await send(`protectword\r\n${block}\r\n`);
    expect(recipient.state).toBe("held");
    expect(await effectOf(id)).toEqual(["not for what could not be inspected"]);
  });

  test("a rule that refuses refuses, and one that holds holds", async () => {
    expect((await send("protectword refuseall")).recipient).toMatchObject({ state: "failed", lastCode: "PST-DEC-030" });
    expect((await send("protectword holdword")).recipient).toMatchObject({ state: "held", lastCode: "PST-DEC-002" });
  });

  test("clean mail loses the tag, from whomever it is", async () => {
    const { mark } = await send("hello", { from: "nurse@clinic.test" });
    expect(arrived(mark)[0]).toContain("Subject: rota");
  });

  test("the start tells that it is allowed, and names nobody", async () => {
    const config = world.postern.config();
    expect(config.allowed).toContain("dlp.waiver (senders: 2)");
    expect(world.log.join("")).not.toContain("lab@clinic.test");
  });
});

describe("with approval", () => {
  beforeEach(() => configure({ subject_tags: ["[no-phi]"], senders: ["lab@clinic.test"] }));

  test("it waits for a reviewer, and goes as its sender asked once released", async () => {
    const { id, mark, recipient } = await send("protectword");
    expect(recipient).toMatchObject({ state: "held", lastCode: "PST-DEC-031" });
    expect(await effectOf(id)).toEqual(["awaits approval"]);
    const listed = await runAs(null, world, "quarantine", "list", "--json");
    expect(listed.output).toContain(recipient.id);
    const shown = await runAs(null, world, "quarantine", "show", id);
    expect(shown.output).toContain("no protection by the sender");
    expect(shown.output).not.toContain(mark);
    const released = await world.postern.review.decide({
      ids: [recipient.id],
      act: "release",
      actor: ROOT,
      reason: "a rota",
    });
    expect(released.done).toEqual([recipient.id]);
    await world.settled(id, ["delivered"]);
    expect(arrived(mark)).toHaveLength(1);
    expect(await effectOf(id)).toEqual(["awaits approval", "granted"]);
  });

  test("refused by the reviewer it never leaves", async () => {
    const { id, mark, recipient } = await send("protectword");
    await world.postern.review.decide({ ids: [recipient.id], act: "refuse", actor: ROOT, reason: "no rota" });
    expect(await world.settled(id, ["failed"])).toMatchObject([{ lastCode: "PST-PIP-009" }]);
    expect(arrived(mark)).toEqual([]);
  });

  test("taken from the sender meanwhile, a release no longer lets it go without", async () => {
    const { id, mark, recipient } = await send("protectword");
    await configure({});
    await world.postern.review.decide({ ids: [recipient.id], act: "release", actor: ROOT, reason: "a rota" });
    expect(await world.settled(id, ["held"])).toMatchObject([{ lastCode: "PST-DEC-001" }]);
    expect(arrived(mark)).toEqual([]);
    expect(await effectOf(id)).toEqual(["awaits approval", "off"]);
  });
});
