/**
 * `postern trace ID | ADDRESS`: what happened to a message, per recipient, in plain words. From the database file, also while
 * the service is down; for whom that is closed from the service, as the role allows.
 */
import { Command } from "commander";
import { messageIdOf, toMessageId } from "../../core/ids.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import { isQueueId } from "../../parts/control/control-protocol.ts";
import type { TraceResult } from "../../parts/control/reading-requests.ts";
import type { RecipientStory, Story, StoryLine } from "../../stages/audit/story.ts";
import { CliError } from "../cli-error.ts";
import { formatTime, printable, printJsonLines, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { storyOf } from "../reading-handlers.ts";
import { askService, readsDatabase, withQueueReader } from "../surroundings.ts";
import { rowsOf } from "./queue/list.ts";
import { ALL, parsePlace } from "./queue/selection.ts";

/** Messages told of one address: the newest. */
const MESSAGES_MAX = 20;

export function traceCommand(): Command {
  return new Command("trace")
    .description("tell what happened to a message, per recipient, and why")
    .argument("<id-or-address>", "message or recipient id, or the address of a recipient")
    .option("--json", "one JSON object a message")
    .addHelpText(
      "after",
      "\nExamples:\n  postern trace 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z\n  postern trace someone@example.org" +
        `\n\nOf an address the newest ${MESSAGES_MAX} messages are told, until retention_hours after they ended.`,
    )
    .action(async (subject: string, options: { readonly json?: boolean }, command: Command) =>
      trace(command, subject, options.json === true),
    );
}

async function trace(command: Command, subject: string, asJson: boolean): Promise<void> {
  const asked = await find(command, subject);
  const output = standardOutput();
  let told = 0;
  for (const [messageId, only] of asked) {
    const story = await (readsDatabase(command) ? fromFile : fromService)(command, messageId, only);
    if (story.recipients.length === 0 && story.lines.length === 0) continue;
    if (asJson) printJsonLines(output, [{ messageId, ...story }]);
    else printStory(output, messageId, story);
    told += 1;
  }
  if (told > 0) return;
  // With a wrong address key no address is ever found; reading any row tells so.
  if (readsDatabase(command)) await withQueueReader(command, (reader) => reader.recipients({ limit: 1 }));
  throw new CliError("nothing is known of this id or address", {
    next: "list ids with `postern queue list --all`; of finished mail addresses are forgotten after retention_hours, ids stay.",
  });
}

/** Of each message the recipients asked for; null: all. */
type Asked = ReadonlyMap<MessageId, readonly RecipientId[] | null>;

async function find(command: Command, subject: string): Promise<Asked> {
  const isId: boolean = isQueueId(subject);
  if (isId) {
    const id = subject as RecipientId;
    return new Map([[messageIdOf(id), subject.includes(".") ? [id] : null]]);
  }
  const found = new Map<MessageId, RecipientId[]>();
  for await (const row of rowsOf(command, { ...ALL, to: addressOf(subject) })) {
    const [id, messageId] = [row.id as RecipientId, toMessageId(row.messageId)];
    found.set(messageId, [...(found.get(messageId) ?? []), id]);
  }
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(-MESSAGES_MAX));
}

function addressOf(subject: string): string {
  try {
    if (subject.indexOf("@") > 0) return parsePlace(subject);
  } catch {
    // Said below.
  }
  const next = "give an id as `postern queue list` prints it, or a whole address.";
  throw new CliError("this is neither an id nor an address", { next, exitCode: 2 });
}

function fromFile(command: Command, messageId: MessageId, only: readonly RecipientId[] | null): Promise<Story> {
  return withQueueReader(command, (reader) => storyOf(reader, messageId, only));
}

async function fromService(
  command: Command,
  messageId: MessageId,
  only: readonly RecipientId[] | null,
): Promise<Story> {
  const recipients: RecipientStory[] = [];
  let lines: readonly StoryLine[] = [];
  for (const id of only ?? [messageId]) {
    for (let after: number | null = 0; after !== null;) {
      const told: TraceResult = await askService(command, "queue.trace", { id, after });
      recipients.push(...told.recipients);
      ({ lines, next: after } = told);
    }
  }
  return { lines, recipients };
}

function printStory(output: Output, messageId: MessageId, story: Story): void {
  const print = (lines: readonly StoryLine[]): void => {
    for (const { at, text } of lines) output.line(`  ${formatTime(at)}  ${printable(text)}`);
  };
  output.line(`message ${messageId}`);
  print(story.lines);
  for (const { recipientId, address, state, lines, now } of story.recipients) {
    output.line("");
    output.line(`recipient ${recipientId}  ${printable(address ?? "(address forgotten)")}  ${state ?? ""}`.trimEnd());
    print(lines);
    if (now !== null) output.line(`  now: ${printable(now)}`);
  }
  output.line("");
}
