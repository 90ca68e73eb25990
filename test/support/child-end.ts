/** The end of a process that a test started, by its own handle. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

export function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Asks it to end, and kills it where it has not after this long; resolves once it is gone. */
export async function endChild(
  child: ChildProcess,
  { ask, kill, afterMs }: { readonly ask: () => void; readonly kill: () => void; readonly afterMs: number },
): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, "exit");
  ask();
  const timer = setTimeout(kill, afterMs);
  await ended;
  clearTimeout(timer);
}
