/** `postern audit verify | tail`: whether the audit chain is as it was written, and its newest rows. Works while the service is down. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { AuditRow, EventBody } from "../../core/event.ts";
import type { ChainHead } from "../../parts/store/audit-chain.ts";
import type { QueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { describeEvent } from "../../stages/audit/story-lines.ts";
import { followRows, lastRows } from "../../stages/audit/tail.ts";
import { describeFault, verifyChain } from "../../stages/audit/verify.ts";
import type { Verification } from "../../stages/audit/verify.ts";
import { Finding } from "../cli-error.ts";
import { formatTime, printable, printJsonLines, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { withQueueReader } from "../surroundings.ts";

const TAIL_ROWS_DEFAULT = 20;
const TAIL_ROWS_MAX = 10_000;
const FOLLOW_INTERVAL_MS = 1000;

export function auditCommand(): Command {
  const command = new Command("audit").description("verify and read the audit chain");
  command
    .command("verify")
    .description("check every row of the chain; exit code 1 where one is not as it was written")
    .option(
      "--checkpoint <seq:hash>",
      "a head printed earlier and kept elsewhere, or a file whose last line is one",
      parseCheckpoint,
    )
    .option("--json", "one JSON object a fault, then one for the whole")
    .addHelpText(
      "after",
      "\nExamples:\n  postern audit verify\n  postern audit verify --checkpoint ./postern.checkpoint" +
        "\n\nOnly a checkpoint kept outside the database can show that rows were cut off the end.",
    )
    .action(async (options: VerifyOptions, self: Command) =>
      withQueueReader(self, (reader) => verify(reader, options)),
    );
  command
    .command("tail")
    .description("print the newest rows")
    .option("-n, --rows <rows>", "so many rows", parseRows, TAIL_ROWS_DEFAULT)
    .option("-f, --follow", "go on with rows as they come, until Ctrl-C")
    .option("--json", "one JSON object a row")
    .addHelpText("after", "\nExamples:\n  postern audit tail -n 50\n  postern audit tail --follow --json")
    .action(async (options: TailOptions, self: Command) => withQueueReader(self, (reader) => tail(reader, options)));
  return command;
}

type VerifyOptions = { readonly checkpoint?: ChainHead; readonly json?: boolean };
type TailOptions = { readonly rows: number; readonly follow?: boolean; readonly json?: boolean };

async function verify(reader: QueueReader, options: VerifyOptions): Promise<void> {
  const result = await verifyChain(reader, { checkpoint: options.checkpoint ?? null });
  const output = standardOutput();
  if (options.json === true) {
    printJsonLines(output, [
      ...result.faults,
      { kind: "chain", rows: result.rows, head: result.head, tail: result.tail },
    ]);
  } else {
    printVerification(output, result);
  }
  if (result.faults.length > 0) throw new Finding();
}

function printVerification(output: Output, { rows, head, faults, tail: end }: Verification): void {
  for (const fault of faults) output.line(describeFault(fault));
  output.line(
    `${rows} rows, ${faults.length === 0 ? "each as it was written" : `${faults.length} ${faults.length === 1 ? "fault" : "faults"}`}`,
  );
  if (end.kind === "proven") output.line("tail proven: nothing was cut off the end");
  else if (faults.length === 0) {
    const where =
      end.afterSeq === 0 ? "without a checkpoint kept elsewhere" : `after row ${end.afterSeq}, the checkpoint`;
    output.line(`tail not provable ${where}`);
  }
  output.line(`head ${head.seq}:${head.hash}`);
}

/** `seq:hash`, or the name of a file whose last line holds one. */
function parseCheckpoint(text: string): ChainHead {
  const direct = toHead(text);
  if (direct !== null) return direct;
  const fromFile = toHead(lastLineOf(text));
  if (fromFile === null)
    throw new InvalidArgumentError("Not a head as `postern audit verify` prints it, nor a file that ends with one.");
  return fromFile;
}

function lastLineOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "";
  } catch {
    // Said by the caller: neither a head nor a readable file.
    return "";
  }
}

function toHead(text: string): ChainHead | null {
  const match = /^(?:head )?(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim());
  return match === null ? null : { seq: Number(match[1]), hash: match[2] ?? "" };
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (!Number.isInteger(rows) || rows < 1 || rows > TAIL_ROWS_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${TAIL_ROWS_MAX}.`);
  }
  return rows;
}

async function tail(reader: QueueReader, options: TailOptions): Promise<void> {
  const output = standardOutput();
  const print = (row: AuditRow): void => output.line(options.json === true ? JSON.stringify(toJson(row)) : toLine(row));
  const rows = await lastRows(reader, options.rows);
  rows.forEach(print);
  if (options.follow !== true) return;
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const wait = async (signal: AbortSignal): Promise<void> => {
    // An abort ends the pause early; that is all it means here.
    await sleep(FOLLOW_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  };
  const { seq } = rows.at(-1) ?? { seq: 0 };
  for await (const row of followRows(reader, { afterSeq: seq, wait, signal: stop.signal })) print(row);
}

function toLine(row: AuditRow): string {
  const subject = row.recipientId ?? row.messageId ?? "service";
  return printable(`${row.seq}  ${formatTime(row.at)}  ${subject}  ${describe(row)}`);
}

function describe(row: AuditRow): string {
  const body = bodyOf(row);
  return body === null ? "cannot be read; run `postern audit verify`" : describeEvent(body, []);
}

function toJson(row: AuditRow): object {
  return { ...row, at: new Date(row.at).toISOString(), body: bodyOf(row) ?? row.body };
}

function bodyOf(row: AuditRow): EventBody | null {
  try {
    return JSON.parse(row.body) as EventBody;
  } catch {
    // An altered row; `audit verify` names it.
    return null;
  }
}
