/** What processes cost, read from /proc: CPU time and memory of a whole tree, and its end. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** USER_HZ of Linux. */
const TICKS_PER_SECOND = 100;

type Stat = { readonly pid: number; readonly parent: number; readonly ticks: number };

function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in parentheses may hold spaces; what is counted comes after it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    // utime, stime and those of children already waited for.
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
    return { pid, parent: Number(fields[1]), ticks };
  } catch {
    return null;
  }
}

function tree(root: number): readonly Stat[] {
  const stats = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== null);
  const found = stats.filter(({ pid }) => pid === root);
  for (const { pid } of found) found.push(...stats.filter(({ parent }) => parent === pid));
  return found;
}

/** CPU seconds of the processes and of their threads since they began. */
export function cpuSeconds(roots: readonly number[]): number {
  return roots.flatMap(tree).reduce((sum, { ticks }) => sum + ticks / TICKS_PER_SECOND, 0);
}

/** Proportional set size in MB: shared pages count once over all who share them. */
export function pssMb(roots: readonly number[]): number {
  return roots.flatMap(tree).reduce((sum, { pid }) => sum + pssOf(pid), 0) / 1024;
}

function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Most resident memory of one process since it began, in MB. */
export function peakRssMb(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024;
}

/** Looks again and again until it is stopped, and keeps the most it saw. */
export class PeakPss {
  #peakMb = 0;
  readonly #roots: readonly number[];
  readonly #timer: NodeJS.Timeout;

  constructor(roots: readonly number[], everyMs: number) {
    this.#roots = roots;
    this.#timer = setInterval(() => this.#look(), everyMs);
  }

  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return this.#peakMb;
  }

  #look(): void {
    this.#peakMb = Math.max(this.#peakMb, pssMb(this.#roots));
  }
}

/** Ends a tree this benchmark started: asks one of it first (0 is the root, 1 its child), then makes sure. */
export async function endTree(root: number, patienceMs: number, asked = 0): Promise<void> {
  const pids = tree(root).map(({ pid }) => pid);
  signal(pids.slice(asked, asked + 1), "SIGTERM");
  const end = performance.now() + patienceMs;
  while (performance.now() < end && statOf(root) !== null) await sleep(20);
  signal(pids, "SIGKILL");
}

function signal(pids: readonly number[], name: "SIGTERM" | "SIGKILL"): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Gone already.
    }
  }
}
