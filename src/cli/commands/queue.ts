/**
 * `postern queue list | show | retry | hold | release | drop`. Reading goes to the database and works while the service is down;
 * acting goes to the running service, which records who and why.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { messageIdOf, toMessageId } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { StoredMessage, StoredRecipient } from "../../core/queue-store.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import { RECIPIENT_STATES, isTerminal } from "../../core/recipient-state.ts";
import type { RecipientState } from "../../core/recipient-state.ts";
import { isQueueId } from "../../parts/control/control-protocol.ts";
import type { QueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { CliError, Finding } from "../cli-error.ts";
import { formatDuration, formatTime, printable, printJsonLines, printTable, standardOutput } from "../output.ts";
import type { Column, Output } from "../output.ts";
import { askService, withQueueReader } from "../surroundings.ts";

const LIMIT_DEFAULT = 1000;
const LIMIT_MAX = 100_000;
/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;

export function queueCommand(): Command {
  const command = new Command("queue").description("look at mail under way, and act on it");
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(actCommand("queue.retry", "try these recipients again now"));
  command.addCommand(actCommand("queue.hold", "put these recipients aside until a release; their sender is told"));
  command.addCommand(actCommand("queue.release", "let held recipients go on, planned anew at their floor"));
  command.addCommand(actCommand("queue.drop", "give up on these recipients; their sender is told"));
  return command;
}

type ListOptions = {
  readonly state?: readonly RecipientState[];
  readonly address?: string;
  readonly all?: boolean;
  readonly limit: number;
  readonly json?: boolean;
};

function listCommand(): Command {
  return new Command("list")
    .description("list recipients that are not finished yet")
    .addOption(new Option("--state <state...>", "only these states").choices(RECIPIENT_STATES))
    .option("--address <address>", "only this recipient, exactly")
    .option("--all", "finished ones too")
    .option("--limit <recipients>", "at most so many", parseLimit, LIMIT_DEFAULT)
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExamples:\n  postern queue list\n  postern queue list --state held --json | jq -r .id")
    .action(async (options: ListOptions, command: Command) => {
      const rows = await withQueueReader(command, (reader) =>
        reader.recipients({
          limit: options.limit,
          states: options.state ?? RECIPIENT_STATES.filter((state) => options.all === true || !isTerminal(state)),
          ...(options.address === undefined ? {} : { address: options.address }),
        }),
      );
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, rows.map(rowOf));
      else printTable(output, listColumns(Date.now()), rows);
      if (rows.length === options.limit) {
        process.stderr.write(`warning: only the first ${rows.length} are listed; there may be more, see --limit\n`);
      }
    });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${LIMIT_MAX}.`);
  }
  return limit;
}

function listColumns(now: number): readonly Column<StoredRecipient>[] {
  return [
    { title: "ID", text: (row) => row.id },
    { title: "STATE", text: (row) => row.state + (row.possibleDuplicate ? " (possible duplicate)" : "") },
    { title: "RECIPIENT", text: (row) => row.recipient.mailbox.address, isFlexible: true },
    { title: "PUT OFF", text: (row) => String(row.attempts), alignRight: true },
    { title: "NEXT", text: (row) => nextStep(row, now) },
    { title: "WHY", text: (row) => row.lastCode ?? "" },
  ];
}

function nextStep(row: StoredRecipient, now: number): string {
  if (isTerminal(row.state)) return "";
  if (row.deadlineAt !== null) return `fails in ${formatDuration(row.deadlineAt - now)}`;
  return row.dueAt <= now ? "now" : `in ${formatDuration(row.dueAt - now)}`;
}

/** What --json prints; plans, replies and keys stay in `trace`. */
function rowOf(row: StoredRecipient): object {
  return {
    id: row.id,
    messageId: row.messageId,
    recipient: row.recipient.mailbox.address,
    state: row.state,
    attempts: row.attempts,
    dueAt: new Date(row.dueAt).toISOString(),
    deadlineAt: row.deadlineAt === null ? null : new Date(row.deadlineAt).toISOString(),
    floor: row.plan?.floor ?? null,
    step: row.plan?.steps[row.stepIndex]?.kind ?? null,
    code: row.lastCode,
    host: row.lastHost,
    possibleDuplicate: row.possibleDuplicate,
  };
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
      rows.map((row) => ({ ...rowOf(row), message: facts })),
    );
    return;
  }
  printMessage(output, facts);
  printTable(output, listColumns(Date.now()), rows);
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

function parseId(text: string): string {
  if (!isQueueId(text)) throw new InvalidArgumentError("Not an id as `postern queue list` prints it.");
  toMessageId(text.slice(0, 26));
  return text;
}

const SKIPPED: Readonly<Record<string, string>> = {
  unknown: "no such id is stored",
  finished: "has ended already",
  busy: "is being delivered this moment; try again soon",
  under_review: "waits for a review: see `postern quarantine`",
  not_under_review: "does not wait for a review: see `postern queue`",
  not_held: "is not held",
  held: "is held already",
  unreported: "the report to its sender could not be written; see the service's log",
};

type ActMethod = `queue.${"retry" | "hold" | "release" | "drop"}` | `quarantine.${"release" | "refuse"}`;
type ActOptions = { readonly reason: string; readonly json?: boolean };

/** An act on recipients named by id, carried out and recorded by the running service. */
export function actCommand(method: ActMethod, description: string): Command {
  const [parent, name = ""] = method.split(".");
  return new Command(name)
    .description(description)
    .argument("<id...>", "message or recipient ids", (text: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      parseId(text),
    ])
    .requiredOption("--reason <text>", "why; recorded in the audit, so name no patient")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      `\nExample:\n  postern ${parent} ${name} 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z.1 --reason "peer repaired its certificate"`,
    )
    .action(async (ids: readonly string[], options: ActOptions, self: Command) => {
      const { done, skipped } = await askService(self, method, { reason: options.reason, ids });
      const output = standardOutput();
      const rows = [
        ...done.map((id) => ({ id, result: "done", why: null })),
        ...skipped.map(({ id, why }) => ({ id, result: "skipped", why })),
      ];
      if (options.json === true) printJsonLines(output, rows);
      else
        for (const { id, why } of rows)
          output.line(`${id}  ${why === null ? name : `skipped: ${SKIPPED[why] ?? why}`}`);
      if (skipped.length > 0) throw new Finding();
    });
}
