/** The gateway as a process of its own, to be killed: started as an operator starts it, watched through what it prints. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";

const CLI = resolve(import.meta.dirname, "../../src/cli/cli.ts");
/** Compiled once for all lives of a test run. */
export const COMPILE_CACHE = join(tmpdir(), "postern-test-compile-cache");
const ENVIRONMENT = { PATH: process.env["PATH"], NODE_COMPILE_CACHE: COMPILE_CACHE };
const START_MS = 30_000;

export type ChildOptions = {
  /** POSTERN_FAILPOINTS: where and how it is struck. */
  readonly failpoints?: string;
  /** A command that runs it, such as a tracer and its arguments. */
  readonly under?: readonly string[];
  /** Environment beside its own. */
  readonly variables?: Readonly<Record<string, string>>;
};

/** A test that fails or runs out of time must leave no process behind. */
const alive = new Set<ChildGateway>();
process.once("exit", () => {
  for (const child of alive) child.abandon();
});

export class ChildGateway {
  readonly #process: ChildProcess;
  readonly #standardOutput: Readable;
  readonly #exited: Promise<number | null>;
  readonly #isUnder: boolean;
  #output = "";
  #signal: NodeJS.Signals | null = null;

  private constructor(configPath: string, { failpoints, under = [], variables = {} }: ChildOptions) {
    const [file, ...args] = [...under, process.execPath, CLI, "serve", "--config", configPath];
    const child = spawn(file ?? process.execPath, args, {
      env: { ...ENVIRONMENT, ...variables, ...(failpoints !== undefined && { POSTERN_FAILPOINTS: failpoints }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    this.#isUnder = under.length > 0;
    alive.add(this);
    child.once("exit", () => alive.delete(this));
    this.#standardOutput = child.stdout;
    this.#exited = once(child, "close").then(([code, signal]) => {
      this.#signal = signal as NodeJS.Signals | null;
      return code as number | null;
    });
    const read = (chunk: Buffer): void => void (this.#output += chunk.toString("utf8"));
    child.stdout.on("data", read);
    child.stderr.on("data", read);
  }

  /** Resolves when it says that it has started; rejects with what it said when it ends before. */
  static async start(configPath: string, options: ChildOptions = {}): Promise<ChildGateway> {
    const child = new ChildGateway(configPath, options);
    if (!(await child.hasStarted())) throw new Error(`the gateway did not start: ${child.#output}`);
    return child;
  }

  /** For one that may be killed while it starts. */
  static spawn(configPath: string, options: ChildOptions = {}): ChildGateway {
    return new ChildGateway(configPath, options);
  }

  /** False where it ended before it said so, or took too long. */
  async hasStarted(): Promise<boolean> {
    const end = performance.now() + START_MS;
    while (!this.#output.includes('"event":"started"')) {
      const isOver = await Promise.race([
        this.#exited.then(() => true),
        once(this.#standardOutput, "data").then(() => false),
      ]);
      if (isOver || performance.now() > end) return false;
    }
    return true;
  }

  /** How it ended by itself: the signal that killed it, or its exit code. */
  async ended(): Promise<NodeJS.Signals | number | null> {
    const code = await this.#exited;
    return this.#signal ?? code;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** All it wrote to standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** Power off: no handler runs. */
  async kill(): Promise<void> {
    this.#signalIt("SIGKILL");
    await this.#exited;
  }

  signal(name: "SIGHUP"): void {
    this.#signalIt(name);
  }

  /** The exit code after a drain. */
  async stop(): Promise<number | null> {
    this.#signalIt("SIGTERM");
    return this.#exited;
  }

  /** Whether or not anybody waits for it any more. */
  abandon(): void {
    this.#signalIt("SIGKILL");
  }

  /** The gateway itself, not what runs it: a tracer that is told to end lets go of it. */
  #signalIt(name: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    process.kill(this.#isUnder ? childOf(pid) : pid, name);
  }
}

function childOf(pid: number): number {
  const child = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"), 10);
  return child > 0 ? child : pid;
}

export type CommandEnd = { readonly code: number | null; readonly output: string };

/** The OS user a command runs as; only root can choose. */
export type RunAs = { readonly uid: number; readonly gid: number };

/** Runs one command line to its end; code null where it had to be ended. */
export async function runCli(args: readonly string[], as: RunAs | null = null): Promise<CommandEnd> {
  const child = spawn(process.execPath, [CLI, ...args], { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"], ...as });
  let output = "";
  const read = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const patience = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(patience);
  return { code, output };
}
