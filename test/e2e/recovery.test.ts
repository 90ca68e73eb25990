/** A start after any end: nothing acknowledged is lost, nothing is sent in part, and what cannot be right is refused untouched. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { filesUnder } from "../support/canary.ts";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";
import { patience, protectedMail, quiet, SENDER_HOST, standing, toldTo } from "../support/never-clear-run.ts";
import { eventually, World } from "../support/world.ts";

const HOUR_MS = 3_600_000;
const GREY: MxBehaviour = { greylist: true, faults: { rset: { kind: "drop-before" } } };
/** Where each recipient stands when the process is killed, by what its server does. */
const STANDS: Readonly<
  Record<string, { readonly certificate: "valid" | "none"; readonly behaviour: MxBehaviour; readonly verb: string }>
> = {
  deferred: { certificate: "valid", behaviour: GREY, verb: "RSET" },
  held: { certificate: "none", behaviour: {}, verb: "QUIT" },
  in_dialog: { certificate: "valid", behaviour: { faults: { mail: { kind: "stall" } } }, verb: "MAIL" },
  received: { certificate: "valid", behaviour: { faults: { ehlo: { kind: "silent" } } }, verb: "EHLO" },
  dot_sent: { certificate: "valid", behaviour: { faults: { dot: { kind: "silent" } } }, verb: "DATA" },
};
const domainOf = (state: string): string => `${state.replace("_", "-")}.test`;

let world: World;
let port: number;

beforeAll(async () => {
  port = await freePort();
  const domains = Object.keys(STANDS).map(domainOf);
  world = await World.start({
    zone: Object.fromEntries(
      [...domains, "clinic.test", "grey.test"].map((name) => [name, { MX: [[10, `mx.${name}`]] }]),
    ),
    servers: [
      ...Object.entries(STANDS).map(([state, { certificate, behaviour }], index) => ({
        name: `mx.${domainOf(state)}`,
        address: `127.11.0.${index + 10}`,
        certificate,
        behaviour,
      })),
      { name: SENDER_HOST, address: "127.11.0.1", certificate: "valid" },
      { name: "mx.grey.test", address: "127.11.0.2", certificate: "valid", behaviour: GREY },
    ],
    config: { ...patience(20), listen: { port }, delivery: { dot_timeout_seconds: 60, command_timeout_seconds: 60 } },
  });
});
afterAll(() => world.close());

const databasePath = (): string => join(world.folder, "data", "gateway.db");

function letter(to: string, canary = to.replaceAll(/\W/g, "")): Parameters<World["accept"]>[0] {
  const sender = `from-${canary}@clinic.test`;
  return { mailFrom: sender, rcptTo: [to], bytes: protectedMail("phi", { canary, sender, recipient: to }) };
}

function sqlOn<T>(work: (db: Database.Database) => T): T {
  const db = new Database(databasePath());
  try {
    return work(db);
  } finally {
    db.close();
  }
}

describe("killed with recipients in every state", () => {
  const ids = new Map<string, string>();

  beforeAll(async () => {
    await world.stopGateway();
    const child = await ChildGateway.start(world.configPath);
    for (const [state, { verb }] of Object.entries(STANDS)) {
      const hand = { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
      const answer = await submit(hand, letter(`x@${domainOf(state)}`));
      ids.set(state, /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1] ?? "");
      const { verbs } = world.server(`mx.${domainOf(state)}`);
      await eventually(async () => (verbs.some((seen) => seen.verb === verb) ? true : null));
    }
    const settled = ["dot_sent", "held", "in_dialog"];
    await eventually(async () => (settled.every((state) => stored(state) === state) ? true : null));
    // The intent is on disk before the dot is on the wire.
    await world.arrived(`mx.${domainOf("dot_sent")}`, 1);
    await child.kill();
    // Between 250 and the first look at it: a moment too short to strike from outside.
    sqlOn((db) =>
      db
        .prepare("UPDATE recipient SET state = 'received', sealed_plan = NULL, variant_id = NULL WHERE message_id = ?")
        .run(ids.get("received")),
    );
  });

  function stored(state: string): unknown {
    return sqlOn((db) => db.prepare("SELECT state FROM recipient WHERE message_id = ?").pluck().get(ids.get(state)));
  }

  test("each is found where it stood, and each comes to its end after the start", async () => {
    expect(Object.keys(STANDS).map(stored)).toEqual(Object.keys(STANDS));
    for (const state of Object.keys(STANDS)) world.server(`mx.${domainOf(state)}`).setBehaviour({});
    await world.startGateway();
    await quiet(world);
    const after = await Promise.all([...ids.values()].map((id) => standing(world, id)));
    expect(after).toEqual([
      "deferred PST-DLV-018",
      "held PST-DEC-001",
      "delivered -",
      "delivered -",
      "deferred PST-SPL-063",
    ]);
    world.advance(0.3 * HOUR_MS);
    await quiet(world);
    const end = await Promise.all([...ids.values()].map((id) => standing(world, id)));
    expect(end).toEqual(["delivered -", "held PST-DEC-001", "delivered -", "delivered -", "delivered -"]);
  });

  test("each arrived once, but for the one whose last reply was lost, which is marked", async () => {
    const copies = Object.keys(STANDS).map((state) => world.server(`mx.${domainOf(state)}`).transactions.length);
    expect(copies).toEqual([1, 0, 1, 1, 2]);
    const [one, two] = world.server(`mx.${domainOf("dot_sent")}`).transactions;
    expect(two?.bytes.equals(one?.bytes ?? Buffer.alloc(0))).toBe(true);
    const marked = (await world.audit(ids.get("dot_sent") ?? "")).map(({ event }) => event.kind);
    expect(marked).toContain("possible_duplicate");
  });

  test("a hold keeps its deadline over the start", async () => {
    const [held] = await world.recipients(ids.get("held") ?? "");
    expect(held?.deadlineAt).toBeGreaterThan(Date.now() + 71 * HOUR_MS);
    expect(held?.deadlineAt).toBeLessThan(Date.now() + 73 * HOUR_MS);
  });
});

describe("bodies", () => {
  async function deferredThenStopped(name: string, bytes?: Buffer): Promise<string> {
    world.server("mx.grey.test").setBehaviour(GREY);
    const message = letter(`${name}@grey.test`);
    const id = await world.accept(bytes === undefined ? message : { ...message, bytes });
    await quiet(world);
    expect(await standing(world, id)).toBe("deferred PST-DLV-018");
    await world.stopGateway();
    return id;
  }

  const large = (): Buffer =>
    Buffer.concat([letter("large@grey.test").bytes, Buffer.alloc(700_000, "a line of it\r\n")]);

  test("a body that no row refers to is removed at the start, and the others stay", async () => {
    await deferredThenStopped("orphan", large());
    const [kept] = filesUnder(join(world.folder, "data", "spool", "files"));
    if (kept === undefined) throw new Error("no file");
    const orphan = join(dirname(kept.path), `${"0".repeat(8)}${basename(kept.path).slice(8)}`);
    copyFileSync(kept.path, orphan);
    await world.startGateway();
    expect(existsSync(kept.path)).toBe(true);
    expect(existsSync(orphan)).toBe(false);
    world.advance(HOUR_MS);
    await quiet(world);
  });

  test.each([
    ["small", undefined],
    ["large", large()],
  ])(
    "a damaged %s body is never delivered in part: it waits with its code and its sender is told",
    async (name, bytes) => {
      const id = await deferredThenStopped(`damaged-${name}`, bytes);
      const good = filesUnder(join(world.folder, "data", "spool"));
      for (const { path, bytes: whole } of good) writeFileSync(path, damaged(whole));
      const before = world.server("mx.grey.test").transactions.length;
      await world.startGateway();
      world.advance(HOUR_MS);
      await quiet(world);
      expect(await standing(world, id)).toMatch(/^deferred PST-(?:DLV-026|SPL-003)$/);
      world.advance(49 * HOUR_MS);
      await quiet(world);
      expect(await standing(world, id)).toBe("failed PST-PIP-001");
      expect(world.server("mx.grey.test").transactions).toHaveLength(before);
      expect(toldTo(world, `from-damaged${name}greytest@clinic.test`)).toContain("Your message could not be delivered");
    },
  );

  /** The last quarter of it, so that a careless reader would have sent the rest already. */
  function damaged(bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    for (let at = Math.floor(bytes.length * 0.75); at < bytes.length; at += 16) copy[at] = (copy[at] ?? 0) ^ 0x40;
    return copy;
  }

  test("another spool key is refused, and under the right one everything is delivered", async () => {
    const id = await deferredThenStopped("rekeyed");
    const path = join(world.folder, "keys", "spool.key");
    const right = readFileSync(path);
    writeFileSync(path, createHash("sha256").update("another").digest("hex"));
    await expect(world.startGateway()).rejects.toMatchObject({ code: "PST-SPL-071" });
    writeFileSync(path, right);
    await world.startGateway();
    world.advance(8 * HOUR_MS);
    await quiet(world);
    expect(await standing(world, id)).toBe("delivered -");
  });
});

test("signals during a start are answered after it: SIGHUP reloads, SIGTERM drains", async () => {
  await world.stopGateway();
  for (let round = 0; round < 3; round++) {
    const child = await ChildGateway.start(world.configPath);
    child.signal("SIGHUP");
    expect(await child.stop()).toBe(0);
    expect(child.output).toContain('"event":"stopped"');
  }
  await world.startGateway();
});

describe("a start that cannot be right is refused, says what to do, and changes nothing", () => {
  beforeEach(() => world.stopGateway());

  /** What is not as it should be about a refusal; empty where all is. */
  async function flawsOfRefusal(words: readonly RegExp[]): Promise<readonly string[]> {
    const before = digest();
    const { code, output } = await runCli(["--config", world.configPath, "serve"]);
    return [
      ...(code === 1 ? [] : [`exit code ${code}`]),
      ...[...words, /next: /i]
        .filter((word) => !word.test(output))
        .map((word) => `does not say ${word.source}: ${output}`),
      ...(/\n\s+at /.test(output) ? ["shows a stack"] : []),
      ...(digest() === before ? [] : ["changed the database"]),
    ];
  }

  function digest(): string {
    return createHash("sha256").update(readFileSync(databasePath())).digest("hex");
  }

  test("a database of a newer version", async () => {
    const version = sqlOn((db) => db.pragma("user_version", { simple: true }));
    sqlOn((db) => db.pragma("user_version = 99"));
    expect(await flawsOfRefusal([/PST-SPL-051/, /99/])).toEqual([]);
    sqlOn((db) => db.pragma(`user_version = ${Number(version)}`));
  });

  test("a file that is no database", async () => {
    renameSync(databasePath(), `${databasePath()}.kept`);
    writeFileSync(databasePath(), "this is no database, it is a letter\n".repeat(100));
    expect(await flawsOfRefusal([/PST-SPL-052/, /gateway\.db/])).toEqual([]);
    renameSync(`${databasePath()}.kept`, databasePath());
  });

  test("a second instance", async () => {
    await world.startGateway();
    expect(await flawsOfRefusal([/PST-SPL-050/, new RegExp(String(process.pid))])).toEqual([]);
  });

  test.each(["spool", "addresses"])("a missing %s key", async (name) => {
    const path = join(world.folder, "keys", `${name}.key`);
    renameSync(path, `${path}.kept`);
    expect(await flawsOfRefusal([new RegExp(`keys\\.${name}[^]*${name}\\.key`)])).toEqual([]);
    renameSync(`${path}.kept`, path);
  });

  test("another key for addresses than the database was written with", async () => {
    const path = join(world.folder, "keys", "addresses.key");
    const right = readFileSync(path);
    writeFileSync(path, createHash("sha256").update("another").digest("hex"));
    expect(await flawsOfRefusal([/PST-SPL-061/])).toEqual([]);
    writeFileSync(path, right);
  });

  test("and afterwards it starts as if nothing had been", async () => {
    await world.startGateway();
    const id = await world.accept(letter("last@dot-sent.test"));
    await quiet(world);
    expect(await standing(world, id)).toBe("delivered -");
    expect(world.fatal).toEqual([]);
  });
});
