/**
 * `postern quarantine list | show | release | refuse | approve | reject`: mail that a rule holds for review. All of it goes through the
 * running service, which proves who asks: what a reviewer may see and do depends on the role.
 */
import { createWriteStream, rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, InvalidArgumentError } from "commander";
import type { QuarantineDetail, QuarantineRow, ReviewResult } from "../../parts/control/control-protocol.ts";
import { CliError, Finding } from "../cli-error.ts";
import { formatDuration, formatTime, printable, printJsonLines, printTable, standardOutput } from "../output.ts";
import type { Column, Output } from "../output.ts";
import { askForBody, askService } from "../surroundings.ts";
import { addChoice, chosenRows, hasChoice } from "./quarantine/choose.ts";
import type { Choice } from "./quarantine/choose.ts";
import { agree, printResults, SKIPPED } from "./queue/act.ts";
import { parseId, parseIds } from "./queue/selection.ts";

/** Of a message on the terminal; the whole of it goes to --output. */
const TERMINAL_BYTES_MAX = 65_536;
/** Decided in one request. */
const PORTION_MAX = 200;
const REASON = ["--reason <text>", "why; recorded in the audit, so name no patient"] as const;

export function quarantineCommand(): Command {
  const command = new Command("quarantine").description(
    "look at mail that a rule holds for review, and decide about it",
  );
  command.addCommand(listCommand());
  command.addCommand(showCommand());
  command.addCommand(decideCommand("release", "let it go on, planned anew without the rule, at its floor"));
  command.addCommand(decideCommand("refuse", "do not send it; the sender is told, without content"));
  command.addCommand(verdictCommand("approve", "agree to what somebody else requested: it is done at once"));
  command.addCommand(verdictCommand("reject", "turn down what somebody else requested: the mail goes on waiting"));
  return command;
}

type ListOptions = Choice & { readonly addresses?: boolean; readonly json?: boolean };

function listCommand(): Command {
  return addChoice(new Command("list"))
    .description("list what waits for a review, and what waits for a second person")
    .option("--addresses", "whole addresses, for reviewers")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  postern quarantine list\n  postern quarantine list --json | jq -r .request.id",
    )
    .action(async (options: ListOptions, self: Command) => {
      const rows = await chosenRows(self, options, { addresses: options.addresses === true, now: Date.now() });
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, rows);
      else printTable(output, listColumns(Date.now()), rows);
    });
}

function listColumns(now: number): readonly Column<QuarantineRow>[] {
  const left = (at: string | null): string => (at === null ? "" : formatDuration(Date.parse(at) - now));
  return [
    { title: "ID", text: ({ id }) => id },
    { title: "FAILS IN", text: ({ deadlineAt }) => left(deadlineAt) },
    { title: "FROM", text: ({ sender }) => sender, isFlexible: true },
    { title: "TO", text: ({ recipient }) => recipient, isFlexible: true },
    { title: "FOUND", text: ({ findings }) => String(findings), alignRight: true },
    { title: "RULES", text: ({ rules }) => rules.join(", "), isFlexible: true },
    { title: "REQUEST", text: ({ request }) => requestText(request) },
  ];
}

function requestText(request: QuarantineRow["request"]): string {
  return request === null ? "" : `${request.id}: ${request.act}, asked by ${request.user}`;
}

type ShowOptions = {
  readonly addresses?: boolean;
  readonly json?: boolean;
  readonly body?: boolean;
  readonly reason?: string;
  readonly output?: string;
};

function showCommand(): Command {
  return new Command("show")
    .description("show one message under review: what was found where, never the text")
    .argument("<id>", "message or recipient id", parseId)
    .option("--addresses", "whole addresses, for reviewers")
    .option("--json", "one JSON object")
    .option(
      "--body",
      "the message itself, for reviewers; needs --reason, and the audit says who saw it before it is shown",
    )
    .option(...REASON)
    .option("--output <file>", "with --body: into a new file that only you can read")
    .addHelpText(
      "after",
      "\nExamples:\n  postern quarantine show 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z" +
        '\n  postern quarantine show 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z --body --reason "asked by the ward" --output mail.eml',
    )
    .action(async (id: string, options: ShowOptions, self: Command) => {
      if (options.body === true) return showBody(self, id, options);
      const detail = await askService(self, "quarantine.show", { id, addresses: options.addresses === true });
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, [detail]);
      else printDetail(output, detail);
    });
}

function printDetail(output: Output, detail: QuarantineDetail): void {
  const [first] = detail.rows;
  if (first !== undefined) {
    output.line(`message    ${first.messageId}, ${first.sizeBytes} bytes`);
    output.line(`received   ${formatTime(Date.parse(first.received))}`);
    output.line(
      `found      ${first.verdict ?? "not inspected"}, tier ${first.tier ?? "none"}, ${first.findings} places`,
    );
    for (const { detector, part, count, distinct } of detail.detectors) {
      output.line(printable(`           ${detector} in part ${part}: ${count}, ${distinct} different`));
    }
    for (const unread of detail.unread) output.line(printable(`unread     part ${unread}`));
    for (const trigger of detail.triggers) output.line(`asked for  protection by the sender: ${trigger}`);
    if (detail.waiverAsked)
      output.line("asked for  no protection by the sender: where that counts, released it goes without");
    for (const { path, contentType, sizeBytes, disposition } of detail.parts) {
      output.line(
        printable(`part       ${path || "whole"} ${contentType}, ${sizeBytes} bytes, ${disposition ?? "inline"}`),
      );
    }
    if (detail.partsLeftOut > 0) output.line(`           and ${detail.partsLeftOut} more parts`);
    output.line("");
  }
  printTable(output, listColumns(Date.now()), detail.rows);
  for (const { request } of detail.rows) {
    if (request === null) continue;
    output.line(
      printable(`request ${request.id} (${request.act}) of ${request.user}, uid ${request.uid}: ${request.reason}`),
    );
    output.line(`  open until ${formatTime(Date.parse(request.expiresAt))}`);
  }
}

async function showBody(command: Command, id: string, options: ShowOptions): Promise<void> {
  const { reason, output } = options;
  if (reason === undefined || reason.trim() === "") {
    throw new CliError("--body needs --reason", { next: "say why you look; the audit records it.", exitCode: 2 });
  }
  if (output === undefined && !process.stdout.isTTY) {
    const next = "name a new file with --output; it will be readable by you alone.";
    throw new CliError("the message is shown on a terminal only", { next, exitCode: 2 });
  }
  if (output !== undefined) {
    // Opened before anything is asked for: what cannot be kept is not to be looked at.
    const file = createWriteStream(output, { flags: "wx", mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      file.once("open", () => resolve());
      file.once("error", (error) => reject(cannotWrite(output, error)));
    });
    try {
      await askForBody(command, { id, reason }, (bytes) => pipeline(Readable.from(bytes), file));
    } catch (error) {
      file.destroy();
      rmSync(output, { force: true });
      throw error;
    }
    return;
  }
  await askForBody(command, { id, reason }, printBody);
}

function cannotWrite(path: string, error: Error): CliError {
  const why = "code" in error ? String(error.code) : "unknown";
  return new CliError(`${path} cannot be made (${why})`, { next: "name a file that does not exist yet." });
}

/** As it came, line by line, and nothing of it as a control sequence. */
async function printBody(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    if (length < TERMINAL_BYTES_MAX) chunks.push(chunk);
    length += chunk.length;
  }
  const output = standardOutput();
  const text = Buffer.concat(chunks).subarray(0, TERMINAL_BYTES_MAX).toString("utf8");
  for (const line of text.split(/\r?\n/)) output.line(printable(line.replaceAll("\t", "  ")));
  if (length > TERMINAL_BYTES_MAX) {
    process.stderr.write(`the first ${TERMINAL_BYTES_MAX} of ${length} bytes; the whole with --output FILE\n`);
  }
}

type VerdictOptions = { readonly reason: string; readonly json?: boolean };
type DecideOptions = VerdictOptions & Choice & { readonly dryRun?: boolean; readonly yes?: boolean };
type DecideAct = "release" | "refuse";

function decideCommand(act: DecideAct, description: string): Command {
  return addChoice(new Command(act))
    .description(description)
    .argument("[id...]", "message or recipient ids; or filters", parseIds)
    .requiredOption(...REASON)
    .option("--dry-run", "with filters: only count and show what would be decided; changes nothing")
    .option("-y, --yes", "with filters: do not ask, also for more than one recipient")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      `\nExamples:\n  postern quarantine ${act} 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z.1 --reason "agreed with the ward"` +
        `\n  postern quarantine ${act} --rule house-rules/house.review --newer 2h --reason "the rule was wrong" --dry-run` +
        "\n\nWhere review.four_eyes asks for a second person, this only requests it; see `postern quarantine approve`.",
    )
    .action(async (ids: readonly string[] | undefined, options: DecideOptions, self: Command) => {
      const wanted = await decided(self, act, { ids: ids ?? [], options });
      let hasSkipped = false;
      for (let first = 0; first < wanted.length; first += PORTION_MAX) {
        const portion = wanted.slice(first, first + PORTION_MAX);
        const result = await askService(self, `quarantine.${act}`, { reason: options.reason, ids: portion });
        printDecided(act, result, options.json === true);
        hasSkipped ||= result.skipped.length > 0;
      }
      if (hasSkipped) throw new Finding();
    });
}

/** The ids named, or those that the filters find; none where only a look was asked for. */
async function decided(
  self: Command,
  act: DecideAct,
  { ids, options }: { readonly ids: readonly string[]; readonly options: DecideOptions },
): Promise<readonly string[]> {
  if (ids.length > 0 === hasChoice(options)) {
    const problem = ids.length > 0 ? "ids and filters exclude each other" : "nothing is named";
    const next = `give ids, or filters such as --rule PACK/RULE; see \`postern quarantine ${act} --help\`.`;
    throw new CliError(problem, { next, exitCode: 2 });
  }
  if (ids.length > 0 && options.dryRun === true) {
    throw new CliError("--dry-run is for filters", { next: "look with `postern quarantine show ID`.", exitCode: 2 });
  }
  if (ids.length > 0) return ids;
  const rows = await chosenRows(self, options, { addresses: false, now: Date.now() });
  const output = standardOutput();
  if (options.dryRun === true) {
    if (options.json === true) printJsonLines(output, [...rows, { kind: "dry_run", act, count: rows.length }]);
    else {
      output.line(`${act} would be for ${rows.length} recipient${rows.length === 1 ? "" : "s"}`);
      if (rows.length > 0) printTable(output, listColumns(Date.now()), rows);
    }
    return [];
  }
  await agree(act, rows.length, options);
  if (rows.length === 0) output.line(options.json === true ? JSON.stringify({ kind: "none" }) : "none");
  return rows.map(({ id }) => id);
}

function printDecided(act: DecideAct, result: ReviewResult, asJson: boolean): void {
  const output = standardOutput();
  if (asJson) {
    printJsonLines(
      output,
      result.requested.map(({ id, request }) => ({ id, result: "requested", request })),
    );
  } else {
    for (const { id, request } of result.requested) {
      output.line(`${id}  ${act} requested as ${request}; needs the approval of somebody else`);
    }
  }
  printResults(act, result, asJson);
}

function verdictCommand(verdict: "approve" | "reject", description: string): Command {
  return new Command(verdict)
    .description(description)
    .argument("<request>", "id of the request, as `postern quarantine list` prints it", parseRequest)
    .requiredOption(...REASON)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `\nExample:\n  postern quarantine ${verdict} 01JD8R0C5T6Q2W8N4M1K3P7V9X --reason "seen and agreed"`,
    )
    .action(async (request: string, options: VerdictOptions, self: Command) => {
      const { id, act, why } = await askService(self, `quarantine.${verdict}`, { request, reason: options.reason });
      const output = standardOutput();
      if (options.json === true)
        printJsonLines(output, [{ id, act, verdict, result: why === null ? "done" : "skipped", why }]);
      else if (why !== null) output.line(`${id}  skipped: ${SKIPPED[why] ?? why}`);
      else output.line(`${id}  ${verdict === "approve" ? act : `${act} rejected; it goes on waiting`}`);
      if (why !== null) throw new Finding();
    });
}

function parseRequest(text: string): string {
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(text)) throw new InvalidArgumentError("Not the id of a request.");
  return text;
}
