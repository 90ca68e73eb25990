/** Mail that a rule holds: who hears of it, who may see what of it, and how two people decide about it. */
import { existsSync, mkdtempSync, chmodSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { EventBody } from "../../src/core/event.ts";
import type { Control } from "../../src/parts/control/control.ts";
import type { QuarantineRow } from "../../src/parts/control/control-protocol.ts";
import { canBeOthers, openDoor, PEOPLE, PEOPLE_CONFIG, PEOPLE_TIMEOUT_MS, runAs } from "../support/people.ts";
import type { Person } from "../support/people.ts";
import { eventually, mail, SHIPPED_PACK, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const PACK = resolve(import.meta.dirname, "../golden/050-review-hold-released/pack.yaml");
const REASON = ["--reason", "agreed with the ward"] as const;
const BODY = "The zebra project is late, and nobody minds.";
vi.setConfig({ testTimeout: PEOPLE_TIMEOUT_MS, hookTimeout: PEOPLE_TIMEOUT_MS });

let world: World;
let control: Control;
let places: string;

beforeAll(async () => {
  places = mkdtempSync(join(tmpdir(), "postern-review-"));
  chmodSync(places, 0o777);
  world = await World.start({
    zone: { "a.test": { MX: [[10, "mx.a.test"]] }, "clinic.test": { MX: [[10, "mx.clinic.test"]] } },
    servers: [
      { name: "mx.a.test", address: "127.0.0.2", certificate: "valid" },
      { name: "mx.clinic.test", address: "127.0.0.3", certificate: "valid" },
    ],
    packs: [SHIPPED_PACK, PACK],
    config: { ...PEOPLE_CONFIG, review: { four_eyes: "release", request_hours: 24 } },
  });
  control = await openDoor(world);
});

afterAll(async () => {
  await control.close();
  await world.close();
  rmSync(places, { recursive: true, force: true });
});

async function held(name: string): Promise<string> {
  const id = await world.accept({
    mailFrom: "nurse@clinic.test",
    rcptTo: [`${name}@a.test`],
    bytes: mail(["From: nurse@clinic.test", "Subject: news", "", BODY]),
  });
  await world.settled(id, ["held"]);
  return `${id}.1`;
}

async function events(recipientId: string): Promise<readonly EventBody[]> {
  const rows = await world.audit(recipientId.slice(0, 26));
  return rows.filter((row) => row.recipientId === recipientId).map(({ event }) => event);
}

async function listedBy(person: Person | null, ...options: readonly string[]): Promise<readonly QuarantineRow[]> {
  const { output } = await runAs(person, world, "quarantine", "list", "--json", ...options);
  return output.trim() === ""
    ? []
    : output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as QuarantineRow);
}

async function rowOf(person: Person | null, id: string, ...options: readonly string[]): Promise<QuarantineRow> {
  const row = (await listedBy(person, ...options)).find((each) => each.id === id);
  if (row === undefined) throw new Error(`${id} is not listed`);
  return row;
}

/** The id of the request. */
async function requested(id: string): Promise<string> {
  const { output } = await runAs("rita", world, "quarantine", "release", id, ...REASON);
  const request = /release requested as ([0-9A-Z]{26})/.exec(output)?.[1];
  if (request === undefined) throw new Error(output);
  return request;
}

test("a rule's hold is told to the sender at once, and to the operators", async () => {
  const before = world.server("mx.clinic.test").transactions.length;
  const at = world.now();
  const id = await held("told");
  const notices = await world.arrived("mx.clinic.test", before + 1);
  expect(world.now() - at).toBeLessThan(15 * MINUTE_MS);
  const text = Buffer.from(notices.at(-1)?.bytes ?? "").toString("utf8");
  expect(text).toContain("told@a.test");
  expect(text).not.toContain("zebra");
  const kinds = (await events(id)).map((event) => ("code" in event ? `${event.kind} ${event.code}` : event.kind));
  expect(kinds).toEqual(expect.arrayContaining(["held PST-DEC-002", "alert PST-DEC-002", "child"]));
});

test("operators leave it to the reviewers", async () => {
  const id = await held("queue");
  for (const act of ["retry", "release", "drop"]) {
    const { code, output } = await runAs(null, world, "queue", act, id, ...REASON);
    expect({ act, code, output }).toEqual({
      act,
      code: 1,
      output: `${id}  skipped: waits for a review: see \`postern quarantine\`\n`,
    });
  }
  expect((await world.recipients(id.slice(0, 26)))[0]?.state).toBe("held");
});

describe.skipIf(!canBeOthers)("people of other uids (root starts them)", () => {
  test("what is listed tells rules and counts, masks addresses, and says no word of the text", async () => {
    const id = await held("masked");
    const row = await rowOf("adam", id);
    expect(row).toMatchObject({
      sender: "n***@clinic.test",
      recipient: "m***@a.test",
      verdict: "phi",
      rules: ["house-rules/house.review"],
      findings: 1,
      request: null,
    });
    expect(row.deadlineAt).not.toBeNull();
    const shown = await runAs("adam", world, "quarantine", "show", id);
    expect(shown.code).toBe(0);
    expect(shown.output).toContain("house.project in part 1: 1, 1 different");
    expect(shown.output).not.toMatch(/zebra|masked@|nurse@/);
    expect((await rowOf("rita", id, "--addresses")).recipient).toBe("masked@a.test");
    const refused = await runAs("adam", world, "quarantine", "show", id, "--addresses");
    expect(refused).toMatchObject({
      code: 1,
      output: expect.stringContaining("whole addresses need reviewer") as string,
    });
    const operator = await runAs("olga", world, "quarantine", "list");
    expect(operator).toMatchObject({ code: 1, output: expect.stringContaining("PST-CTL-011") as string });
  });

  test("the message itself is a reviewer's to see, with a reason, and the audit says so first", async () => {
    const id = await held("body");
    const file = join(places, "mail.eml");
    const show = ["quarantine", "show", id, "--body"] as const;
    expect(await runAs("rita", world, ...show, "--output", file)).toMatchObject({
      code: 2,
      output: expect.stringContaining("--body needs --reason") as string,
    });
    expect(await runAs("rita", world, ...show, ...REASON)).toMatchObject({
      code: 2,
      output: expect.stringContaining("shown on a terminal only") as string,
    });
    expect((await runAs("adam", world, ...show, ...REASON, "--output", join(places, "adam.eml"))).code).toBe(1);
    expect(existsSync(join(places, "adam.eml"))).toBe(false);
    expect((await events(id)).some(({ kind }) => kind === "review")).toBe(false);
    expect(await runAs("rita", world, ...show, ...REASON, "--output", file)).toEqual({ code: 0, output: "" });
    expect(readFileSync(file, "utf8")).toContain(BODY);
    expect(statSync(file)).toMatchObject({ mode: 0o100600, uid: PEOPLE.rita.uid });
    expect((await events(id)).at(-1)).toMatchObject({ kind: "review", action: "viewed", uid: PEOPLE.rita.uid });
    expect((await runAs("rita", world, ...show, ...REASON, "--output", file)).code).toBe(1);
  });

  test("four eyes: one requests, the same person may not approve, another does, also after a restart", async () => {
    const id = await held("two");
    const request = await requested(id);
    expect((await rowOf("adam", id)).request).toMatchObject({ id: request, act: "release", uid: PEOPLE.rita.uid });
    const own = await runAs("rita", world, "quarantine", "approve", request, ...REASON);
    expect(own).toMatchObject({ code: 1, output: expect.stringContaining("PST-CTL-013: Four eyes") as string });
    expect(await runAs("rita", world, "quarantine", "reject", request, ...REASON)).toMatchObject({ code: 1 });
    expect((await runAs("olga", world, "quarantine", "approve", request, ...REASON)).output).toContain("PST-CTL-011");
    const again = await runAs("rita", world, "quarantine", "release", id, ...REASON);
    expect(again.output).toContain("waits for a second person already");
    expect((await world.recipients(id.slice(0, 26)))[0]?.state).toBe("held");

    await control.close();
    await world.stopGateway();
    await world.startGateway();
    control = await openDoor(world);

    const approved = await runAs("adam", world, "quarantine", "approve", request, "--reason", "seen");
    expect(approved).toEqual({ code: 0, output: `${id}  release\n` });
    await world.settled(id.slice(0, 26), ["delivered"]);
    const told = (await events(id)).filter(({ kind }) => kind === "review");
    expect(told).toMatchObject([
      { action: "requested", act: "release", request, uid: PEOPLE.rita.uid, reason: "agreed with the ward" },
      { action: "approved", act: "release", request, uid: PEOPLE.adam.uid, reason: "seen" },
    ]);
    const late = await runAs("adam", world, "quarantine", "approve", request, ...REASON);
    expect(late).toMatchObject({ code: 1, output: expect.stringContaining("PST-CTL-015") as string });
    const trace = await runAs(null, world, "trace", id);
    expect(trace.output).toContain(
      `release requested (${request}), which needs a second person, by uid ${PEOPLE.rita.uid}`,
    );
    expect(trace.output).toContain(`was approved, and carried out, by uid ${PEOPLE.adam.uid}: seen`);
  });

  test("a request that is rejected leaves the mail where it is, and may be made again", async () => {
    const id = await held("rejected");
    const request = await requested(id);
    const { code, output } = await runAs("adam", world, "quarantine", "reject", request, ...REASON);
    expect({ code, output }).toEqual({ code: 0, output: `${id}  release rejected; it goes on waiting\n` });
    expect((await world.recipients(id.slice(0, 26)))[0]?.state).toBe("held");
    expect(await requested(id)).not.toBe(request);
  });

  test("a request expires", async () => {
    const id = await held("expired");
    const request = await requested(id);
    world.advance(25 * HOUR_MS);
    const { code, output } = await runAs("adam", world, "quarantine", "approve", request, ...REASON);
    expect(code).toBe(1);
    expect(output).toContain("PST-CTL-015");
    expect((await world.recipients(id.slice(0, 26)))[0]?.state).toBe("held");
  });

  test("a refusal needs one person here: it fails, and the sender is told without content", async () => {
    const id = await held("refused");
    const { code, output } = await runAs("rita", world, "quarantine", "refuse", id, ...REASON);
    expect({ code, output }).toEqual({ code: 0, output: `${id}  refuse\n` });
    const [recipient] = await world.settled(id.slice(0, 26), ["failed"]);
    expect(recipient?.lastCode).toBe("PST-PIP-009");
    // The notice of the hold may still be on its way: the report is the one that tells of an end.
    const text = await eventually(async () => {
      const told = world.server("mx.clinic.test").transactions.map(({ bytes }) => bytes.toString("utf8"));
      return told.find((one) => one.includes("refused@a.test") && one.includes("5.7.1")) ?? null;
    });
    expect(text).not.toMatch(/zebra|agreed with the ward/);
    expect(world.server("mx.a.test").transactions.every(({ rcptTo }) => !rcptTo.includes("refused@a.test"))).toBe(true);
  });

  test("many are decided at once by rule and age, after a look and a word", async () => {
    const fresh = [await held("many-one"), await held("many-two"), await held("many-three")];
    const [rule = ""] = (await rowOf("rita", fresh[0] ?? "")).rules;
    const refuse = ["quarantine", "refuse", ...REASON] as const;
    const waiting = (await listedBy("rita", "--rule", rule)).length;
    expect(waiting).toBeGreaterThanOrEqual(3);
    const look = await runAs("rita", world, ...refuse, "--rule", rule, "--dry-run");
    expect(look).toMatchObject({
      code: 0,
      output: expect.stringContaining(`refuse would be for ${waiting} recipients`),
    });
    expect(await runAs("rita", world, ...refuse, "--rule", rule)).toMatchObject({
      code: 2,
      output: expect.stringContaining("say --yes"),
    });
    const others = ["--rule", `${rule}.other`, "--rule", "house/"];
    expect(await runAs("rita", world, ...refuse, ...others)).toMatchObject({ code: 0, output: "none\n" });
    expect(await listedBy("rita", "--older", "30d")).toEqual([]);
    expect((await world.recipients((fresh[0] ?? "").slice(0, 26)))[0]?.state).toBe("held");
    const { output } = await runAs("rita", world, ...refuse, "--rule", rule, "--yes");
    for (const id of fresh) expect(output).toContain(`${id}  refuse\n`);
    expect((await listedBy("rita", "--rule", rule)).filter(({ request }) => request === null)).toEqual([]);
    expect(await runAs("rita", world, ...refuse)).toMatchObject({ code: 2 });
    expect(await runAs("rita", world, ...refuse, fresh[0] ?? "", "--rule", rule)).toMatchObject({ code: 2 });
  });
});
