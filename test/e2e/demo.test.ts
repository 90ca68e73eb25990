import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runDemo } from "../../src/cli/demo/demo.ts";
import type { DemoOptions, DemoResult } from "../../src/cli/demo/demo.ts";
import type { DemoRow } from "../../src/cli/demo/demo-row.ts";
import { SAMPLE_MAILS } from "../../src/cli/demo/sample-mails.ts";
import type { SampleMail } from "../../src/cli/demo/sample-mails.ts";
import { eventually } from "../support/world.ts";

const CLI = resolve(import.meta.dirname, "../../src/cli/cli.ts");

let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "postern-demo-test-"));
  vi.stubEnv("TMPDIR", temporary);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(temporary, { recursive: true, force: true });
});

type Ended = { readonly code: number; readonly out: string; readonly err: string };

function postern(...args: readonly string[]): Promise<Ended> {
  return new Promise((done) => {
    const env = { ...process.env, TMPDIR: temporary };
    execFile(process.execPath, [CLI, ...args], { env, timeout: 18_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      done({ code, out, err });
    });
  });
}

describe("postern demo, not in a terminal", () => {
  test("shows every recipient as expected, ends with 0 and leaves nothing behind", async () => {
    const { code, out, err } = await postern("demo");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("26 recipients: 14 delivered, 6 held, 2 deferred, 4 failed, as expected");
    expect(out).toMatch(/audit: \d{3} events, chain verified/);
    expect(out).toContain("disclosure: none");
    expect(out).not.toContain("\u001B");
    expect(out.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("--json prints one object a recipient and nothing else", async () => {
    const { code, out } = await postern("demo", "--json");
    expect(code).toBe(0);
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as DemoRow);
    expect(rows).toHaveLength(26);
    expect(rows.flatMap(({ differences }) => differences)).toEqual([]);
    const lab = rows.find(({ recipient, state }) => recipient === "lab@no-tls.test" && state === "held");
    expect(lab).toMatchObject({
      found: "PHI",
      required: { profile: "standard", minRung: "pkix" },
      used: null,
      rung: "plain",
      code: "PST-DEC-001",
      reply: null,
    });
    const rungs = rows.map(({ rung, state }) => `${rung} ${state}`);
    expect(rungs).toEqual(expect.arrayContaining(["dane delivered", "sts-enforce delivered"]));
    const between = rows.filter(({ recipient }) => recipient === "ed@intruder.test");
    expect(between.map(({ state, code }) => `${state} ${code}`)).toEqual(Array(2).fill("deferred PST-DLV-039"));
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("the demo from within", () => {
  test("a row that is not as expected is named, and the folder is kept and named", async () => {
    const errors = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const demo = start({ mails: [changed(2, (mail) => ({ ...mail, found: "PHI high" }))] });
    expect(await demo.result).toBe("unexpected");
    expect(demo.lines.join("\n")).toContain("NOT AS EXPECTED: found is [secure], expected PHI high");
    expect(demo.lines.join("\n")).toContain(
      "2 recipients: 1 delivered, 1 held, 0 deferred, 0 failed, 2 NOT AS EXPECTED",
    );
    const [kept = ""] = readdirSync(temporary);
    expect(existsSync(join(temporary, kept, "postern.log"))).toBe(true);
    expect(errors.mock.calls.join("")).toContain(join(temporary, kept));
  });

  test("protected content seen by a server without TLS is called a disclosure", async () => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const clean = changed(0, (mail) => ({
      ...mail,
      canary: "behind the library",
      recipients: mail.recipients.filter(({ address }) => !address.includes("greylist")),
    }));
    const demo = start({ mails: [clean] });
    expect(await demo.result).toBe("unexpected");
    expect(demo.lines.join(" ")).toContain("PROTECTED CONTENT WAS SEEN BY mx.selfsigned.test, mx.no-tls.test");
  });

  test("while it stays, the other commands work on it; then it goes without a trace", async () => {
    const stop = new AbortController();
    const demo = start({ mails: SAMPLE_MAILS.slice(2, 4), stays: true, signal: stop.signal });
    await eventually(async () => demo.lines.find((line) => line.startsWith("Ctrl-C")) ?? null);
    const config = /POSTERN_CONFIG=(\S+)/.exec(demo.lines.join("\n"))?.[1] ?? "";
    const on = (...args: readonly string[]): Promise<Ended> => postern(...args, "--config", config);
    const [list, route, audit] = await Promise.all([
      on("queue", "list", "--json"),
      on("route", "explain", "lab@no-tls.test"),
      on("audit", "verify"),
    ]);
    const { id, state } = JSON.parse(list.out) as { id: string; state: string };
    expect([list.code, state, route.code, audit.code]).toEqual([0, "held", 0, 0]);
    expect((await on("trace", id)).out).toContain("lab@no-tls.test  held");
    expect(await on("queue", "release", id, "--reason", "a look again")).toMatchObject({ code: 0, err: "" });
    const told = await eventually(async () => {
      const { out } = await on("trace", id);
      return out.split("not good enough").length === 3 ? out : null;
    });
    expect(told).toContain("asked for release: a look again");
    stop.abort();
    expect(await demo.result).toBe("as-expected");
    expect(readdirSync(temporary)).toEqual([]);
  });
});

function start(options: Partial<DemoOptions>): { readonly lines: string[]; readonly result: Promise<DemoResult> } {
  const lines: string[] = [];
  const result = runDemo({
    output: { line: (text) => void lines.push(text), width: null },
    look: { width: 400, isStyled: false },
    asJson: false,
    stays: false,
    signal: new AbortController().signal,
    program: "postern",
    ...options,
  });
  return { lines, result };
}

function changed(index: number, change: (mail: SampleMail) => SampleMail): SampleMail {
  const mail = SAMPLE_MAILS[index];
  if (mail === undefined) throw new Error("no such sample");
  return change(mail);
}
