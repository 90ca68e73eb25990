/** One line on standard error that says how far long work is; nothing where standard error is no terminal. */

export type Progress = {
  /** `all` null: how much there is, is not known. */
  readonly tell: (done: number, all: number | null) => void;
  /** Clears the line. Idempotent. */
  readonly end: () => void;
};

const INTERVAL_MS = 100;

/** As in `copied 3 of 17 files`. */
export function progressLine(verb: string, noun: string): Progress {
  const { stderr } = process;
  if (!stderr.isTTY) return { tell: () => undefined, end: () => undefined };
  let last = 0;
  return {
    tell: (done, all) => {
      const now = performance.now();
      if (now - last < INTERVAL_MS && done !== all) return;
      last = now;
      stderr.write(`\r\x1b[K${verb} ${done}${all === null ? "" : ` of ${all}`} ${noun}`);
    },
    end: () => void stderr.write("\r\x1b[K"),
  };
}
