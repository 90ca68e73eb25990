/**
 * Reads the text of pictures by a program the operator names, such as Tesseract, confined by bubblewrap.
 * Promises: the program sees /usr and its data, both read-only, an empty /tmp and nothing else of the machine: no spool, no keys, no
 * network, no processes of others, no environment, no capability; its memory, time, files and answer have an end. The picture comes by
 * its input, the text by its output. Whatever goes wrong, also a picture in which it finds no word, is null: not read.
 * Not confined: the calls to the kernel it may make, and the share of the processors it takes.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { pixelsOf } from "./picture-size.ts";

export type PictureProgramOptions = {
  /** Program and arguments; it reads a picture from its input and writes text. */
  readonly command: readonly [string, ...string[]];
  /** Seen by the program as /data; null for none. */
  readonly dataDir: string | null;
  readonly timeMsMax: number;
  readonly memoryBytesMax: number;
  readonly pixelsMax: number;
  /** Running at once. */
  readonly processesMax: number;
};

/** Why a picture was not read. `start`: the program cannot be run confined here. */
export type PictureEnd = "start" | "size" | "time" | "failed" | "no_text";
export type PictureResult =
  { readonly text: string; readonly end: null } | { readonly text: null; readonly end: PictureEnd };

const BUBBLEWRAP = "/usr/bin/bwrap";
const LIMITS = "/usr/bin/prlimit";
const TEXT_BYTES_MAX = 1024 * 1024;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const OPEN_FILES_MAX = 64;
/** A word. Where none is found, nobody has read the picture. */
const WORD = /\p{L}{3}/u;

export class PictureProgram {
  readonly #options: PictureProgramOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: PictureProgramOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async read(picture: Buffer): Promise<PictureResult> {
    const pixels = pixelsOf(picture);
    if (pixels === null || pixels > this.#options.pixelsMax) return { text: null, end: "size" };
    if (this.#running >= this.#options.processesMax) await new Promise<void>((go) => this.#waiting.push(go));
    this.#running += 1;
    try {
      return await this.#run(picture);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #run(picture: Buffer): Promise<PictureResult> {
    return new Promise((resolve) => {
      const { timeMsMax } = this.#options;
      const pieces: Buffer[] = [];
      let length = 0;
      let end: PictureEnd = "failed";
      const child = spawn(BUBBLEWRAP, confinement(this.#options), {
        stdio: ["pipe", "pipe", "ignore"],
        env: {},
        cwd: "/",
        detached: true,
      });
      const stop = (why: PictureEnd): void => {
        end = why;
        child.kill("SIGKILL");
      };
      const timer = setTimeout(() => stop("time"), timeMsMax);
      const finish = (result: PictureResult): void => {
        clearTimeout(timer);
        resolve(result);
      };
      // Not there, or no descriptors left.
      child.once("error", () => finish({ text: null, end: "start" }));
      child.once("close", (code) => {
        if (code === 0) return finish(resultOf(Buffer.concat(pieces)));
        finish({ text: null, end });
      });
      child.stdout?.on("data", (piece: Buffer) => {
        length += piece.length;
        if (length > TEXT_BYTES_MAX) stop("failed");
        else pieces.push(piece);
      });
      feed(child, picture);
    });
  }
}

/** A program that ends early closes its input, and that is told by its exit. */
function feed({ stdin }: ChildProcess, picture: Buffer): void {
  stdin?.on("error", () => undefined);
  stdin?.end(picture);
}

function resultOf(output: Buffer): PictureResult {
  const text = output.toString("utf8");
  return WORD.test(text) ? { text, end: null } : { text: null, end: "no_text" };
}

/** Arguments of bubblewrap, and behind them of prlimit and of the program. */
export function confinement({ command, dataDir, memoryBytesMax, timeMsMax }: PictureProgramOptions): string[] {
  return [
    ...words("--unshare-all --die-with-parent --new-session --clearenv --setenv PATH /usr/bin:/bin"),
    ...words("--setenv OMP_THREAD_LIMIT 1 --ro-bind /usr /usr"),
    ...words("--symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"),
    ...(dataDir === null ? [] : [...words("--setenv TESSDATA_PREFIX /data --ro-bind"), dataDir, "/data"]),
    ...words("--dev /dev --tmpfs /tmp --chdir /tmp --cap-drop ALL --"),
    LIMITS,
    `--as=${memoryBytesMax}`,
    `--cpu=${Math.ceil(timeMsMax / 1_000)}`,
    `--fsize=${FILE_BYTES_MAX}`,
    `--nofile=${OPEN_FILES_MAX}`,
    "--core=0",
    "--",
    ...command,
  ];
}

function words(text: string): readonly string[] {
  return text.split(" ");
}
