/** Runs fill-process.ts to its end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { PosternFolder } from "./postern.ts";

export type Filling = {
  readonly messages: number;
  readonly recipients: number;
  readonly domains: readonly string[];
  /** When they are due, from now. */
  readonly dueFromMs: number;
  readonly dueToMs: number;
};

export async function fillQueue(folder: PosternFolder, filling: Filling): Promise<void> {
  const order = JSON.stringify({ config: join(folder.path, "postern.yaml"), ...filling });
  const child = spawn(process.execPath, [join(import.meta.dirname, "fill-process.ts"), order], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the queue could not be filled (exit ${code})`);
}
