/**
 * `postern audit hold add | list | lift`: legal holds. What stands under one is not removed: rows of the audit, bodies and addresses.
 * Placing and lifting goes to the running service, which records who and why.
 */
import { Command, InvalidArgumentError } from "commander";
import type { LegalHold } from "../../../parts/control/audit-requests.ts";
import { CliError } from "../../cli-error.ts";
import { formatTime, printable, printJsonLines, printTable, standardOutput } from "../../output.ts";
import { askService, readsDatabase, withQueueReader } from "../../surroundings.ts";
import { parseMessageId, parseTime } from "./times.ts";

type AddOptions = {
  readonly message?: string;
  readonly since?: number;
  readonly until?: number;
  readonly reason: string;
  readonly json?: boolean;
};

export function holdCommand(): Command {
  const command = new Command("hold").description("keep what a court may ask for: nothing under a hold is removed");
  command.addCommand(addCommand());
  command.addCommand(liftCommand());
  command
    .command("list")
    .description("list the holds in force")
    .option("--json", "one JSON object a hold")
    .addHelpText(
      "after",
      "\nExample:\n  postern audit hold list\n\n`postern audit export --kind legal_hold` tells of all there ever were.",
    )
    .action(async (options: { readonly json?: boolean }, self: Command) => {
      print(await holdsFor(self), options.json === true);
    });
  return command;
}

async function holdsFor(self: Command): Promise<readonly LegalHold[]> {
  if (!readsDatabase(self)) return (await askService(self, "audit.hold.list", {})).holds;
  const rows = await withQueueReader(self, (reader) => reader.legalHolds());
  return rows.map(({ message_id: messageId, placed_at: placedAt, ...row }) => ({ ...row, messageId, placedAt }));
}

function addCommand(): Command {
  return new Command("add")
    .description("place a hold on one message, or on all mail between two times")
    .option("--message <id>", "this message", parseMessageId)
    .option("--since <time>", "all that was under way or written down from this time on", parseTime)
    .option("--until <time>", "and before this time; without it the hold goes on", parseTime)
    .requiredOption("--reason <text>", "why; recorded in the audit, so name no patient")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      '\nExamples:\n  postern audit hold add --message 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z --reason "matter 2026-114"' +
        '\n  postern audit hold add --since 2026-01-01 --until 2026-04-01 --reason "matter 2026-114"',
    )
    .action(async ({ message, since, until, reason, json }: AddOptions, self: Command) => {
      if ((message === undefined) === (since === undefined) || (message !== undefined && until !== undefined)) {
        throw new CliError("a hold is of one message, or of a time", {
          next: "give --message ID, or --since TIME with or without --until TIME.",
          exitCode: 2,
        });
      }
      const request = { messageId: message ?? null, since: since ?? null, until: until ?? null, reason };
      const { hold } = await askService(self, "audit.hold.add", request);
      print([hold], json === true);
    });
}

function liftCommand(): Command {
  return new Command("lift")
    .description("lift a hold: what it kept goes when its time is up")
    .argument("<number>", "number of the hold, as `postern audit hold list` prints it", parseNumber)
    .requiredOption("--reason <text>", "why; recorded in the audit")
    .option("--json", "one JSON object")
    .addHelpText("after", '\nExample:\n  postern audit hold lift 3 --reason "matter closed"')
    .action(async (hold: number, { reason, json }: { reason: string; json?: boolean }, self: Command) => {
      const { hold: lifted } = await askService(self, "audit.hold.lift", { hold, reason });
      print([lifted], json === true);
    });
}

function print(holds: readonly LegalHold[], asJson: boolean): void {
  const output = standardOutput();
  if (asJson) {
    printJsonLines(output, holds);
    return;
  }
  printTable(
    output,
    [
      { title: "HOLD", text: ({ id }) => String(id), alignRight: true },
      { title: "KEEPS", text: keeps },
      { title: "SINCE", text: ({ placedAt }) => formatTime(placedAt) },
      { title: "BY", text: ({ actor }) => actor },
      { title: "WHY", text: ({ reason }) => printable(reason), isFlexible: true },
    ],
    holds,
  );
}

function keeps({ messageId, since, until }: LegalHold): string {
  if (messageId !== null) return messageId;
  return `${formatTime(since ?? 0)} to ${until === null ? "now on" : formatTime(until)}`;
}

function parseNumber(text: string): number {
  const hold = Number(text);
  if (!Number.isSafeInteger(hold) || hold < 1) throw new InvalidArgumentError("Not the number of a hold.");
  return hold;
}
