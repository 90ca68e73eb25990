/**
 * `postern tls report`: destinations and deliveries by rung, domains below what they proved before, servers that failed. From the database
 * file where this user may read it, also while the service is down; else from the running service, where the role decides.
 */
import { Command } from "commander";
import { REASON_CODES } from "../../../core/reason-codes.ts";
import type { BelowLine, FailureLine, RungLine, TlsReport } from "../../../core/tls-report.ts";
import { tlsReport } from "../../../stages/audit/tls-report.ts";
import { formatTime, printable, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column, Output } from "../../output.ts";
import { askService, readsDatabase, withQueueReader } from "../../surroundings.ts";
import { parseTime } from "../audit/times.ts";

const DAY_MS = 86_400_000;
const SINCE_DAYS = 7;
const FAILURES_SHOWN = 20;

type Options = { readonly since?: number; readonly json?: boolean };

export function reportCommand(): Command {
  return new Command("report")
    .description("destinations and deliveries by rung, domains below what they proved before, servers that failed")
    .option("--since <time>", `from this time on, such as 2026-11-22 or 24h; ${SINCE_DAYS} d by default`, parseTime)
    .option("--json", "one JSON object a line: kind rung, below, downgrade, failure or left-out")
    .addHelpText(
      "after",
      "\nExamples:\n  postern tls report\n  postern tls report --since 24h" +
        "\n  postern tls report --json | jq 'select(.kind == \"below\")'" +
        "\n\nDestinations count at the best rung they ever proved, whenever that was; deliveries are those of the time asked for.",
    )
    .action(async (options: Options, command: Command) => {
      const since = options.since ?? Date.now() - SINCE_DAYS * DAY_MS;
      const report = await (readsDatabase(command) ? fromFile : fromService)(command, since);
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, jsonRows(report));
      else print(output, report);
    });
}

function fromFile(command: Command, since: number): Promise<TlsReport> {
  return withQueueReader(command, (reader) => tlsReport(since, { audit: reader, facts: reader.domainFacts }));
}

function fromService(command: Command, since: number): Promise<TlsReport> {
  return askService(command, "tls.report", { since });
}

function* jsonRows({ rungs, below, downgrades, failures, leftOut }: TlsReport): Generator<object> {
  for (const line of rungs) yield { kind: "rung", ...line };
  for (const { since, keptUntil, ...line } of below) {
    yield { kind: "below", ...line, since: iso(since), keptUntil: keptUntil === null ? null : iso(keptUntil) };
  }
  for (const { at, ...line } of downgrades) yield { kind: "downgrade", at: iso(at), ...line };
  for (const { last, ...line } of failures) yield { kind: "failure", ...line, last: iso(last) };
  yield { kind: "left-out", ...leftOut };
}

const RUNG_COLUMNS: readonly Column<RungLine>[] = [
  { title: "RUNG", text: ({ rung }) => rung },
  { title: "DESTINATIONS", text: ({ destinations }) => String(destinations), alignRight: true },
  { title: "DELIVERED", text: ({ delivered }) => String(delivered), alignRight: true },
];

const BELOW_COLUMNS: readonly Column<BelowLine>[] = [
  { title: "DESTINATION", text: ({ domain }) => domain, isFlexible: true },
  { title: "WAS", text: ({ was }) => was },
  { title: "IS", text: ({ now }) => now },
  { title: "SINCE", text: ({ since }) => formatTime(since) },
  { title: "KEPT UNTIL", text: ({ keptUntil }) => (keptUntil === null ? "" : formatTime(keptUntil)) },
  { title: "SERVER", text: ({ server }) => server, isFlexible: true },
];

const FAILURE_COLUMNS: readonly Column<FailureLine>[] = [
  { title: "SERVER", text: ({ server }) => server, isFlexible: true },
  { title: "CODE", text: ({ code }) => code },
  { title: "TIMES", text: ({ times }) => String(times), alignRight: true },
  { title: "LAST", text: ({ last }) => formatTime(last) },
  { title: "WHAT", text: ({ code }) => whatOf(code), isFlexible: true },
];

function print(output: Output, { since, rungs, below, failures, leftOut }: TlsReport): void {
  output.line(`TLS of deliveries since ${formatTime(since)}`);
  output.line("");
  const used = rungs.filter(({ destinations, delivered }) => destinations + delivered > 0);
  printTable(output, RUNG_COLUMNS, used);
  section(output, "Destinations below what they proved before", leftOut.below);
  printTable(output, BELOW_COLUMNS, below);
  const shown = failures.slice(0, FAILURES_SHOWN);
  section(output, "Servers with which a dialog failed", leftOut.failures + failures.length - shown.length);
  printTable(output, FAILURE_COLUMNS, shown);
  if (leftOut.unreadable > 0) {
    output.line("");
    output.line(`What ${leftOut.unreadable} destinations proved before cannot be read: see PST-DEC-021.`);
  }
}

function section(output: Output, title: string, leftOut: number): void {
  output.line("");
  output.line(printable(leftOut === 0 ? title : `${title} (${leftOut} more are not shown; --json shows more)`));
}

/** Rows outlive codes: one of another version has no text here. */
function whatOf(code: string): string {
  return Object.hasOwn(REASON_CODES, code) ? REASON_CODES[code as keyof typeof REASON_CODES].what : "";
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
