/**
 * A real file system that runs full in the middle of a message, and has room again: the gateway says 4xx and lives, and what it
 * acknowledged is delivered, once.
 */
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChildGateway } from "../support/child-gateway.ts";
import { CrashLife } from "../support/crash-life.ts";
import { quiet } from "../support/never-clear-run.ts";
import { canMount, mount, unmount } from "../support/small-disk.ts";
import { eventually } from "../support/world.ts";

const MEBIBYTES = 192;
const LINE = `${"y".repeat(78)}\r\n`;
const PIECE = LINE.repeat(12_500);

describe.skipIf(!canMount())("a file system of its own", () => {
  let life: CrashLife;
  let child: ChildGateway;
  let folder: string;
  const acknowledged: string[] = [];

  beforeAll(async () => {
    life = await CrashLife.begin();
    folder = join(life.world.folder, "data");
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    mount(folder, MEBIBYTES);
    child = await ChildGateway.start(life.world.configPath);
  }, 60_000);
  afterAll(async () => {
    await child.kill();
    await life.world.stopGateway();
    unmount(folder);
    await life.end();
  });

  /** The code of the answer. */
  async function send(): Promise<number> {
    const bytes = Buffer.from(`From: from@clinic.test\r\nSubject: Lunch\r\n\r\n${LINE}`);
    const answer = await life.submit({ mailFrom: "from@clinic.test", rcptTo: ["to@nowhere.test"], bytes });
    const id = /queued as ([0-9A-Z]{26})/.exec(answer?.text ?? "")?.[1];
    if (id !== undefined) acknowledged.push(id);
    return answer?.code ?? 0;
  }

  /** Writes until nothing more fits. */
  function fill(): void {
    const file = openSync(join(folder, "filler"), "a");
    try {
      for (const size of [1_048_576, 4_096]) while (hasWritten(file, size));
    } finally {
      closeSync(file);
    }
  }

  function hasWritten(file: number, size: number): boolean {
    try {
      return writeSync(file, Buffer.alloc(size)) > 0;
    } catch {
      return false;
    }
  }

  test(
    "that runs full in the middle of a body: the client is told to come again, and the process lives",
    { timeout: 60_000 },
    async () => {
      for (let i = 0; i < 5; i += 1) expect(await send()).toBe(250);
      const socket = connect(life.port, "127.0.0.1");
      let heard = "";
      socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
      socket.on("error", () => undefined);
      const said = (code: string) => eventually(async () => (new RegExp(`^${code} `, "m").test(heard) ? true : null));
      await said("220");
      socket.write("EHLO sender.test\r\nMAIL FROM:<from@clinic.test>\r\nRCPT TO:<to@nowhere.test>\r\n");
      await said("250 2.1.5");
      socket.write("DATA\r\n");
      await said("354");
      socket.write(`From: from@clinic.test\r\nSubject: Lunch\r\n\r\n${PIECE}`);
      await eventually(async () =>
        statfsSync(folder).bavail * 4_096 < MEBIBYTES * 1_048_576 - 1_000_000 ? true : null,
      );
      fill();
      expect(statfsSync(folder).bavail).toBe(0);
      heard = "";
      if (!socket.write(`${PIECE}${PIECE}${PIECE}.\r\n`))
        await Promise.race([once(socket, "drain"), once(socket, "close")]);
      await eventually(async () => (/^4\d\d /m.test(heard) ? true : null));
      socket.destroy();
      // What was kept of the body is gone again.
      await eventually(async () => (statfsSync(folder).bavail > 0 ? true : null));
      fill();
      for (let i = 0; i < 3; i += 1) expect(await send()).toSatisfy(isTemporary);
    },
  );

  test("and has room again: mail is taken by the same process", { timeout: 60_000 }, async () => {
    rmSync(join(folder, "filler"));
    await eventually(async () => ((await send()) === 250 ? true : null));
    expect(await child.stop()).toBe(0);
  });

  test("what was acknowledged is delivered, once", { timeout: 60_000 }, async () => {
    const { world } = life;
    await world.startGateway();
    world.internet.dns.setRecord("nowhere.test", { MX: [[10, "mx.good.test"]] });
    world.advance(5 * 3_600_000);
    await quiet(world);
    const rows = await world.postern.store.recipients({ limit: 1_000 });
    const delivered = rows.filter(({ state }) => state === "delivered").map(({ messageId }) => String(messageId));
    expect(delivered.toSorted()).toEqual(acknowledged.toSorted());
    expect(world.server("mx.good.test").transactions).toHaveLength(acknowledged.length);
    expect(world.log.join("")).not.toContain("bodies_missing");
  });
});

function isTemporary(code: number): boolean {
  return code >= 400 && code < 500;
}
