/** Who may do what: OS users against a real gateway, their uid proved by the kernel, every act and every refusal on record. */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import type { EventBody } from "../../src/core/event.ts";
import type { Control } from "../../src/parts/control/control.ts";
import { CLAIM_MODE, entryNameOf, proofFolderOf } from "../../src/parts/control/proof.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";
import {
  AS_SERVICE,
  SERVICE_UID,
  canBeOthers,
  openDoor,
  PEOPLE,
  PEOPLE_CONFIG,
  PEOPLE_TIMEOUT_MS,
  runAs,
} from "../support/people.ts";
import type { Person } from "../support/people.ts";
import { mail, SHIPPED_PACK, World } from "../support/world.ts";

const REASON = ["--reason", "agreed with the ward"] as const;
vi.setConfig({ testTimeout: PEOPLE_TIMEOUT_MS, hookTimeout: PEOPLE_TIMEOUT_MS });

let world: World;
let control: Control;

beforeAll(async () => {
  world = await World.start({
    zone: { "grey.test": { MX: [[10, "mx.grey.test"]] } },
    servers: [{ name: "mx.grey.test", address: "127.0.0.2", certificate: "none", behaviour: { greylist: true } }],
    config: PEOPLE_CONFIG,
  });
  control = await openDoor(world);
});

afterAll(async () => {
  await control.close();
  await world.close();
});

async function deferred(name: string): Promise<string> {
  const id = await world.accept({
    mailFrom: "nurse@clinic.test",
    rcptTo: [`${name}@grey.test`],
    bytes: mail(["From: nurse@clinic.test", "Subject: lunch", "", "At noon."]),
  });
  await world.settled(id);
  return id;
}

async function newest(kind: EventBody["kind"]): Promise<EventBody | undefined> {
  const { seq } = await world.postern.store.auditHead();
  const rows = await world.postern.store.auditPage(Math.max(1, seq - 200), 300);
  return rows.map(({ body }) => JSON.parse(body) as EventBody).findLast((body) => body.kind === kind);
}

describe.skipIf(!canBeOthers)("people of other uids (root starts them)", () => {
  test("an operator acts, and the audit names the uid the kernel knows and the reason", async () => {
    const id = await deferred("one");
    const { code, output } = await runAs("olga", world, "queue", "retry", id, ...REASON);
    expect({ code, output }).toEqual({ code: 0, output: `${id}.1  retry\n` });
    const uid = PEOPLE.olga.uid;
    expect(await newest("operator")).toEqual({
      kind: "operator",
      action: "retry",
      actor: `uid ${uid}`,
      uid,
      reason: "agreed with the ward",
    });
  });

  test("who may not read the database is shown a message and its story as who may, where the role allows", async () => {
    const id = await deferred("told");
    // So that nothing changes between two looks.
    await runAs("olga", world, "queue", "hold", id, ...REASON);
    const asked = [
      ["queue", "show", id, "--json"],
      ["queue", "show", `${id}.1`, "--json"],
      ["trace", id],
      ["trace", `${id}.1`, "--json"],
      ["trace", "Told@grey.test"],
    ];
    for (const args of asked) {
      const direct = await runAs(null, world, ...args);
      expect([args, direct.code, direct.output]).toEqual([args, 0, expect.stringContaining("told@grey.test")]);
      expect([args, await runAs("olga", world, ...args)]).toEqual([args, direct]);
    }
    expect((await runAs("olga", world, "trace", id)).output).toContain("last reply of mx.grey.test: 450");
    expect(await runAs("vera", world, "queue", "show", id)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^found {6}clean, tier none$[^]*told@grey\.test .*fails in/m),
    });
    expect(await runAs("vera", world, "trace", id)).toMatchObject({
      code: 1,
      output: expect.stringContaining("has the role viewer; queue.trace needs operator"),
    });
    for (const args of [["queue", "show"], ["trace"]]) {
      const unknown = await runAs("olga", world, ...args, `${id.slice(0, 25)}${id.endsWith("0") ? "1" : "0"}`);
      expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining("postern queue list --all") });
    }
    expect(await runAs("olga", world, "trace", "@grey.test")).toMatchObject({ code: 2 });
    expect(await runAs("iris", world, "dlp", "shadow-report")).toMatchObject({ code: 0 });
  });

  test("who may not read the configuration is told by the service what it makes of it, where the role allows", async () => {
    const before = readFileSync(world.configPath, "utf8");
    const file = JSON.parse(before) as Record<string, Record<string, unknown>>;
    try {
      writeFileSync(world.configPath, JSON.stringify({ ...file, policy: { ...file["policy"], sensitive: "strict" } }));
      expect(await runAs("olga", world, "config", "check")).toMatchObject({
        code: 0,
        output: expect.stringMatching(/valid, as the service reads it.*\na reload takes over: policy\.sensitive\n/),
      });
      expect(await runAs("vera", world, "config", "check")).toMatchObject({
        code: 1,
        output: expect.stringContaining("EACCES"),
      });
      writeFileSync(world.configPath, JSON.stringify({ ...file, listne: {} }));
      expect(await runAs("olga", world, "config", "check")).toMatchObject({
        code: 1,
        output: expect.stringMatching(/listne: unknown key[^]*PST-CFG-002/),
      });
    } finally {
      writeFileSync(world.configPath, before);
    }
  });

  test.each<[Person, readonly string[], { readonly method: string; readonly why: string }]>([
    ["vera", ["queue", "drop"], { method: "queue.drop", why: "has the role viewer; queue.drop needs operator" }],
    // Whom it would concern is looked up before anything is asked for.
    [
      "rita",
      ["queue", "retry"],
      { method: "queue.list", why: "has the role reviewer, approver; queue.list needs viewer or operator" },
    ],
    [
      "olga",
      ["quarantine", "release"],
      { method: "quarantine.release", why: "has the role operator; quarantine.release needs reviewer" },
    ],
  ])(
    "%s may not %j: a clear refusal, in the log and in the audit, and nothing happens",
    async (person, command, how) => {
      const { uid } = PEOPLE[person];
      const id = await deferred("refused");
      const before = await world.recipients(id);
      const { code, output } = await runAs(person, world, ...command, id, ...REASON);
      expect(code).toBe(1);
      expect(output).toContain(`PST-CTL-011: The role of this user does not allow the act; the attempt was recorded.`);
      expect(output).toContain(`(uid ${uid} ${how.why})`);
      expect(await world.recipients(id)).toEqual(before);
      expect(await newest("refused_act")).toMatchObject({ uid, method: how.method, code: "PST-CTL-011" });
      expect(world.log.filter((line) => line.includes("control_refused")).at(-1)).toContain(`"uid":${uid}`);
    },
  );

  test("who is not in the socket's group does not reach the service", async () => {
    const { code, output } = await runAs("stranger", world, "queue", "retry", await deferred("far"), ...REASON);
    expect(code).toBe(1);
    expect(output).toContain("PST-CTL-009");
  });

  test("socket and folder of proofs are the group's to use and nobody's to list", () => {
    const { socket } = world.postern.config().control;
    expect(lstatSync(socket)).toMatchObject({ gid: PEOPLE.olga.gid, mode: 0o140660 });
    expect(lstatSync(proofFolderOf(socket))).toMatchObject({ gid: PEOPLE.olga.gid, mode: 0o41730 });
  });

  test("the entry of one user does not let another act in that name", async () => {
    const id = await deferred("forged");
    const { socket } = world.postern.config().control;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const body = JSON.stringify({ reason: "forged", ids: [id] });
    // The entry is root's: the service takes it for root's act, whoever holds the connection; so nobody but root may be able to make it.
    const { challenge } = (await post(agent, socket, { method: "hello", body: "{}" })).result;
    const entry = join(
      proofFolderOf(socket),
      entryNameOf({ challenge: challenge ?? "", method: "queue.drop", body }) ?? "",
    );
    const made = await runNode(PEOPLE.vera, `mkdirSync(${JSON.stringify(entry)}, { mode: ${CLAIM_MODE} })`);
    expect(made).toBe(0);
    expect(() => mkdirSync(entry)).toThrow(/EEXIST/);
    expect(await post(agent, socket, { method: "queue.drop", body })).toMatchObject({ ok: false, code: "PST-CTL-011" });
    agent.destroy();
    expect(await newest("refused_act")).toMatchObject({ uid: PEOPLE.vera.uid, method: "queue.drop" });
  });

  test("another user can neither list, replace nor remove an entry", async () => {
    const { socket } = world.postern.config().control;
    const entry = join(proofFolderOf(socket), "an-entry");
    mkdirSync(entry);
    chmodSync(entry, CLAIM_MODE);
    const folder = JSON.stringify(proofFolderOf(socket));
    const path = JSON.stringify(entry);
    expect(await runNode(PEOPLE.vera, `readdirSync(${folder})`)).toBe(1);
    expect(await runNode(PEOPLE.vera, `rmdirSync(${path})`)).toBe(1);
    expect(await runNode(PEOPLE.vera, `renameSync(${path}, ${JSON.stringify(`${entry}2`)})`)).toBe(1);
    expect(await runNode(PEOPLE.vera, `chmodSync(${path}, 0o777)`)).toBe(1);
    expect(lstatSync(entry).uid).toBe(0);
  });
});

describe.skipIf(!canBeOthers)("a service that is not root", () => {
  let folder: string;
  let configPath: string;
  let child: ChildGateway;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "postern-service-"));
    const changes = { ...PEOPLE_CONFIG, control: { ...PEOPLE_CONFIG.control, socket: "run/control.sock" } };
    const port = await freePort();
    ({ configPath } = await writeGatewayFolder(folder, world.internet, { packs: [SHIPPED_PACK], changes, port }));
    for (const name of ["run", "data"]) mkdirSync(join(folder, name));
    chmodSync(folder, 0o711);
    for (const name of [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" })]) {
      chownSync(join(folder, name), SERVICE_UID, SERVICE_UID);
    }
    child = await ChildGateway.start(configPath, { under: AS_SERVICE });
  });

  afterAll(async () => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("proves its callers all the same, root among them, and leaves nothing behind", async () => {
    const command = (person: Person | null) =>
      runCli(
        ["--config", configPath, "queue", "retry", "01JD8Q4Z6N4K6T2R9V5W3X7Y8Z", ...REASON],
        person === null ? null : PEOPLE[person],
      );
    for (const person of ["olga", null] as const) {
      expect((await command(person)).output).toBe("01JD8Q4Z6N4K6T2R9V5W3X7Y8Z  skipped: no such id is stored\n");
    }
    expect((await command("vera")).output).toContain(`uid ${PEOPLE.vera.uid} has the role viewer`);
    const proofs = join(folder, "run", "control.sock.proof");
    expect(lstatSync(proofs)).toMatchObject({ uid: SERVICE_UID, gid: PEOPLE.olga.gid, mode: 0o41730 });
    expect(readdirSync(proofs)).toEqual([]);
  });
});

test("root acts as owner beside the map", async () => {
  const id = await deferred("root");
  const { code } = await runAs(null, world, "queue", "drop", id, ...REASON);
  expect(code).toBe(0);
  expect(await newest("operator")).toMatchObject({ uid: process.getuid?.(), action: "drop" });
});

type Answer = { readonly ok: boolean; readonly code?: string; readonly result: { readonly challenge?: string } };

function post(agent: Agent, socketPath: string, { method, body }: { method: string; body: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, agent, path: `/v1/${method}`, method: "POST" }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(JSON.parse(text) as Answer));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** Runs one call of node:fs as another user; its exit code. */
async function runNode(as: { readonly uid: number; readonly gid: number }, call: string): Promise<number | null> {
  const { spawn } = await import("node:child_process");
  const child = spawn(process.execPath, ["-e", `require("node:fs").${call}`], { stdio: "ignore", ...as });
  return new Promise((resolve) => child.once("close", resolve));
}
