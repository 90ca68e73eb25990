/** fsync, fdatasync and synced writes (pwritev, here to segments only) of the whole process, counted by the kernel's tracer, for each mail accepted on 20 connections. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { median } from "../report.ts";
import { plainMail } from "../rig/mails.ts";
import { startPostern, writePosternFolder } from "../rig/postern.ts";
import { sendLoad } from "../rig/source.ts";
import type { Site } from "../rig/site.ts";
import type { Case } from "./case.ts";

const MESSAGES = 2_000;
const TRACER = ["/usr/bin/strace", "-f", "--seccomp-bpf", "-c", "-e", "trace=fsync,fdatasync,pwritev", "-o"] as const;

export const syncsCase: Case = {
  id: "accept-syncs",
  group: "accept",
  async run(site, { rounds, isQuick }) {
    const samples: number[] = [];
    for (let round = 0; round < rounds; round += 1) samples.push(await syncsPerMail(site, isQuick ? 100 : MESSAGES));
    const what = "syncs per accepted mail";
    return {
      id: "accept-syncs",
      title: "syncs (payload, directory and WAL), 10 KB, 20 connections",
      figures: [{ peer: "Postern", what, samples }],
      judgements: [{ what, value: median(samples), unit: "", better: "less", must: 0.5, aim: 0.1 }],
    };
  },
};

async function syncsPerMail(site: Site, messages: number): Promise<number> {
  const task = { site, deliverTo: { kind: "held" }, signsWithDkim: false } as const;
  const folder = writePosternFolder(task, await freePort());
  const counts = join(folder.path, "syscalls.txt");
  const running = await startPostern({ folder, under: [...TRACER, counts] });
  await sendLoad(site, { port: running.port, sessions: 20, messages, tls: false, mail: plainMail(10_240) });
  await sleep(500);
  await running.stop();
  // Columns: % time, seconds, usecs/call, calls, [errors,] syscall. The few of the start are counted too.
  const rows = readFileSync(counts, "utf8").matchAll(
    /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(?:f(?:data)?sync|pwritev)$/gm,
  );
  const calls = [...rows].reduce((sum, [, count]) => sum + Number(count), 0);
  if (calls === 0) throw new Error("no sync was counted; is the Debian package strace installed?");
  return calls / messages;
}
