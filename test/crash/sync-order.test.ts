/**
 * The order of durability, read from the system calls of a real process: body, directory, write-ahead log, then 250 on the socket;
 * and the log again before the final dot leaves.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChildGateway } from "../support/child-gateway.ts";
import { CrashLife } from "../support/crash-life.ts";
import { peers } from "../support/peers.ts";
import { lastBefore, readTrace, Trace, tracing } from "../support/syscall-trace.ts";
import type { Syscall } from "../support/syscall-trace.ts";
import { mail } from "../support/world.ts";

const { areMissing, note } = peers("strace");
const PLAIN = "mx.plain.test";
const SEGMENT = /\/spool\/segments\/[^/]+\.seg$/;
const SEGMENTS = /\/spool\/segments$/;
const FILES = /\/spool\/files$/;
const PART = /\/spool\/files\/[^/]+\.part$/;
const WAL = /\/gateway\.db-wal$/;

describe.skipIf(areMissing)(`traced${note}`, () => {
  let life: CrashLife;
  let trace: Trace;
  let acks: readonly [Syscall, Syscall, Syscall];

  beforeAll(async () => {
    life = await CrashLife.begin();
    const { world } = life;
    // From nothing: what the first start makes has to be durable too.
    rmSync(join(world.folder, "data"), { recursive: true });
    const file = join(world.folder, "trace");
    const child = await ChildGateway.start(world.configPath, { under: tracing(file) });
    const ids: string[] = [];
    for (const [index, text] of ["first", "second", "x".repeat(70).concat("\r\n").repeat(5_000)].entries()) {
      ids.push(await hand(text));
      await world.arrived(PLAIN, index + 1);
      await life.rest();
    }
    await child.stop();
    trace = new Trace(readTrace(file));
    const [first = "", second = "", third = ""] = ids;
    acks = [first, second, third].map((id) => trace.said(`250 2.0.0 queued as ${id}`)) as unknown as typeof acks;
  }, 60_000);
  afterAll(() => life.end());

  async function hand(text: string): Promise<string> {
    const bytes = mail(["From: from@clinic.test", "Subject: Lunch", "", text]);
    const answer = await life.submit({ mailFrom: "from@clinic.test", rcptTo: ["to@plain.test"], bytes });
    const id = /queued as ([0-9A-Z]{26})/.exec(answer?.text ?? "")?.[1];
    if (id === undefined) throw new Error(`not accepted: ${answer?.text ?? "no answer"}`);
    return id;
  }

  /** What is missing, or began before what it follows had ended; empty where the order holds. */
  function disorder(...steps: readonly (readonly [string, Syscall | undefined])[]): readonly string[] {
    return steps.flatMap(([name, call], index) => {
      if (call === undefined) return [`no ${name}`];
      const [earlier, before] = steps[index - 1] ?? [];
      return before === undefined || call.began > before.ended ? [] : [`${name} began before ${earlier} had ended`];
    });
  }

  test("the first small mail: body, its directory, the log, each synced before the 250", () => {
    const [ack] = acks;
    const walSync = lastBefore(trace.syncs(WAL), ack);
    const walWrite = walSync && lastBefore(trace.writes(WAL), walSync);
    const directory = walWrite && lastBefore(trace.syncs(SEGMENTS), walWrite);
    const body = directory && lastBefore(trace.syncedWrites(SEGMENT), directory);
    expect(
      disorder(
        ["body, synced", body],
        ["directory synced", directory],
        ["rows", walWrite],
        ["rows synced", walSync],
        ["250", ack],
      ),
    ).toEqual([]);
  });

  test("the second mail, which comes alone: its body to its place and with its rows into the log, one sync, the 250", () => {
    const [before, ack] = acks;
    const walSync = lastBefore(trace.syncs(WAL), ack, before);
    const walWrite = walSync && lastBefore(trace.writes(WAL), walSync, before);
    const body = walWrite && lastBefore(trace.writes(SEGMENT), walWrite, before);
    expect(disorder(["body", body], ["rows", walWrite], ["rows synced", walSync], ["250", ack])).toEqual([]);
    const isRedo = ({ args, began }: Syscall): boolean =>
      args.includes("seg:") && args.includes("PSR1") && began < (walSync?.began ?? 0);
    expect(trace.writes(WAL).some((write) => isRedo(write) && write.began > before.ended)).toBe(true);
    expect(lastBefore(trace.syncs(SEGMENTS), ack, before)).toBeUndefined();
    expect(trace.syncedWrites(SEGMENT)).toHaveLength(1);
  });

  test("a large mail: its file, its name, the directory, the log, then the 250", () => {
    const [, before, ack] = acks;
    const walSync = lastBefore(trace.syncs(WAL), ack, before);
    const walWrite = walSync && lastBefore(trace.writes(WAL), walSync, before);
    const directory = walWrite && lastBefore(trace.syncs(FILES), walWrite, before);
    const rename = directory && lastBefore(trace.named(/^rename/, /\/spool\/files\//), directory, before);
    const bodySync = rename && lastBefore(trace.syncs(PART), rename, before);
    const body = bodySync && lastBefore(trace.writes(PART), bodySync, before);
    expect(
      disorder(
        ["body", body],
        ["body synced", bodySync],
        ["renamed", rename],
        ["directory synced", directory],
        ["rows", walWrite],
        ["rows synced", walSync],
        ["250", ack],
      ),
    ).toEqual([]);
  });

  test("before the final dot leaves, the intent is in the log and synced", () => {
    const data = trace.said("DATA\\r\\n");
    const dot = trace.said("\\r\\n.\\r\\n");
    const walSync = lastBefore(trace.syncs(WAL), dot, data);
    const walWrite = walSync && lastBefore(trace.writes(WAL), walSync, data);
    expect(disorder(["DATA", data], ["intent", walWrite], ["intent synced", walSync], ["dot", dot])).toEqual([]);
  });

  test("what the first start made is durable by its name before the first 250", () => {
    const [ack] = acks;
    const made = [
      [/\/data"/, /\/postern-world-[^/]+$/],
      [/\/data\/spool"/, /\/data$/],
      [/\/spool\/segments"/, /\/spool$/],
      [/\/spool\/files"/, /\/spool$/],
    ] as const;
    for (const [path, parent] of made) {
      const [mkdir] = trace.named(/^mkdir/, path);
      expect(
        disorder(["made", mkdir], [`${path.source} synced`, mkdir && lastBefore(trace.syncs(parent), ack, mkdir)]),
      ).toEqual([]);
    }
    const wal = trace.named(/^openat$/, /gateway\.db-wal", [A-Z_|]*O_CREAT/).find(({ ended }) => ended < ack.began);
    expect(
      disorder(["log made", wal], ["its directory synced", wal && lastBefore(trace.syncs(/\/data$/), ack, wal)]),
    ).toEqual([]);
  });
});
