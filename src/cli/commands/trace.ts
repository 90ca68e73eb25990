/** `postern trace ID | ADDRESS`: what happened to a message, per recipient, in plain words. Works while the service is down. */
import { Command } from "commander";
import { messageIdOf } from "../../core/ids.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import { isQueueId } from "../../parts/control/control-protocol.ts";
import type { QueueReader } from "../../parts/store/sqlite-queue-reader.ts";
import { tellStory } from "../../stages/audit/story.ts";
import type { Story, StoryLine } from "../../stages/audit/story.ts";
import { CliError } from "../cli-error.ts";
import { formatTime, printable, printJsonLines, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { withQueueReader } from "../surroundings.ts";

/** Audit rows read of one message: the newest. */
const ROWS_MAX = 20_000;
const RECIPIENTS_MAX = 10_000;
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
      withQueueReader(command, (reader) => trace(reader, subject, options.json === true)),
    );
}

async function trace(reader: QueueReader, subject: string, asJson: boolean): Promise<void> {
  const messageIds = await find(reader, subject);
  const output = standardOutput();
  let told = 0;
  for (const messageId of messageIds) {
    const story = await storyOf(reader, messageId, subject);
    if (story.recipients.length === 0 && story.lines.length === 0) continue;
    if (asJson) printJsonLines(output, [{ messageId, ...story }]);
    else printStory(output, messageId, story);
    told += 1;
  }
  if (told > 0) return;
  // With a wrong address key no address is ever found; reading any row tells so.
  await reader.recipients({ limit: 1 });
  throw new CliError("nothing is known of this id or address", {
    next: "list ids with `postern queue list --all`; of finished mail addresses are forgotten after retention_hours, ids stay.",
  });
}

async function find(reader: QueueReader, subject: string): Promise<readonly MessageId[]> {
  const isId: boolean = isQueueId(subject);
  if (isId) return [messageIdOf(subject as RecipientId)];
  if (!subject.includes("@")) {
    const next = "give an id as `postern queue list` prints it, or a whole address.";
    throw new CliError("this is neither an id nor an address", { next, exitCode: 2 });
  }
  const recipients = await reader.recipients({ address: subject, limit: RECIPIENTS_MAX });
  const ids = new Set(recipients.map((recipient) => recipient.messageId));
  return [...ids].toSorted().slice(-MESSAGES_MAX);
}

/** Asked for one recipient or an address, the story leaves the other recipients out. */
async function storyOf(reader: QueueReader, messageId: MessageId, subject: string): Promise<Story> {
  const rows = await reader.auditOf(messageId, ROWS_MAX);
  const recipients = await reader.recipients({ messageId, limit: RECIPIENTS_MAX });
  const story = tellStory(rows, recipients);
  if (subject === messageId) return story;
  const wanted = subject.includes("@")
    ? await reader.recipients({ messageId, address: subject, limit: RECIPIENTS_MAX })
    : [];
  const ids = new Set<string>([subject, ...wanted.map((recipient) => recipient.id)]);
  return { ...story, recipients: story.recipients.filter(({ recipientId }) => ids.has(recipientId)) };
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
