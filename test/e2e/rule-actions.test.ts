/** What rules do to mail, each through the running gateway: who is concerned, what wins, what goes out beside it, what is told. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { arm } from "../../src/core/failpoint.ts";
import { armFailpoints, parseFailpoints } from "../../src/parts/failpoint/arm-failpoints.ts";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { PackError } from "../../src/rule-packs.ts";
import { tellStory } from "../../src/stages/audit/story.ts";
import type { EventBody } from "../../src/core/event.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { RULE_PACK } from "../support/rule-pack.ts";
import { eventually, mail, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
let world: World;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-acts-"));
  writeFileSync(join(folder, "acts.yaml"), RULE_PACK);
  const names = ["a.test", "b.test", "clear.test", "clinic.test", "vault.test", "raised.test"];
  world = await World.start({
    zone: Object.fromEntries(names.map((name) => [name, { MX: [[10, `mx.${name}`]] }])),
    servers: names.map((name, index) => ({
      name: `mx.${name}`,
      address: `127.44.0.${index + 2}`,
      certificate: name === "clear.test" || name === "vault.test" ? "none" : "valid",
    })),
    packs: [join(folder, "acts.yaml")],
    config: {
      policy: { destinations: [{ match: "raised.test", raise_to: "standard" }] },
      dlp: {
        packs: [join(folder, "acts.yaml")],
        copy_to: ["compliance@vault.test"],
        notify: ["reviewers@clinic.test"],
        notices_per_hour_max: 4,
      },
    },
  });
});

afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;

type Sent = { readonly id: string; readonly by: Readonly<Record<string, StoredRecipient>>; readonly mark: string };

async function send(words: string, rcptTo: readonly string[], from = "nurse@clinic.test"): Promise<Sent> {
  return sendBehind([], { words, rcptTo, from });
}

type Wanted = { readonly words: string; readonly rcptTo: readonly string[]; readonly from: string };

/** With these lines before the header. */
async function sendBehind(first: readonly string[], { words, rcptTo, from }: Wanted): Promise<Sent> {
  const mark = `mark${++count}end`;
  const lines = [
    ...first,
    `From: <${from}>`,
    "To: undisclosed:;",
    "Subject: note",
    `Message-ID: <${mark}@clinic.test>`,
  ];
  const id = await world.accept({ mailFrom: from, rcptTo, bytes: mail([...lines, "", `${words} ${mark}`]) });
  const recipients = await world.settled(id);
  return { id, mark, by: Object.fromEntries(recipients.map((each) => [each.recipient.mailbox.address, each])) };
}

function taken(server: string, mark: string): readonly string[] {
  return world
    .server(`mx.${server}`)
    .transactions.map(({ bytes }) => bytes.toString())
    .filter((text) => text.includes(mark));
}

/** Those of one sender, or of the reviewers, that speak of a message. */
function toldOf(id: string, whom: string): readonly string[] {
  return world
    .server("mx.clinic.test")
    .transactions.filter(({ rcptTo }) => rcptTo.includes(whom))
    .map(({ bytes }) => bytes.toString())
    .filter((text) => text.includes(id));
}

const untilTold = (id: string, whom: string, least = 1): Promise<readonly string[]> =>
  eventually(async () => {
    const told = toldOf(id, whom);
    return told.length >= least ? told : null;
  });

async function events(id: string, kind: EventBody["kind"]): Promise<readonly EventBody[]> {
  return (await world.audit(id)).filter((row) => row.kind === kind).map(({ event }) => event);
}

/** The copies for compliance of one message. */
async function copiesOf(id: string): Promise<readonly StoredRecipient[]> {
  const children = (await events(id, "child")).flatMap((event) => (event.kind === "child" ? [event] : []));
  const copies = children.filter(({ child }) => child === "copy").map(({ messageId }) => messageId);
  return (await Promise.all(copies.map((copy) => world.settled(copy)))).flat();
}

describe("pass and tag", () => {
  test("a rule that passes only counts: the mail goes as it came, and the audit names the rule", async () => {
    const { id, by, mark } = await send("password1", ["x@clear.test"]);
    expect(by["x@clear.test"]).toMatchObject({ state: "delivered" });
    expect(taken("clear.test", mark)[0]).not.toContain("X-Postern-Tag");
    const [inspected] = await events(id, "inspected");
    expect(inspected).toMatchObject({ findings: { verdict: "clean", hits: [{ rule: "r.password1", tier: "none" }] } });
  });

  test("tags stand on the copies of those the rule concerns, and on no others of the same mail", async () => {
    const { mark } = await send("tagword wardword", ["tagged@a.test", "other@a.test", "x@b.test"]);
    const tagsOf = (text: string): readonly string[] =>
      [...text.matchAll(/^X-Postern-Tag: (.*)\r$/gm)].map((match) => match[1] ?? "");
    expect(
      taken("a.test", mark)
        .map(tagsOf)
        .toSorted((x, y) => x.length - y.length),
    ).toEqual([["Ward 7"], ["PHI", "Ward 7"]]);
    expect(taken("b.test", mark).map(tagsOf)).toEqual([["Ward 7"]]);
  });
});

describe("protection", () => {
  test.each([
    ["protectword", "PST-DEC-001", "delivered"],
    ["contentword", "PST-DEC-003", "held"],
    ["highword", "PST-DEC-003", "held"],
    ["portalword", "PST-DEC-032", "held"],
  ])("%s keeps the mail from a server below its floor", async (word, code, elsewhere) => {
    const { by, mark } = await send(word, ["x@clear.test", "x@a.test"]);
    expect(by["x@clear.test"]).toMatchObject({ state: "held", lastCode: code });
    expect(by["x@a.test"]).toMatchObject({ state: elsewhere });
    expect(taken("clear.test", mark)).toEqual([]);
    expect(taken("a.test", mark)).toHaveLength(elsewhere === "delivered" ? 1 : 0);
  });

  test.each(['"refused"@a.test', String.raw`"re\fused"@a.test`, "REFUSED@A.test"])(
    "however it is written, a recipient that a rule names is that recipient: %s",
    async (address) => {
      const { by, mark } = await send("refuseword", [address]);
      expect(by[address]).toMatchObject({ state: "failed", lastCode: "PST-DEC-030" });
      expect(taken("a.test", mark)).toEqual([]);
    },
  );

  test("of several rules the strongest wins, for each recipient by itself", async () => {
    const { by, mark } = await send("password1 protectword refuseword wardword", [
      "refused@a.test",
      "other@a.test",
      "x@clear.test",
    ]);
    expect(by["refused@a.test"]).toMatchObject({ state: "failed", lastCode: "PST-DEC-030" });
    expect(by["other@a.test"]).toMatchObject({ state: "delivered" });
    expect(by["x@clear.test"]).toMatchObject({ state: "held", lastCode: "PST-DEC-001" });
    expect(taken("a.test", mark)).toHaveLength(1);
  });
});

describe("hold and refuse", () => {
  test("a rule that refuses beats one that holds; nothing reaches the wire, and the sender is told which rule, and no more", async () => {
    const { id, by, mark } = await send("refuseall holdword", ["x@a.test", "y@b.test"]);
    for (const each of Object.values(by)) expect(each).toMatchObject({ state: "failed", lastCode: "PST-DEC-030" });
    expect([...taken("a.test", mark), ...taken("b.test", mark)]).toEqual([]);
    const [report = ""] = await untilTold(id, "nurse@clinic.test");
    expect(report).toContain("Status: 5.7.1");
    expect(report).toContain("Rule acts/r.refuseall");
    expect(report).toContain("PST-DEC-030");
    expect(report).not.toMatch(/refuseall holdword|Subject: note/);
    expect(await events(id, "attempt")).toEqual([]);
  });

  test("a released hold lets go what another rule does not keep", async () => {
    const { id, by } = await send("holdword", ["x@a.test"]);
    expect(by["x@a.test"]).toMatchObject({ state: "held", lastCode: "PST-DEC-002" });
    expect(await events(id, "planned")).toMatchObject([
      { reasons: expect.arrayContaining([{ kind: "rule", pack: "acts", rule: "r.holdword", asks: "hold" }]) },
    ]);
  });
});

describe("who writes to whom", () => {
  test.each([
    ["intern@clinic.test", "x@a.test", "held"],
    ["INTERN@Clinic.Test", "x@a.test", "held"],
    ["any@x.lab.clinic.test", "x@a.test", "held"],
    ["any@lab.clinic.test", "x@a.test", "delivered"],
    ["nurse@clinic.test", "x@a.test", "delivered"],
    ["intern@clinic.test", "x@b.test", "delivered"],
    ["", "x@a.test", "delivered"],
  ])("a rule for some senders and recipients: %s to %s is %s", async (from, to, state) => {
    expect((await send("senderword", [to], from)).by[to]).toMatchObject({ state });
  });

  test("an exception by sender spares all of a mail, one by recipient that copy alone", async () => {
    const spared = await send("spareword", ["x@a.test", "x@b.test"], "boss@clinic.test");
    expect(Object.values(spared.by).map(({ state }) => state)).toEqual(["delivered", "delivered"]);
    const { by } = await send("spareword", ["x@a.test", "x@b.test"]);
    expect([by["x@a.test"]?.state, by["x@b.test"]?.state]).toEqual(["failed", "delivered"]);
  });

  test("neither audit nor log names whom a rule spares", async () => {
    const { id } = await send("spareword senderword", ["x@b.test"]);
    const rows = JSON.stringify(await world.audit(id));
    expect(rows).toContain("r.spareword");
    expect(`${rows}${world.log.join("")}`).not.toMatch(/boss@clinic|intern@clinic|lab\.clinic/);
  });
});

describe("a copy for compliance", () => {
  test("holds the mail as it came, once however many it was for, and says of which message it is", async () => {
    const { id, mark } = await send("copyword", ["x@a.test", "y@a.test", "z@b.test"]);
    const copies = await copiesOf(id);
    expect(copies.map(({ recipient, state }) => [recipient.mailbox.address, state])).toEqual([
      ["compliance@vault.test", "delivered"],
    ]);
    const [text = "", ...more] = taken("vault.test", mark);
    expect(more).toEqual([]);
    expect(text).toContain(`X-Postern-Copy-Of: ${id}`);
    expect(text).toContain("X-Postern-Rule: acts/r.copyword");
    expect(text).toContain(`copyword ${mark}`);
    const [copy] = copies;
    expect(await events(copy?.messageId ?? "", "accepted")).toMatchObject([{ origin: "copy" }]);
    expect(await events(copy?.messageId ?? "", "inspected")).toMatchObject([{ findings: { verdict: "clean" } }]);
  });

  test("keeps the floor of its message: where that cannot be met it waits, while the message goes", async () => {
    const { id, by, mark } = await send("copyword protectword", ["x@a.test"]);
    expect(by["x@a.test"]).toMatchObject({ state: "delivered" });
    expect(await copiesOf(id)).toMatchObject([{ state: "held", lastCode: "PST-DEC-001" }]);
    expect(taken("vault.test", mark)).toEqual([]);
  });

  test("is made of refused and held mail too, and neither refused nor held itself", async () => {
    const { id, by } = await send("copyword refuseword", ["refused@a.test"]);
    expect(by["refused@a.test"]).toMatchObject({ state: "failed" });
    const [copy] = await copiesOf(id);
    // Its floor is that of PHI, which the vault cannot meet; no rule refuses or keeps it for review.
    expect(copy).toMatchObject({ state: "held", lastCode: "PST-DEC-001" });
  });

  test("causes no copy of its own, and none where no recipient is concerned", async () => {
    const { id } = await send("copyword", ["x@b.test"]);
    expect(await copiesOf(id)).toEqual([]);
    const all = await world.postern.store.recipients({ address: "compliance@vault.test", limit: 100 });
    expect(all).toHaveLength(3);
  });

  test("says what is true, whatever its sender wrote, and tells nobody whom it was for", async () => {
    const forged = ["X-Postern-Copy-Of: another", "x-postern-rule : none", "Bcc: <hidden@b.test>"];
    const { id, mark } = await sendBehind(forged, {
      words: "copyword",
      rcptTo: ["x@a.test"],
      from: "nurse@clinic.test",
    });
    await copiesOf(id);
    const [copy = "", own = ""] = [...taken("vault.test", mark), ...taken("a.test", mark)];
    expect(`${copy}${own}`).not.toContain("hidden@b");
    expect(copy.match(/^x-postern-(?:copy-of|rule) ?:.*/gim)).toEqual([
      `X-Postern-Copy-Of: ${id}`,
      "X-Postern-Rule: acts/r.copyword",
    ]);
  });

  test("is not made of what the compliance mailbox itself sends, which would come back for ever", async () => {
    const { id, by } = await send("copyword", ["x@a.test"], '"Compliance"@vault.test');
    expect(by["x@a.test"]).toMatchObject({ state: "delivered" });
    expect(await copiesOf(id)).toEqual([]);
  });
});

test("a copy or notice that cannot be written has its mail wait, and nothing leaves before", async () => {
  armFailpoints(parseFailpoints("report.body-durable=enospc"));
  const words = "copyword notifyword protectword";
  const { id, mark, by } = await send(words, ["x@a.test", "x@clear.test"], "full@clinic.test").finally(() => arm(null));
  expect(Object.values(by).map(({ state, plan }) => [state, plan])).toEqual([
    ["deferred", null],
    ["deferred", null],
  ]);
  expect([...taken("a.test", mark), ...taken("clear.test", mark)]).toEqual([]);
  world.advance(120_000);
  await world.settled(id, ["delivered", "held"]);
  expect([taken("a.test", mark).length, taken("clear.test", mark).length]).toEqual([1, 0]);
  expect(await copiesOf(id)).toHaveLength(1);
  expect(await untilTold(id, "full@clinic.test", 2)).toHaveLength(2);
});

test("a copy keeps a floor that nothing in the mail explains, such as that of its destination", async () => {
  const { id, by } = await send("copyword", ["x@raised.test"]);
  expect(by["x@raised.test"]).toMatchObject({ state: "delivered" });
  expect(await copiesOf(id)).toMatchObject([
    { state: "held", lastCode: "PST-DEC-001", plan: { floor: { minRung: "pkix" } } },
  ]);
});

/** What is counted by the hour is not counted across its end. */
function withinOneHour(): void {
  if (world.now() % HOUR_MS > 0.9 * HOUR_MS) world.advance(0.1 * HOUR_MS);
}

describe("notices", () => {
  test("tell sender and reviewers of the rule and the queue id, once for a mail, and nothing the mail said", async () => {
    const { id, mark } = await send("notifyword", ["x@a.test", "x@b.test"]);
    const [own = "", ...more] = await untilTold(id, "nurse@clinic.test");
    const [theirs = ""] = await untilTold(id, "reviewers@clinic.test");
    expect(more).toEqual([]);
    for (const text of [own, theirs]) {
      expect(text).toContain("acts/r.notifyword");
      expect(text).toContain("Auto-Submitted: auto-generated");
      expect(text).not.toMatch(/notifyword mark|Subject: note|x@a\.test|x@b\.test/);
    }
    expect(own).toContain(`<${mark}@clinic.test>`);
    expect(theirs).not.toContain("nurse@clinic.test");
    expect(theirs).toContain(`postern trace ${id}`);
  });

  test("are limited by the hour, each sender by itself", async () => {
    withinOneHour();
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) ids.push((await send("notifyword", ["x@a.test"], "busy@clinic.test")).id);
    await eventually(async () => (ids.flatMap((id) => toldOf(id, "busy@clinic.test")).length >= 4 ? true : null));
    const { id } = await send("password1", ["x@a.test"], "busy@clinic.test");
    await world.settled(id);
    expect(ids.flatMap((each) => toldOf(each, "busy@clinic.test"))).toHaveLength(4);
    expect(world.log.join("")).toContain("companion_left_out");
  });

  test("are those of one mailbox, whatever stands behind its plus, and a restart gives no more", async () => {
    withinOneHour();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await send("notifyword", ["x@a.test"], `much+${i}@clinic.test`)).id);
    for (let i = 0; i < 3; i++) ids.push((await send("notifyword", ["x@a.test"], "most@clinic.test")).id);
    await world.stopGateway();
    await world.startGateway();
    for (let i = 3; i < 6; i++) ids.push((await send("notifyword", ["x@a.test"], "most@clinic.test")).id);
    const told = (): readonly string[] => ids.flatMap((id) => toldOf(id, "most@clinic.test"));
    await eventually(async () => (told().length >= 4 ? true : null));
    await world.settled((await send("password1", ["x@a.test"])).id);
    expect(told()).toHaveLength(4);
    expect(told().filter((text) => text.includes("This is the last notice"))).toHaveLength(1);
  });

  test("never go to a sender of another organisation", async () => {
    const { id, by } = await send("notifyword", ["x@a.test"], "someone@b.test");
    expect(by["x@a.test"]).toMatchObject({ state: "delivered" });
    const children = (await events(id, "child")).map((event) => (event.kind === "child" ? event.child : ""));
    expect(children).not.toContain("sender_notice");
  });

  test("never go to the null sender", async () => {
    const { by } = await send("notifyword", ["x@a.test"], "");
    expect(by["x@a.test"]).toMatchObject({ state: "delivered" });
  });
});

test("where rules copy and notify, and the configuration names nobody, the packs are not taken over, and it says what to do", async () => {
  const text = readFileSync(world.configPath, "utf8");
  const config = JSON.parse(text) as { dlp: { packs: readonly string[] } };
  writeFileSync(world.configPath, JSON.stringify({ ...config, dlp: { packs: config.dlp.packs } }));
  const loading = loadConfig(
    world.configPath,
    nodeConfigEnvironment({ variables: {}, hostname: "x.test", now: Date.now() }),
  );
  writeFileSync(world.configPath, text);
  if (!loading.ok) throw new Error("the configuration itself is well-formed");
  const error: unknown = await world.postern.reload(loading.config).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PackError);
  expect(String(error)).toContain("rule acts/r.notifyword needs dlp.notify, which names nobody");
  expect(String(error)).toContain("rule acts/r.copyword needs dlp.copy_to, which names nobody");
  expect(String(error)).not.toContain("r.shadowword");
  expect((await send("refuseall", ["x@a.test"])).by["x@a.test"]).toMatchObject({ state: "failed" });
});

test("trace tells what each rule asked for and what went out beside the mail", async () => {
  const { id } = await send("copyword refuseword notifyword", ["refused@a.test"], "traced@clinic.test");
  const rows = await world.postern.store.auditOf(id, 1_000);
  const text = JSON.stringify(tellStory(rows, await world.recipients(id)));
  expect(text).toContain("rule acts/r.refuseword (tier low, refuse)");
  expect(text).toContain("rule acts/r.copyword (copy)");
  expect(text).toContain("a copy went to the compliance mailboxes, as ");
  expect(text).toContain("the sender was told that rules flagged it, as ");
  expect(text).not.toContain("compliance@");
});

test("a rule in shadow refuses, marks, copies and tells nothing, and is on record", async () => {
  const { id, by, mark } = await send("shadowword", ["x@a.test"]);
  expect(by["x@a.test"]).toMatchObject({ state: "delivered" });
  expect(taken("a.test", mark)[0]).not.toContain("X-Postern-Tag");
  expect(await events(id, "child")).toEqual([]);
  expect(await events(id, "inspected")).toMatchObject([
    { findings: { hits: [], shadow: [{ rule: "r.shadowword", action: { kind: "refuse" } }] } },
  ]);
});
