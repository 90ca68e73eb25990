/**
 * `postern queue suspend | resume | suspensions`: lets mail to a destination or from a sender wait, what is queued and what comes, and
 * go again. Done by the running service, which records who and why.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { RECIPIENT_STATES } from "../../../core/recipient-state.ts";
import { SUSPENSION_LIMITS } from "../../../core/suspension.ts";
import type { SuspendedMail } from "../../../core/suspension.ts";
import type { SuspensionRow } from "../../../parts/control/control-protocol.ts";
import { CliError } from "../../cli-error.ts";
import { formatDuration, formatTime, printable, printJsonLines, printTable, standardOutput } from "../../output.ts";
import { askService } from "../../surroundings.ts";
import { count, printPlan } from "./act.ts";
import { parseDuration, parsePlace, toSelection } from "./selection.ts";

type Options = {
  readonly to?: string;
  readonly from?: string;
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
};

export function suspendCommand(): Command {
  return withMail(new Command("suspend"))
    .description("let mail to a destination or from a sender wait: what is queued and what comes, until a time")
    .addOption(
      new Option("--for <time>", "so long: 30m, 4h, 2d; at most 30d").argParser(parseLength).default(86_400_000, "24h"),
    )
    .addHelpText(
      "after",
      '\nExamples:\n  postern queue suspend --to example.org --for 4h --reason "their migration, ticket 4711"' +
        '\n  postern queue suspend --from newsletter@clinic.example --reason "sent to the wrong list" --dry-run' +
        "\n\nA delivery under way ends. Waiting mail keeps its lifetime: its sender is told of the delay, and of its end.",
    )
    .action(async (options: Options & { readonly for: number }, self: Command) => {
      const mail = mailOf(options);
      if (options.dryRun === true) return printPlan("suspend", await countWaiting(self, options, false), options);
      const row = await askService(self, "queue.suspend", { ...mail, reason: options.reason, forMs: options.for });
      print([row], options.json === true);
    });
}

export function resumeCommand(): Command {
  return withMail(new Command("resume"))
    .description("end a suspension now: what waited for it is due at once")
    .addHelpText("after", '\nExample:\n  postern queue resume --to example.org --reason "they are done"')
    .action(async (options: Options, self: Command) => {
      const mail = mailOf(options);
      if (options.dryRun === true) return printPlan("resume", await countWaiting(self, options, true), options);
      const row = await askService(self, "queue.resume", { ...mail, reason: options.reason });
      if (options.json === true) printJsonLines(standardOutput(), [row]);
      else standardOutput().line(`mail ${row.side} ${printable(row.pattern)} goes again`);
    });
}

export function suspensionsCommand(): Command {
  return new Command("suspensions")
    .description("list what is made to wait, by whom, why and until when")
    .option("--json", "one JSON object a suspension")
    .addHelpText("after", "\nExample:\n  postern queue suspensions")
    .action(async ({ json }: { readonly json?: boolean }, self: Command) => {
      const { rows } = await askService(self, "queue.suspensions", {});
      if (rows.length > 0 || json === true) print(rows, json === true);
      else standardOutput().line("none");
    });
}

function withMail(command: Command): Command {
  return command
    .option("--to <address-or-domain>", "mail to this address or domain; .example.org is all below it", parsePlace)
    .option("--from <address-or-domain>", "mail from this sender or domain; <> is the null sender", parsePlace)
    .requiredOption("--reason <text>", "why; recorded in the audit, so name no patient")
    .option("--dry-run", "only count what waits now and is concerned; changes nothing")
    .option("--json", "one JSON object a line");
}

function mailOf({ to, from }: Options): SuspendedMail {
  if (to !== undefined && from === undefined) return { side: "to", pattern: to };
  if (from !== undefined && to === undefined) return { side: "from", pattern: from };
  throw new CliError("a suspension is of a destination or of a sender", {
    next: "give --to ADDRESS-OR-DOMAIN, or --from ADDRESS-OR-DOMAIN.",
    exitCode: 2,
  });
}

/** `isSuspended`: those alone that wait for it already. */
function countWaiting(self: Command, { to, from }: Options, isSuspended: boolean): ReturnType<typeof count> {
  const filters = { ...(to !== undefined && { to }), ...(from !== undefined && { from }) };
  const codes = isSuspended ? (["PST-PIP-010"] as const) : undefined;
  const states = RECIPIENT_STATES.filter((state) => ["received", "ready", "deferred"].includes(state));
  const selection = toSelection({ ...filters, ...(codes && { code: codes }) }, { states, now: Date.now() });
  return count(self, "retry", { selection, cursor: null });
}

function parseLength(text: string): number {
  const length = parseDuration(text);
  if (length > 0 && length <= SUSPENSION_LIMITS.longestMs) return length;
  throw new InvalidArgumentError("At most 30d.");
}

function print(rows: readonly SuspensionRow[], asJson: boolean): void {
  const output = standardOutput();
  if (asJson) {
    printJsonLines(output, rows);
    return;
  }
  const now = Date.now();
  printTable(
    output,
    [
      { title: "MAIL", text: ({ side, pattern }) => printable(`${side} ${pattern}`), isFlexible: true },
      { title: "SINCE", text: ({ since }) => formatTime(Date.parse(since)) },
      { title: "ENDS IN", text: ({ until }) => formatDuration(Date.parse(until) - now) },
      { title: "BY", text: ({ actor }) => actor },
      { title: "WHY", text: ({ reason }) => printable(reason), isFlexible: true },
    ],
    rows,
  );
}
