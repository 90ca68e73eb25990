/**
 * Disks that fill, fail and stall under a real process: who waits is told to come again, nothing acknowledged is lost, what is not
 * on disk is not sent, and after a sync that failed the process ends and the next start decides.
 */
import { connect } from "node:net";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ChildGateway } from "../support/child-gateway.ts";
import { CrashLife } from "../support/crash-life.ts";
import type { MailKind } from "../support/crash-life.ts";
import { peers } from "../support/peers.ts";
import { eventually } from "../support/world.ts";

const { areMissing, note } = peers("strace");

let life: CrashLife;
beforeEach(async () => {
  life = await CrashLife.begin();
});
afterEach(() => life.end());

describe("full", () => {
  test.each<[string, MailKind]>([
    ["segment.before-create=enospc@1", "small"],
    ["segment.before-write=enospc@1", "small"],
    ["file.before-create=enospc@1", "large"],
    ["file.before-write=enospc@3", "large"],
    ["store.rows-of-accept=enospc@1", "small"],
  ])("%s: a %s mail is put off, an alert raised, and the same process takes the next one", async (failpoints, kind) => {
    const child = await ChildGateway.start(life.world.configPath, { failpoints });
    const refused = await life.hand(kind);
    expect(refused?.code).toSatisfy(isTemporary);
    const taken = await eventually(async () => {
      const answer = await life.hand("small");
      return answer?.code === 250 ? answer : null;
    });
    expect(taken.code).toBe(250);
    await life.world.arrived("mx.good.test", 1);
    expect(await child.stop()).toBe(0);
    expect(alertsIn(child.output)).toContain("PST-PRS-009");
    expect(await life.goOn()).toMatchObject({ copies: 1, marks: 0, chainFaults: [], leaks: [], missingBodies: false });
  });

  test("record.before-write=enospc@1: the second mail is put off, an alert raised, and the same process takes it again", async () => {
    const child = await ChildGateway.start(life.world.configPath, { failpoints: "record.before-write=enospc@1" });
    expect((await life.hand("small"))?.code).toBe(250);
    await life.world.arrived("mx.good.test", 1);
    await life.rest();
    expect((await life.hand("small"))?.code).toSatisfy(isTemporary);
    const taken = await eventually(async () => {
      const answer = await life.hand("small");
      return answer?.code === 250 ? answer : null;
    });
    expect(taken.code).toBe(250);
    await life.world.arrived("mx.good.test", 2);
    expect(await child.stop()).toBe(0);
    expect(alertsIn(child.output)).toContain("PST-PRS-009");
    expect(await life.goOn()).toMatchObject({ copies: 2, marks: 0, chainFaults: [], leaks: [], missingBodies: false });
  });
});

describe("failing", () => {
  test.each<[string, MailKind, string, boolean?]>([
    ["segment.before-write=eio", "small", "PST-SPL-001"],
    ["record.before-write=eio", "small", "PST-SPL-001", true],
    ["segment.before-directory-sync=eio", "small", "PST-SPL-001"],
    ["file.before-write=eio@2", "large", "PST-SPL-001"],
    ["file.before-sync=eio", "large", "PST-SPL-001"],
    ["file.before-rename=eio", "large", "PST-SPL-001"],
    ["file.before-directory-sync=eio", "large", "PST-SPL-001"],
    ["store.rows-of-accept=eio", "small", "PST-SPL-055"],
  ])(
    "%s: a %s mail is put off, an alert raised, and the process ends",
    async (failpoints, kind, code, isSecond = false) => {
      const { death, answer } = await life.die({ failpoints }, kind, { isSecond });
      expect(answer?.code).toSatisfy(isTemporary);
      expect(death).toBe(1);
      expect(alertsIn(life.output)).toContain(code);
      expect(await life.goOn()).toMatchObject({ recipients: [], copies: 0, chainFaults: [], leaks: [] });
      expect((await life.world.accept(letter())).length).toBe(26);
    },
  );

  test("when the intent is to be written: the dot never leaves, and the mail arrives once after the next start", async () => {
    const { death, answer } = await life.die({ failpoints: "store.rows-of-intent=eio" }, "small");
    expect([death, answer?.code]).toEqual([1, 250]);
    expect(life.world.server("mx.good.test").transactions).toHaveLength(0);
    expect(await life.goOn()).toMatchObject({ copies: 1, marks: 0, chainFaults: [] });
  });

  test("when the outcome is to be written: the copy that was taken is marked, and sent again as it was", async () => {
    const { death, answer } = await life.die({ failpoints: "store.rows-of-end=eio" }, "small");
    expect([death, answer?.code]).toEqual([1, 250]);
    expect(life.world.server("mx.good.test").transactions).toHaveLength(1);
    expect(await life.goOn()).toMatchObject({ copies: 2, marks: 1, areIdentical: true, chainFaults: [] });
  });

  test("after one failed sync nothing else is acknowledged, whatever the disk says then", async () => {
    const child = await ChildGateway.start(life.world.configPath, { failpoints: "segment.before-write=eio@1" });
    const answers = await Promise.all(Array.from({ length: 5 }, () => life.hand("small")));
    expect(answers.filter((answer) => answer?.code === 250)).toEqual([]);
    expect(await child.ended()).toBe(1);
    expect(await life.goOn()).toMatchObject({ recipients: [], copies: 0 });
  });
});

describe.skipIf(areMissing)(`the log of the database${note}`, () => {
  /** SQLite syncs with fsync(2) or fdatasync(2), as it was built. */
  const injecting = (path: string, calls: string, fault: string): readonly string[] => {
    const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:${fault}`];
    return ["strace", "-f", "-o", "/dev/null", "-P", path, ...inject];
  };
  const SYNCS = "fsync,fdatasync";

  test("a real sync of it that fails ends the process; what was acknowledged before it is delivered once", async () => {
    const under = injecting(`${life.databasePath}-wal`, SYNCS, "error=EIO:when=6+");
    const child = await ChildGateway.start(life.world.configPath, { under });
    const acknowledged = [];
    for (let i = 0; i < 8; i += 1) {
      const answer = await life.hand("small");
      if (answer?.code !== 250) break;
      acknowledged.push(answer);
    }
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(await child.ended()).toBe(1);
    expect(child.output).toContain("SQLITE_IOERR_FSYNC");
    expect(alertsIn(child.output)).toContain("PST-SPL-055");
    const after = await life.goOn();
    expect(after.recipients.length).toBeGreaterThanOrEqual(acknowledged.length);
    expect(after.recipients.every(({ state }) => state === "delivered")).toBe(true);
    expect(after.copies).toBeLessThanOrEqual(after.recipients.length + after.marks);
    expect(after.chainFaults).toEqual([]);
  });

  test("killed between writing it and syncing it, nothing acknowledged is lost", async () => {
    for (const nth of [3, 4, 5]) {
      const one = await CrashLife.begin();
      try {
        const under = injecting(`${one.databasePath}-wal`, SYNCS, `signal=SIGKILL:when=${nth}`);
        const { death, answer } = await one.dieWhenever({ under }, "small");
        expect(death).toBe("SIGKILL");
        const after = await one.goOn();
        expect(after.recipients.length).toBeGreaterThanOrEqual(answer?.code === 250 ? 1 : 0);
        expect(after.copies).toBeLessThanOrEqual(after.recipients.length + after.marks);
        expect(after).toMatchObject({ chainFaults: [], leaks: [], areIdentical: true });
      } finally {
        await one.end();
      }
    }
  });

  test("killed while the log is moved into the database, nothing is lost", async () => {
    const under = injecting(life.databasePath, "pwrite64", "signal=SIGKILL:when=3");
    const { death } = await life.die({ under }, "small", { thenStop: true });
    expect(death).toBe("SIGKILL");
    expect(await life.goOn()).toMatchObject({ copies: 1, marks: 0, chainFaults: [], leaks: [] });
  });

  test("a write to it for which there is no space puts the mail off and leaves the process alive", async () => {
    const under = injecting(`${life.databasePath}-wal`, "pwrite64", "error=ENOSPC:when=20..22");
    const child = await ChildGateway.start(life.world.configPath, { under });
    const codes: (number | undefined)[] = [];
    await eventually(async () => {
      codes.push((await life.hand("small"))?.code);
      return codes.some((code) => isTemporary(code)) && codes.at(-1) === 250 ? true : null;
    });
    expect(codes.every((code) => code === 250 || isTemporary(code))).toBe(true);
    expect(await child.stop()).toBe(0);
    const acknowledged = codes.filter((code) => code === 250).length;
    const after = await life.goOn();
    expect(after.recipients.length).toBeGreaterThanOrEqual(acknowledged);
    expect(after.recipients.every(({ state }) => state === "delivered")).toBe(true);
    expect(after.copies).toBeLessThanOrEqual(after.recipients.length + after.marks);
    expect(after).toMatchObject({ chainFaults: [], leaks: [] });
  });
});

describe("stalled", () => {
  test.each([
    ["body", "segment.before-write=stall:1500@1", 1],
    ["body of the second mail", "record.before-write=stall:1500@1", 2],
    ["database", "store.rows-of-accept=stall:1500@1", 1],
  ])(
    "the %s: the mail is answered when it is durable and not before, and others are answered meanwhile",
    async (_what, failpoints, mails) => {
      const child = await ChildGateway.start(life.world.configPath, { failpoints });
      for (let i = 1; i < mails; i += 1) expect((await life.hand("small"))?.code).toBe(250);
      if (mails > 1) await life.rest();
      const begun = performance.now();
      const waiting = life.hand("small").then((answer) => ({ code: answer?.code, tookMs: performance.now() - begun }));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const asked = performance.now();
      expect(await greeted(life.port)).toMatch(/^220 [^]*250/);
      expect(performance.now() - asked).toBeLessThan(1_000);
      const { code, tookMs } = await waiting;
      expect(code).toBe(250);
      expect(tookMs).toBeGreaterThan(1_400);
      expect(await child.stop()).toBe(0);
    },
  );

  test("and killed meanwhile: nobody was told 250, and nothing is there", async () => {
    const child = await ChildGateway.start(life.world.configPath, { failpoints: "segment.before-write=stall:60000" });
    const waiting = life.hand("small");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await child.kill();
    expect(await waiting).toBeNull();
    expect(await life.goOn()).toMatchObject({ recipients: [], copies: 0, chainFaults: [], leaks: [] });
  });
});

function isTemporary(code: number | undefined): boolean {
  return code !== undefined && code >= 400 && code < 500;
}

function alertsIn(output: string): readonly string[] {
  const lines = output.split("\n").filter((line) => line.includes('"event":"alert"'));
  return lines.map((line) => /"code":"(PST-[A-Z]+-\d+)"/.exec(line)?.[1] ?? "");
}

function letter(): Parameters<CrashLife["world"]["accept"]>[0] {
  const bytes = Buffer.from("From: from@clinic.test\r\nSubject: Lunch\r\n\r\nSee you at noon.\r\n");
  return { mailFrom: "from@clinic.test", rcptTo: ["to@plain.test"], bytes };
}

/** What a client hears that says EHLO and goes. */
async function greeted(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
  await once(socket, "data");
  socket.write("EHLO sender.test\r\n");
  await once(socket, "data");
  socket.destroy();
  return heard;
}
