/** `postern backup create | verify | restore`: the state of the gateway in a folder, proved whole, and put back. */
import { randomUUID } from "node:crypto";
import { chownSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Config } from "../../parts/config/config.ts";
import { ringMaterial } from "../../parts/config/config-files.ts";
import { FieldSealer } from "../../parts/keys/field-sealer.ts";
import { KeyRing } from "../../parts/keys/key-ring.ts";
import { createLog } from "../../parts/log/log.ts";
import { backupPlaces, checkFiles, copyBackup, createBackup } from "../../parts/store/backup.ts";
import type { BackupManifest } from "../../parts/store/backup-manifest.ts";
import { openBlobStore } from "../../parts/store/blob-store.ts";
import { openQueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { openQueueStore } from "../../parts/store/sqlite-queue-store.ts";
import { storeError } from "../../parts/store/sqlite-store-error.ts";
import { describeFault } from "../../stages/audit/chain-faults.ts";
import { verifyChain } from "../../stages/audit/verify.ts";
import { Finding } from "../cli-error.ts";
import { formatBytes, printJsonLines, standardOutput } from "../output.ts";
import { progressLine } from "../progress.ts";
import { actorName, configPathOf, DATABASE_NAME, requireConfig } from "../surroundings.ts";
import { versionOf } from "../../version.ts";

type Json = { readonly json?: boolean };
type CreateOptions = Json & { readonly keep?: number };

const KEEP_MAX = 10_000;
const BACKUP_NAME = /^postern-\d{8}T\d{6}(?:\d{3})?Z$/;

export function backupCommand(): Command {
  const command = new Command("backup").description("copy the state of the gateway, prove the copy, put it back");
  command
    .command("create")
    .description("copy database and bodies while the service runs; keys and configuration are not in it")
    .argument("<folder>", "the backup becomes a new folder in this one, named after the time")
    .option("--keep <backups>", "remove all but so many of the newest in this folder afterwards", parseKeep)
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExample:\n  postern backup create /backup/postern --keep 7")
    .action(async (folder: string, options: CreateOptions, self: Command) =>
      create(folder, requireQuietly(self), options),
    );
  command
    .command("verify")
    .description(
      "check every file, the audit chain, and that every body opens with the keys; exit code 1 where one does not",
    )
    .argument("<backup>", "the folder of one backup")
    .option("--json", "one JSON object a fault, then one for the whole")
    .addHelpText("after", "\nExample:\n  postern backup verify /backup/postern/postern-20261122T031500123Z")
    .action(async (backup: string, options: Json, self: Command) => {
      const report = await prove(backup, requireQuietly(self));
      printProof(report, options);
      if (report.faults.length > 0) throw new Finding();
    });
  command
    .command("restore")
    .description("put a backup into the empty data_dir of the configuration; the service is stopped meanwhile")
    .argument("<backup>", "the folder of one backup")
    .requiredOption("--reason <text>", "why, for the audit")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  systemctl stop postern && mv /var/lib/postern /var/lib/postern.old" +
        "\n  postern backup restore /backup/postern/postern-20261122T031500123Z --reason 'disk failed'" +
        "\n\nMail that was under way is tried again and marked as a possible duplicate: it may have been delivered after the" +
        "\nbackup was made. Mail accepted after it is not in it.",
    )
    .action(async (backup: string, options: Json & { readonly reason: string }, self: Command) =>
      restore(backup, requireQuietly(self), options),
    );
  return command;
}

function requireQuietly(command: Command): Config {
  return requireConfig(configPathOf(command), (line) => process.stderr.write(`${line}\n`));
}

function parseKeep(text: string): number {
  const keep = Number(text);
  if (Number.isInteger(keep) && keep >= 1 && keep <= KEEP_MAX) return keep;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${KEEP_MAX}.`);
}

async function create(folder: string, config: Config, { json = false, keep }: CreateOptions): Promise<void> {
  const now = Date.now();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const target = join(resolve(folder), `postern-${new Date(now).toISOString().replace(/[-:.]/g, "")}`);
  const progress = progressLine("copied", "files");
  const manifest = await createBackup({
    dataDir: config.dataDir,
    target,
    version: versionOf(),
    now,
    onProgress: progress.tell,
  }).finally(progress.end);
  // Only after the new one is whole.
  if (keep !== undefined) forgetOldest(folder, keep);
  const output = standardOutput();
  const facts = { backup: target, ...summaryOf(manifest) };
  if (json) {
    printJsonLines(output, [facts]);
    return;
  }
  output.line(`${target}: ${facts.files} files, ${formatBytes(facts.bytes)}, audit head ${facts.head}`);
  if (facts.missingBodies > 0)
    output.line(`${facts.missingBodies} bodies were missing before; see the log of the last start`);
  output.line(`Next: postern backup verify ${target}; keep /etc/postern and the keys apart from it.`);
}

/** Names sort by time; those of older versions lack the milliseconds. */
function forgetOldest(folder: string, keep: number): void {
  const backups = readdirSync(folder).filter((name) => BACKUP_NAME.test(name));
  for (const name of backups.toSorted().slice(0, -keep)) rmSync(join(folder, name), { recursive: true });
}

function summaryOf({ files, auditHead, missingBodies, createdAt }: BackupManifest) {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { createdAt, files: files.length, bytes, head: `${auditHead.seq}:${auditHead.hash}`, missingBodies };
}

type Proof = {
  readonly backup: string;
  readonly faults: readonly { readonly where: string; readonly what: string }[];
  readonly rows: number;
  readonly bodies: number;
  readonly head: string;
};

async function prove(folder: string, config: Config): Promise<Proof> {
  const progress = progressLine("checked", "files");
  const { manifest, faults } = await checkFiles(resolve(folder), progress.tell).finally(progress.end);
  const found = faults.map(({ path, what }) => ({ where: path, what }));
  const head = `${manifest.auditHead.seq}:${manifest.auditHead.hash}`;
  const whole = { backup: resolve(folder), rows: 0, bodies: 0, head };
  // A database that is not as it was written is not opened.
  if (found.some(({ where }) => where === DATABASE_NAME)) return { ...whole, faults: found };
  const opened = await proveContent(folder, { config, manifest });
  return { ...whole, ...opened, faults: [...found, ...opened.faults] };
}

async function proveContent(
  folder: string,
  { config, manifest }: { readonly config: Config; readonly manifest: BackupManifest },
): Promise<Pick<Proof, "faults" | "rows" | "bodies">> {
  const places = backupPlaces(resolve(folder));
  const keyRing = new KeyRing(ringMaterial(config.keys));
  const reader = openQueueReader({ path: places.database, sealer: new FieldSealer(keyRing) });
  const blobs = await openBlobStore({ directory: places.spool, keyRing });
  const faults: { where: string; what: string }[] = [];
  let bodies = 0;
  try {
    if (!(await reader.isWhole())) faults.push({ where: DATABASE_NAME, what: "damaged (integrity_check)" });
    const chain = await verifyChain(reader, { checkpoints: [{ head: manifest.auditHead }] });
    faults.push(...chain.faults.map((fault) => ({ where: "audit", what: describeFault(fault) })));
    const progress = progressLine("opened", "bodies");
    for await (const ref of reader.liveBlobs()) {
      bodies += 1;
      try {
        for await (const chunk of blobs.read(ref)) void chunk;
      } catch (error) {
        faults.push({ where: ref.locator, what: codeOf(error) });
      }
      progress.tell(bodies, null);
    }
    progress.end();
    // Opens a sealed row: a wrong key for addresses shows here.
    await reader.recipients({ limit: 1 });
    return { faults, rows: chain.rows, bodies };
  } finally {
    reader.close();
    await blobs.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? `unreadable (${String(error.code)})` : "unreadable";
}

function printProof(proof: Proof, { json = false }: Json): void {
  const output = standardOutput();
  if (json) {
    printJsonLines(output, [...proof.faults, { ...proof, faults: proof.faults.length }]);
    return;
  }
  for (const { where, what } of proof.faults) output.line(`${where}: ${what}`);
  const verdict = proof.faults.length === 0 ? "whole" : `${proof.faults.length} faults`;
  output.line(
    `${proof.backup}: ${verdict}; ${proof.rows} audit rows, ${proof.bodies} bodies opened, audit head ${proof.head}`,
  );
}

async function restore(folder: string, config: Config, options: Json & { readonly reason: string }): Promise<void> {
  const proof = await prove(folder, config);
  if (proof.faults.length > 0) {
    printProof(proof, {});
    throw storeError("PST-SPL-093", folder);
  }
  const owner = statSync(nearest(config.dataDir));
  const progress = progressLine("copied", "files");
  await copyBackup(resolve(folder), config.dataDir, progress.tell).finally(progress.end);
  const { open, head } = await takeUp(folder, config, options.reason);
  if (process.getuid?.() === 0) chownTree(config.dataDir, owner);
  const output = standardOutput();
  if (options.json === true) {
    printJsonLines(output, [{ restored: config.dataDir, open, head, rows: proof.rows, bodies: proof.bodies }]);
    return;
  }
  output.line(`restored into ${config.dataDir}: ${proof.bodies} bodies, audit chain proved up to ${head}`);
  output.line(`${open} recipients will be tried again, marked as possible duplicates`);
  output.line("Next: systemctl start postern, then `postern audit verify` and `postern queue list`.");
}

/** Marks what may have gone out since, writes who restored and why, and verifies the chain once more. */
async function takeUp(
  folder: string,
  config: Config,
  reason: string,
): Promise<{ readonly open: number; readonly head: string }> {
  const { manifest } = await checkFiles(resolve(folder));
  const sealer = new FieldSealer(new KeyRing(ringMaterial(config.keys)));
  const store = await openQueueStore({
    path: join(config.dataDir, DATABASE_NAME),
    owner: `restore-${randomUUID()}`,
    sealer,
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    log: createLog("error", { write: (line: string) => void process.stderr.write(line) }),
  });
  try {
    const facts = { backupAt: manifest.createdAt, head: manifest.auditHead, actor: actorName(), reason };
    const { open } = await store.markRestored(facts);
    const chain = await verifyChain(store, { checkpoints: [{ head: manifest.auditHead }] });
    if (chain.faults.length > 0) throw storeError("PST-SPL-093", chain.faults.map(describeFault).join("; "));
    return { open, head: `${chain.head.seq}:${chain.head.hash}` };
  } finally {
    await store.close();
  }
}

/** The folder itself, or the nearest one above it that is there. */
function nearest(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? nearest(dirname(path)) : path;
}

/** Restored by root, worked on by the service's own user. */
function chownTree(path: string, owner: { readonly uid: number; readonly gid: number }): void {
  chownSync(path, owner.uid, owner.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) chownTree(join(path, name), owner);
}
