/** `postern queue show`: one message and each of its recipients, without any content; from the file, or from the service as the role allows. */
import { Command } from "commander";
import { messageIdOf } from "../../../core/ids.ts";
import type { RecipientId } from "../../../core/ids.ts";
import { REASON_CODES } from "../../../core/reason-codes.ts";
import type { QueueMessage } from "../../../parts/control/reading-requests.ts";
import { CliError } from "../../cli-error.ts";
import { formatTime, printable, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Output } from "../../output.ts";
import { messageFacts } from "../../reading-handlers.ts";
import { askService, readsDatabase, withQueueReader } from "../../surroundings.ts";
import { compareIds, listColumns, rowsOf } from "./list.ts";
import { ALL, parseId } from "./selection.ts";

export function showCommand(): Command {
  return new Command("show")
    .description("show one message and each of its recipients, without any content")
    .argument("<id>", "message or recipient id", parseId)
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExample:\n  postern queue show 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z\n\n`postern trace ID` tells what happened and why.",
    )
    .action((id: string, options: { readonly json?: boolean }, command: Command) =>
      show(command, id, options.json === true),
    );
}

async function show(command: Command, id: string, asJson: boolean): Promise<void> {
  const messageId = messageIdOf(id as RecipientId);
  const message = await messageOf(command, id);
  const all = await Array.fromAsync(rowsOf(command, { ...ALL, messageId }));
  const rows = all.filter((row) => !id.includes(".") || row.id === id).toSorted((a, b) => compareIds(a.id, b.id));
  if (message === null || rows.length === 0) {
    throw new CliError(`no message or recipient ${id} is stored`, {
      next: "list ids with `postern queue list --all`; finished mail is forgotten after retention_hours.",
    });
  }
  const output = standardOutput();
  if (asJson) {
    printJsonLines(
      output,
      rows.map((row) => ({ ...row, message })),
    );
    return;
  }
  printMessage(output, message);
  printTable(output, listColumns(Date.now()), rows);
  for (const code of new Set(rows.flatMap((row) => row.code ?? []))) {
    output.line("");
    output.line(`${code}: ${REASON_CODES[code].what}`);
    output.line(`  Next: ${REASON_CODES[code].next}`);
  }
}

async function messageOf(command: Command, id: string): Promise<QueueMessage | null> {
  if (!readsDatabase(command)) return (await askService(command, "queue.message", { id })).message;
  const message = await withQueueReader(command, (reader) => reader.message(messageIdOf(id as RecipientId)));
  return message === null ? null : messageFacts(message);
}

function printMessage(output: Output, facts: QueueMessage): void {
  const found = facts.verdict === null ? "not inspected yet" : `${facts.verdict}, tier ${facts.tier}`;
  output.line(`message    ${facts.id}, ${facts.sizeBytes} bytes`);
  output.line(`received   ${formatTime(Date.parse(facts.received))} from ${facts.submitter} (proof: ${facts.proof})`);
  output.line(`sender     ${printable(facts.sender ?? "<>")}`);
  output.line(`found      ${found}`);
  output.line(`expires    ${formatTime(Date.parse(facts.expires))}`);
  output.line("");
}
