/** `postern dlp shadow-report`: what rules of status shadow would have done with the mail of the gateway. Works while the service is down. */
import { Command } from "commander";
import type { EventBody } from "../../../core/event.ts";
import { rowsOf } from "../../../stages/audit/export-lines.ts";
import { ShadowCount } from "../../dlp/shadow.ts";
import type { ShadowRow } from "../../dlp/shadow.ts";
import { counted, formatTime, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";
import { withAuditSource } from "../../audit-source.ts";
import type { AuditReading } from "../../audit-source.ts";
import { parseTime } from "../audit/times.ts";

const SINCE_DEFAULT = "7d";
const COLUMNS: readonly Column<ShadowRow>[] = [
  { title: "RULE", text: (row) => row.rule },
  { title: "WOULD", text: (row) => (row.tier === "none" ? row.action : `${row.action}, tier ${row.tier}`) },
  { title: "MESSAGES", text: (row) => String(row.messages), alignRight: true },
  { title: "CHANGED", text: (row) => String(row.changed), alignRight: true },
  { title: "EXAMPLES", text: (row) => row.examples.join(" "), isFlexible: true },
];

type ReportOptions = { readonly since?: number; readonly json?: boolean };

export function shadowReportCommand(): Command {
  return new Command("shadow-report")
    .description("say what rules of status shadow would have done, from the audit")
    .option("--since <time>", `from this time on: 2026-11-22, or 7d, 24h ago (default: ${SINCE_DEFAULT})`, parseTime)
    .option("--json", "one JSON object a rule")
    .addHelpText(
      "after",
      "\nCHANGED counts messages no active rule protects: those are what making the rule active would change." +
        "\nExit codes: 0 reported, 1 the configuration or the database cannot be read, 2 wrong usage." +
        "\nExamples:\n  postern dlp shadow-report\n  postern dlp shadow-report --since 30d --json",
    )
    .action(async (options: ReportOptions, self: Command) =>
      withAuditSource(self, (source) => report(source, options)),
    );
}

async function report(source: AuditReading, options: ReportOptions): Promise<void> {
  const since = options.since ?? parseTime(SINCE_DEFAULT);
  const count = new ShadowCount();
  const [first] = await source.auditPage(1, 1);
  const { seq } = await source.auditHead();
  for await (const row of rowsOf(source, first?.seq ?? 1, seq)) {
    if (row.kind !== "inspected" || row.at < since) continue;
    count.add(row.messageId, JSON.parse(row.body) as Extract<EventBody, { kind: "inspected" }>);
  }
  const { inspected, rows } = count.report();
  const output = standardOutput();
  if (options.json === true) {
    printJsonLines(
      output,
      rows.map((row) => ({ ...row, inspected })),
    );
    return;
  }
  output.line(`${counted(inspected, "message")} inspected since ${formatTime(since)}`);
  printTable(output, COLUMNS, rows);
}
