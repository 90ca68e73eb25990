import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LogFields } from "../../core/log.ts";
import { Extraction } from "./extraction.ts";
import { BUDGETS, inflatedBomb } from "./extraction.samples.ts";
import type { ExtractedItem, ExtractionBudgets } from "./extraction-types.ts";
import { sandboxFlags } from "./sandbox.ts";
import { zipOf } from "./zip.samples.ts";

const MIB = 1024 * 1024;
const clock = { monotonic: () => performance.now() };

type Line = { readonly event: string; readonly fields: LogFields | undefined };

function poolOf(options: Partial<ConstructorParameters<typeof Extraction>[0]> = {}) {
  const lines: Line[] = [];
  const write = (event: string, fields?: LogFields): void => void lines.push({ event, fields });
  const log = { debug: write, info: write, warn: write, error: write };
  const pool = new Extraction(
    { readersMax: 1, readerMemoryBytesMax: 384 * MIB, pictures: null, ...options },
    { log, clock },
  );
  const extract = async (
    bytes: Uint8Array,
    budgets: Partial<ExtractionBudgets> = {},
  ): Promise<readonly ExtractedItem[]> => (await pool.extract({ bytes, budgets: { ...BUDGETS, ...budgets } })).items;
  return { pool, lines, extract };
}

const note = zipOf([{ name: "note.txt", content: "hello" }]);
const READ = [
  { kind: "name", place: "1", text: "note.txt" },
  { kind: "file", place: "1", name: "note.txt", bytes: Buffer.from("hello") },
];

describe("a reader process", () => {
  test("can touch nothing: no file, socket, process, thread, native code, and sees no environment", async () => {
    const probe = fileURLToPath(new URL("./reader-probe.fixture.ts", import.meta.url));
    const child = spawn(process.execPath, [...sandboxFlags(384 * MIB), probe], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {},
    });
    let said = "";
    for await (const piece of child.stdout) said += String(piece);
    const denied = "ERR_ACCESS_DENIED";
    expect(JSON.parse(said)).toEqual({
      environment: "{}",
      "read a file": denied,
      "read its own code": denied,
      "list a folder": denied,
      "read its own memory": denied,
      "write a file": denied,
      "start a process": denied,
      "start a thread": denied,
      "make code of text": expect.stringContaining("Code generation from strings disallowed"),
      "load native code": expect.stringMatching(/^ERR_(?:ACCESS_DENIED|DLOPEN_DISABLED)$/),
      connect: denied,
      "connect to a socket": denied,
      listen: denied,
      "send a datagram": denied,
      "resolve a name": denied,
    });
  });

  test.skipIf(process.platform !== "linux")("of the service has an empty environment and no open file", async () => {
    const { pool, extract } = poolOf();
    expect(await extract(note)).toEqual(READ);
    const [pid] = pool.idlePids;
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toBe("");
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")).toContain("--permission");
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(open.filter((target) => !/^(?:socket|pipe|anon_inode|\/dev\/null|\/dev\/urandom)/.test(target))).toEqual([]);
    await pool.close();
    expect(() => process.kill(pid ?? 0, 0)).toThrow("ESRCH");
  });

  test("refuses to read anything without its sandbox", async () => {
    const reader = fileURLToPath(new URL("./reader-main.ts", import.meta.url));
    const child = spawn(process.execPath, [reader], { stdio: ["pipe", "ignore", "ignore"] });
    const code = await new Promise((resolve) => child.once("exit", resolve));
    expect(code).toBe(1);
  });
});

describe("the pool of readers", () => {
  const { pool, lines, extract } = poolOf({ readersMax: 2 });
  beforeAll(() => extract(note));
  afterAll(() => pool.close());

  test("works on many at once, in few processes, each with its own answer", async () => {
    const archives = Array.from({ length: 40 }, (_, n) => zipOf([{ name: `n${n}.txt`, content: `text ${n}` }]));
    const answers = await Promise.all(archives.map((bytes) => extract(bytes)));
    const texts = answers.map((items) => items.flatMap((item) => (item.kind === "file" ? String(item.bytes) : [])));
    expect(texts).toEqual(archives.map((_, n) => [`text ${n}`]));
    expect(pool.idlePids.length).toBeLessThanOrEqual(2);
  });

  test("a reader killed in the middle of a job costs nothing: another one does it", async () => {
    const large = inflatedBomb(60 * MIB);
    const answer = extract(large, { inflateRatioMax: 2_000 });
    const victims = await busyReaders(pool);
    for (const pid of victims) process.kill(pid, "SIGKILL");
    expect((await answer).at(-1)).toMatchObject({ kind: "unread", reason: "unsupported_type" });
    expect(victims.length).toBeGreaterThan(0);
    expect(lines).toContainEqual({ event: "reader_ended", fields: { code: "PST-INS-004", because: "crash" } });
    expect(await extract(note)).toEqual(READ);
  });

  test("a reader that has done much is replaced", async () => {
    const { pool: single, extract: read } = poolOf();
    await read(note);
    const [first] = single.idlePids;
    for (let job = 0; job < 200; job += 1) expect(await read(note)).toEqual(READ);
    expect(single.idlePids).not.toEqual([first]);
    await single.close();
  });

  test("a text passes as it is, with every character", async () => {
    const name = "Bericht für 患者.txt";
    expect(await extract(zipOf([{ name, content: "ä" }]))).toEqual([
      { kind: "name", place: "1", text: name },
      { kind: "file", place: "1", name, bytes: Buffer.from("ä") },
    ]);
  });
});

describe("a reader that does not come back", () => {
  test("is killed for its memory, and what it had read is kept", async () => {
    const { pool, lines, extract } = poolOf({ readerMemoryBytesMax: 128 * MIB });
    const bomb = zipOf([
      { name: "note.txt", content: "hello" },
      { name: "zeros.bin", content: Buffer.alloc(200 * MIB) },
    ]);
    const items = await extract(bomb, { inflatedBytesMax: 300 * MIB, inflateRatioMax: 2_000 });
    expect(items.slice(0, 2)).toEqual(READ);
    expect(items.at(-1)).toEqual({ kind: "unread", place: "", reason: "over_budget" });
    expect(lines).toEqual([{ event: "reader_ended", fields: { code: "PST-INS-004", because: "memory" } }]);
    await pool.close();
  });

  test.skipIf(process.platform !== "linux")("is killed for its time, and a fresh one takes its place", async () => {
    const { pool, lines, extract } = poolOf();
    await extract(note);
    const [stuck] = pool.idlePids;
    // Of 0 all processes of the test itself would be stopped.
    if (stuck === undefined) throw new Error("no reader is idle");
    process.kill(stuck, "SIGSTOP");
    expect(await extract(note, { timeMsMax: 100 })).toEqual([{ kind: "unread", place: "", reason: "over_budget" }]);
    expect(lines).toEqual([{ event: "reader_ended", fields: { code: "PST-INS-004", because: "time" } }]);
    expect(await extract(note)).toEqual(READ);
    expect(pool.idlePids).not.toContain(stuck);
    await pool.close();
  });

  test.each([0, 3, 7])(
    "with %i file descriptors left, what cannot be read is told, and the service lives",
    async (left) => {
      const fixture = fileURLToPath(new URL("./few-descriptors.fixture.ts", import.meta.url));
      const child = spawn("/bin/sh", ["-c", `ulimit -n 60; exec "${process.execPath}" "${fixture}" ${left}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let said = "";
      for await (const piece of child.stdout) said += String(piece);
      const { pressed, relieved } = JSON.parse(said) as {
        readonly pressed: readonly string[];
        readonly relieved: string;
      };
      expect(pressed).toContain("inspection_error");
      expect(pressed.filter((kinds) => kinds !== "inspection_error" && kinds !== "name file")).toEqual([]);
      expect(relieved).toBe("name file");
    },
  );

  test("ends with the service", async () => {
    const { pool, extract } = poolOf();
    const pending = extract(inflatedBomb(30 * MIB), { inflateRatioMax: 2_000 });
    await pool.close();
    expect((await pending).length).toBeGreaterThan(0);
    expect(pool.idlePids).toEqual([]);
  });
});

/** Process ids of the children of this process that run a reader. */
async function busyReaders(pool: Extraction): Promise<readonly number[]> {
  for (let tries = 0; tries < 200; tries += 1) {
    const pids = pool.busyPids;
    if (pids.length > 0) return pids;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return [];
}
