/**
 * `postern tls results [DOMAIN]`: how the TLS sessions with each destination went, in the words of TLS reports (RFC 8460), what became
 * of the reports, and with --preview the report itself. From the database file where this user may read it, also while the service
 * is down; else from the running service, where the role decides.
 */
import { Command, InvalidArgumentError } from "commander";
import { reportFrom } from "../../../options.ts";
import type { TlsResults, TlsResultsRequest } from "../../../parts/control/control-protocol.ts";
import { toALabel } from "../../../parts/smtp/mailbox.ts";
import { totalsOf } from "../../../parts/tlsrpt/domain-days.ts";
import type { PolicyCounts, ReportState } from "../../../core/tls-results.ts";
import { buildReport } from "../../../parts/tlsrpt/report.ts";
import { dayOf } from "../../../parts/tlsrpt/session-book.ts";
import { CliError } from "../../cli-error.ts";
import { formatTime, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";
import { askService, configPathOf, readsDatabase, requireConfig, withQueueReader } from "../../surroundings.ts";
import { tlsResults } from "../../tls-results.ts";

const LIMIT_DEFAULT = 200;
const LIMIT_MAX = 100_000;

type Options = {
  readonly day?: string;
  readonly failed?: boolean;
  readonly limit: number;
  readonly json?: boolean;
  readonly preview?: boolean;
};

/** One policy of one domain on one day. */
type Row = {
  readonly day: string;
  readonly domain: string;
  readonly counts: PolicyCounts;
  readonly report: ReportState | null;
};

export function resultsCommand(): Command {
  return new Command("results")
    .argument("[domain]", "of this destination only", parseDomain)
    .description(
      "how TLS sessions with each destination went, as TLS reports (RFC 8460) count them, and what became of the reports",
    )
    .option("--day <day>", "of this day (UTC), such as 2026-11-22; the last three are kept", parseDay)
    .option("--failed", "only where a session failed")
    .option("--limit <rows>", "at most so many, the most failures first", parseLimit, LIMIT_DEFAULT)
    .option(
      "--preview",
      "print the report about the domain as it would be sent: of --day, or of the last day that is over",
    )
    .option("--json", "one JSON object a line, with every failure")
    .addHelpText(
      "after",
      "\nExamples:\n  postern tls results\n  postern tls results --failed --day 2026-11-22" +
        "\n  postern tls results example.org --preview\n  postern tls results --json | jq 'select(.failed > 0)'" +
        "\n\nCounted are new connections; what the last minute brought is written down with the next. Reports are sent only where" +
        " tls_reports.send is set.",
    )
    .action(async (domain: string | undefined, options: Options, command: Command) => {
      if (options.preview === true) return preview(domain, options, command);
      const found = await rowsOf(command, domain ?? null);
      const wanted = found.filter(
        ({ day, counts }) => (options.day ?? day) === day && (options.failed !== true || totalsOf(counts).failed > 0),
      );
      const rows = wanted.toSorted(byInterest).slice(0, options.limit);
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, rows.map(jsonRow));
      else printTable(output, COLUMNS, rows);
      if (rows.length < wanted.length) {
        process.stderr.write(`warning: ${rows.length} of ${wanted.length} rows are listed, see --limit\n`);
      }
    });
}

async function preview(domain: string | undefined, { day }: Options, command: Command): Promise<void> {
  if (domain === undefined) {
    throw new CliError("--preview needs a domain", {
      next: "name it: postern tls results example.org --preview",
      exitCode: 2,
    });
  }
  const config = requireConfig(configPathOf(command), (line) => void process.stderr.write(`${line}\n`));
  const { domains } = await pageOf(command, { domain, after: null });
  const days = domains.flatMap((found) => found.days);
  const today = dayOf(Date.now());
  const chosen = days.find((one) => (day === undefined ? one.day < today : one.day === day));
  if (chosen === undefined) {
    const known = days.map((one) => one.day).join(", ");
    throw new CliError(
      `no TLS session with ${domain} was counted ${day === undefined ? "before today" : `on ${day}`}`,
      {
        next: known === "" ? "list who was spoken with: postern tls results" : `choose with --day: ${known}.`,
      },
    );
  }
  standardOutput().line(JSON.stringify(buildReport(domain, chosen, reportFrom(config)).json, null, 2));
}

async function rowsOf(command: Command, domain: string | null): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let after: string | null = null;
  do {
    const page: TlsResults = await pageOf(command, { domain, after });
    rows.push(...page.domains.flatMap(rowsOfDomain));
    after = page.next;
  } while (after !== null);
  return rows;
}

function pageOf(command: Command, request: TlsResultsRequest): Promise<TlsResults> {
  if (!readsDatabase(command)) return askService(command, "tls.results", request);
  return withQueueReader(command, ({ domainFacts }) => tlsResults(request, domainFacts));
}

function rowsOfDomain({ domain, days }: TlsResults["domains"][number]): readonly Row[] {
  return days.flatMap(({ day, policies, report }) => policies.map((counts) => ({ day, domain, counts, report })));
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "DAY", text: ({ day }) => day },
  { title: "DOMAIN", text: ({ domain }) => domain, isFlexible: true },
  { title: "POLICY", text: ({ counts }) => (counts.policy.type === "no-policy-found" ? "none" : counts.policy.type) },
  { title: "GOOD", text: ({ counts }) => String(totalsOf(counts).succeeded), alignRight: true },
  { title: "FAILED", text: ({ counts }) => String(totalsOf(counts).failed), alignRight: true },
  { title: "WHY", text: ({ counts }) => why(counts), isFlexible: true },
  { title: "REPORT", text: ({ report }) => reportText(report) },
];

function why({ failures }: PolicyCounts): string {
  const kinds = new Map<string, number>();
  for (const { failure, count } of failures) kinds.set(failure, (kinds.get(failure) ?? 0) + count);
  return [...kinds].map(([failure, count]) => `${failure} ${count}`).join(", ");
}

function reportText(report: ReportState | null): string {
  if (report === null) return "";
  const last = report.targets.findLast((target) => target.why !== null)?.why;
  const next = report.nextAt === null ? "" : `, again ${formatTime(report.nextAt)}`;
  return `${report.state}${last === undefined || last === null ? "" : ` (${last})`}${next}`;
}

function jsonRow({ day, domain, counts, report }: Row): object {
  const { policy, failures } = counts;
  return { day, domain, policy, ...totalsOf(counts), succeededAt: counts.succeededAt, failures, report };
}

/** The latest day first, in it the most failures. */
function byInterest(a: Row, b: Row): number {
  if (a.day !== b.day) return a.day < b.day ? 1 : -1;
  const failures = totalsOf(b.counts).failed - totalsOf(a.counts).failed;
  return failures !== 0 ? failures : Number(a.domain > b.domain) - Number(a.domain < b.domain);
}

function parseDomain(text: string): string {
  const domain = toALabel(text.replace(/\.$/, ""));
  if (domain === null) throw new InvalidArgumentError("Give a domain such as example.org.");
  return domain;
}

function parseDay(text: string): string {
  const at = Date.parse(`${text}T00:00:00.000Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(at) || dayOf(at) !== text) {
    throw new InvalidArgumentError("Give a day such as 2026-11-22.");
  }
  return text;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${LIMIT_MAX}.`);
  }
  return limit;
}
