/**
 * What a process asked of the kernel, in order, as strace saw it. Promises: a call is known by when it began and when it ended; a call
 * of another thread in between changes neither.
 */
import { readFileSync } from "node:fs";

export type Syscall = {
  readonly name: string;
  /** Arguments as strace prints them, descriptors with the path or socket behind them. */
  readonly args: string;
  /** Begins with `-1 ` where it failed. */
  readonly result: string;
  /** Places in the order of events. */
  readonly began: number;
  readonly ended: number;
};

const CALLS =
  "fsync,fdatasync,sync_file_range,mkdir,mkdirat,openat,rename,renameat,renameat2," +
  "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg";

/** The command that runs and traces a process into `file`. */
export function tracing(file: string): readonly string[] {
  const options = ["-f", "-yy", "-s", "8192", "-e", `trace=${CALLS}`, "-e", "signal=none"];
  return ["strace", ...options, "-o", file];
}

/** Every call that ended, in the order in which they ended. */
export function readTrace(file: string): readonly Syscall[] {
  const calls: Syscall[] = [];
  const pending = new Map<string, { readonly text: string; readonly began: number }>();
  for (const [at, line] of readFileSync(file, "latin1").split("\n").entries()) {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const begun = / <unfinished \.\.\.>$/.exec(text);
    if (begun !== null) {
      pending.set(thread, { text: text.slice(0, begun.index), began: at });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const start = resumed === null ? { text: "", began: at } : pending.get(thread);
    if (start === undefined) continue;
    const whole = /^(\w+)\((.*)\) += (.*)$/.exec(start.text + (resumed?.[1] ?? text));
    if (whole === null) continue;
    const [, name = "", args = "", result = ""] = whole;
    calls.push({ name, args, result, began: start.began, ended: at });
  }
  return calls;
}

const WRITES = new Set(["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"]);

/** The calls of a kind on what lies behind a descriptor or at a path. */
export class Trace {
  readonly #calls: readonly Syscall[];

  constructor(calls: readonly Syscall[]) {
    this.#calls = calls;
  }

  /** The first write to a socket with these words in it, as strace escapes them. */
  said(words: string): Syscall {
    return one(
      this.#calls.find(({ name, args }) => WRITES.has(name) && /^\d+<TCP/.test(args) && args.includes(words)),
      words,
    );
  }

  writes(path: RegExp): readonly Syscall[] {
    return this.#calls.filter(({ name, args }) => WRITES.has(name) && path.test(behind(args)));
  }

  /** Those that succeeded, through descriptors opened so that a write ends when it is on the disk. */
  syncedWrites(path: RegExp): readonly Syscall[] {
    const opened = this.#calls.filter(({ name, result }) => name === "openat" && path.test(behind(result)));
    return this.writes(path).filter((write) => {
      const open = opened.findLast(
        ({ result, ended }) => ended < write.began && descriptor(result) === descriptor(write.args),
      );
      return !write.result.startsWith("-1") && open?.args.includes("O_DSYNC") === true;
    });
  }

  /** Those that succeeded. */
  syncs(path: RegExp): readonly Syscall[] {
    return this.#calls.filter(
      ({ name, args, result }) => /^(?:fsync|fdatasync)$/.test(name) && path.test(behind(args)) && result === "0",
    );
  }

  /** Calls whose arguments name the path, such as mkdir and rename. */
  named(name: RegExp, path: RegExp): readonly Syscall[] {
    return this.#calls.filter((call) => name.test(call.name) && path.test(call.args) && !call.result.startsWith("-1"));
  }
}

/** The number of the descriptor in the first argument, or of what openat returned. */
function descriptor(text: string): string {
  return /^\d+/.exec(text)?.[0] ?? "";
}

/** The path of the descriptor in the first argument. */
function behind(args: string): string {
  return /^\d+<(.*?)>(?:,|$)/.exec(args)?.[1] ?? "";
}

function one(call: Syscall | undefined, what: string): Syscall {
  if (call === undefined) throw new Error(`the trace has no ${what}`);
  return call;
}

/** The last of these that ended before the other began, and began after `since`; undefined where there is none. */
export function lastBefore(
  calls: readonly Syscall[],
  other: Syscall,
  since: Syscall | null = null,
): Syscall | undefined {
  return calls.filter(({ began, ended }) => ended < other.began && (since === null || began > since.ended)).at(-1);
}
