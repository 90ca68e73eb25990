/** `postern audit tail`: the newest rows, and those that follow. Works while the service is down. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import type { AuditRow, EventBody } from "../../../core/event.ts";
import type { AuditReading } from "../../audit-source.ts";
import { describeEvent } from "../../../stages/audit/story-lines.ts";
import { followRows, lastRows } from "../../../stages/audit/tail.ts";
import { formatTime, printable, standardOutput } from "../../output.ts";
import { withAuditSource } from "../../audit-source.ts";

const TAIL_ROWS_DEFAULT = 20;
const TAIL_ROWS_MAX = 10_000;
const FOLLOW_INTERVAL_MS = 1000;

type TailOptions = { readonly rows: number; readonly follow?: boolean; readonly json?: boolean };

export function tailCommand(): Command {
  return new Command("tail")
    .description("print the newest rows")
    .option("-n, --rows <rows>", "so many rows", parseRows, TAIL_ROWS_DEFAULT)
    .option("-f, --follow", "go on with rows as they come, until Ctrl-C")
    .option("--json", "one JSON object a row")
    .addHelpText("after", "\nExamples:\n  postern audit tail -n 50\n  postern audit tail --follow --json")
    .action(async (options: TailOptions, self: Command) => withAuditSource(self, (reader) => tail(reader, options)));
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (!Number.isInteger(rows) || rows < 1 || rows > TAIL_ROWS_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${TAIL_ROWS_MAX}.`);
  }
  return rows;
}

async function tail(reader: AuditReading, options: TailOptions): Promise<void> {
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
