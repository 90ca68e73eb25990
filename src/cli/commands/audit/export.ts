/** `postern audit export`: the audit, or a part of it, for others: JSON Lines that prove themselves, CSV, OCSF. Works while the service is down. */
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import type { AuditReading } from "../../audit-source.ts";
import { csvHeader, csvLine } from "../../../stages/audit/export-csv.ts";
import { isWhole, matches } from "../../../stages/audit/export-filter.ts";
import type { ExportFilter } from "../../../stages/audit/export-filter.ts";
import { exportLines, RowsGoneError, rowsOf } from "../../../stages/audit/export-lines.ts";
import { ocsfLine } from "../../../stages/audit/export-ocsf.ts";
import { versionOf } from "../../../version.ts";
import { CliError } from "../../cli-error.ts";
import { withAuditSource } from "../../audit-source.ts";
import { parseMessageId, parseTime } from "./times.ts";

type Format = "jsonl" | "csv" | "ocsf";
type ExportOptions = {
  readonly since?: number;
  readonly until?: number;
  readonly message?: string;
  readonly kind?: readonly string[];
  readonly format: Format;
  readonly output?: string;
};

const FILE_MODE = 0o600;

export function exportCommand(): Command {
  return new Command("export")
    .description("write the audit, or a part of it, for others to read and to verify")
    .option(
      "--since <time>",
      "rows from this time on: 2026-11-22, 2026-11-22T10:00:00Z, or 7d, 24h, 30m ago",
      parseTime,
    )
    .option("--until <time>", "rows before this time", parseTime)
    .option("--message <id>", "rows of this message", parseMessageId)
    .option("--kind <kinds>", "rows of these kinds, separated by commas, such as delivered,held", parseKinds)
    .addOption(new Option("--format <format>", "how").choices(["jsonl", "csv", "ocsf"]).default("jsonl"))
    .option("--output <file>", "into this new file instead of standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  postern audit export --output audit.jsonl\n  postern audit export --message 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z --output one.jsonl" +
        "\n  postern audit export --since 24h --format ocsf" +
        "\n\nJSON Lines are what `postern audit verify --export FILE` checks. With filters each row carries its proof, and the export is partial.",
    )
    .action(async (options: ExportOptions, self: Command) => withAuditSource(self, (reader) => run(reader, options)));
}

async function run(reader: AuditReading, options: ExportOptions): Promise<void> {
  const filter: ExportFilter = {
    since: options.since ?? null,
    until: options.until ?? null,
    messageId: options.message ?? null,
    kinds: options.kind ?? [],
  };
  try {
    await pipeline(Readable.from(linesOf(reader, filter, options.format)), await sinkOf(options.output));
  } catch (error) {
    // A reader that went away (`| head`) has what it wanted.
    if (isCode(error, "EPIPE")) return;
    if (!(error instanceof RowsGoneError)) throw error;
    throw new CliError("rows were removed by retention while they were read", { next: "run the command again." });
  }
  const kind =
    isWhole(filter) || options.format !== "jsonl" ? "" : "; a partial export: each row carries its own proof";
  process.stderr.write(
    `written as ${options.format}${options.output === undefined ? "" : ` to ${options.output}`}${kind}\n`,
  );
}

async function* linesOf(reader: AuditReading, filter: ExportFilter, format: Format): AsyncGenerator<string> {
  if (format === "jsonl") {
    for await (const line of exportLines(reader, filter)) yield `${line}\n`;
    return;
  }
  if (format === "csv") yield `${csvHeader()}\n`;
  const version = versionOf();
  const [first] = await reader.auditPage(1, 1);
  const { seq } = await reader.auditHead();
  for await (const row of rowsOf(reader, first?.seq ?? 1, seq)) {
    if (matches(row, filter)) yield `${format === "csv" ? csvLine(row) : ocsfLine(row, version)}\n`;
  }
}

/** A file that is there already is evidence of something: it is never written over. */
async function sinkOf(path: string | undefined): Promise<Writable> {
  if (path === undefined) {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => void process.stdout.write(chunk, (error) => done(error)),
    });
  }
  try {
    const handle = await open(path, "wx", FILE_MODE);
    return createWriteStream(path, { fd: handle, flush: true });
  } catch (error) {
    const next = isCode(error, "EEXIST")
      ? "name a file that does not exist yet."
      : "name a file in a folder this user may write to.";
    throw new CliError(`${path} cannot be written`, { next });
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function parseKinds(text: string): readonly string[] {
  const kinds = text.split(",").map((kind) => kind.trim());
  if (!kinds.every((kind) => /^[a-z_]{1,40}$/.test(kind))) {
    throw new InvalidArgumentError("Give kinds as `postern audit tail --json` shows them, separated by commas.");
  }
  return kinds;
}
