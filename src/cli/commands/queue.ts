/**
 * `postern queue list | show | summary | status | retry | hold | release | drop | suspend | resume | suspensions`. Reading goes to the database and works while the service is
 * down; acting goes to the running service, which proves who asks and records who and why.
 */
import { Command } from "commander";
import { messageIdOf } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { StoredMessage } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { QueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { CliError } from "../cli-error.ts";
import { formatTime, printable, printJsonLines, printTable, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { queueRow } from "../queue-handlers.ts";
import { withQueueReader } from "../surroundings.ts";
import { actCommand } from "./queue/act.ts";
import { listColumns, listCommand } from "./queue/list.ts";
import { parseId } from "./queue/selection.ts";
import { resumeCommand, suspendCommand, suspensionsCommand } from "./queue/suspend.ts";
import { statusCommand } from "./queue/status.ts";
import { summaryCommand } from "./queue/summary.ts";

/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;

export function queueCommand(): Command {
  const command = new Command("queue").description("look at mail under way, and act on it");
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(summaryCommand());
  command.addCommand(statusCommand());
  command.addCommand(actCommand("retry", "try these recipients again now"));
  command.addCommand(actCommand("hold", "put these recipients aside until a release; their sender is told"));
  command.addCommand(actCommand("release", "let held recipients go on, planned anew at their floor"));
  command.addCommand(actCommand("drop", "give up on these recipients; their sender is told"));
  command.addCommand(suspendCommand());
  command.addCommand(resumeCommand());
  command.addCommand(suspensionsCommand());
  return command;
}

function showCommand(): Command {
  return new Command("show")
    .description("show one message and each of its recipients, without any content")
    .argument("<id>", "message or recipient id", parseId)
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExample:\n  postern queue show 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z\n\n`postern trace ID` tells what happened and why.",
    )
    .action(async (id: string, options: { readonly json?: boolean }, command: Command) =>
      withQueueReader(command, (reader) => show(reader, id, options.json === true)),
    );
}

async function show(reader: QueueReader, id: string, asJson: boolean): Promise<void> {
  const messageId = messageIdOf(id as RecipientId);
  const message = await reader.message(messageId);
  const all = await reader.recipients({ messageId, limit: RECIPIENTS_MAX });
  const rows = id.includes(".") ? all.filter((row) => row.id === id) : all;
  if (message === null || rows.length === 0) {
    throw new CliError(`no message or recipient ${id} is stored`, {
      next: "list ids with `postern queue list --all`; finished mail is forgotten after retention_hours.",
    });
  }
  const facts = factsOf(message);
  const output = standardOutput();
  if (asJson) {
    printJsonLines(
      output,
      rows.map((row) => ({ ...queueRow(row), message: facts })),
    );
    return;
  }
  printMessage(output, facts);
  printTable(output, listColumns(Date.now()), rows.map(queueRow));
  for (const code of new Set(rows.flatMap((row) => row.lastCode ?? []))) {
    output.line("");
    output.line(`${code}: ${REASON_CODES[code].what}`);
    output.line(`  Next: ${REASON_CODES[code].next}`);
  }
}

type MessageFacts = ReturnType<typeof factsOf>;

function factsOf({ submission, findings, expiresAt }: StoredMessage) {
  return {
    id: submission.id,
    received: new Date(submission.receivedAt).toISOString(),
    origin: submission.origin,
    submitter: submission.submitter.submitter,
    proof: submission.submitter.proof,
    sender: submission.envelope.sender?.address ?? null,
    sizeBytes: submission.body.sizeBytes,
    verdict: findings?.verdict ?? null,
    tier: findings?.tier ?? null,
    expires: new Date(expiresAt).toISOString(),
  };
}

function printMessage(output: Output, facts: MessageFacts): void {
  const found = facts.verdict === null ? "not inspected yet" : `${facts.verdict}, tier ${facts.tier}`;
  output.line(`message    ${facts.id}, ${facts.sizeBytes} bytes`);
  output.line(`received   ${formatTime(Date.parse(facts.received))} from ${facts.submitter} (proof: ${facts.proof})`);
  output.line(`sender     ${printable(facts.sender ?? "<>")}`);
  output.line(`found      ${found}`);
  output.line(`expires    ${formatTime(Date.parse(facts.expires))}`);
  output.line("");
}
