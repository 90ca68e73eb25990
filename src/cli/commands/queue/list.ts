/**
 * `postern queue list`, and the rows every command about the queue reads: from the database file where this user may read it, also
 * while the service is down; else from the running service, where the role decides.
 */
import { Command, InvalidArgumentError } from "commander";
import type { QueueSelection } from "../../../core/queue-selection.ts";
import { RECIPIENT_STATES, isTerminal } from "../../../core/recipient-state.ts";
import type { QueueCursor, QueueRow } from "../../../parts/control/control-protocol.ts";
import { selectPortion } from "../../../stages/spool/select.ts";
import type { SelectCursor } from "../../../stages/spool/select.ts";
import { formatDuration, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";
import { queueRow } from "../../queue-handlers.ts";
import { askService, readsDatabase, withQueueReader } from "../../surroundings.ts";
import { pressureWarning } from "./status.ts";
import { addSelection, toSelection } from "./selection.ts";
import type { SelectionOptions } from "./selection.ts";

const LIMIT_DEFAULT = 1000;
const LIMIT_MAX = 100_000;
const PORTION = { matchesMax: 1_000, examinedMax: 10_000 };

type ListOptions = SelectionOptions & { readonly all?: boolean; readonly limit: number; readonly json?: boolean };

export function listCommand(): Command {
  const command = new Command("list").description("list recipients that are not finished yet");
  return addSelection(command, RECIPIENT_STATES)
    .option("--all", "finished ones too")
    .option("--limit <recipients>", "at most so many", parseLimit, LIMIT_DEFAULT)
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  postern queue list\n  postern queue list --to example.org --older 1h" +
        "\n  postern queue list --state held --json | jq -r .id" +
        "\n\nState, time, message and whole recipient addresses are looked up; domains, senders and codes are compared on all" +
        " that is read, which takes longer in a large queue.",
    )
    .action(async (options: ListOptions, self: Command) => {
      const states = RECIPIENT_STATES.filter((state) => options.all === true || !isTerminal(state));
      const now = Date.now();
      const found: QueueRow[] = [];
      for await (const row of rowsOf(self, toSelection(options, { states, now }))) {
        found.push(row);
        if (found.length === options.limit) break;
      }
      const rows = found.toSorted((a, b) => compareIds(a.id, b.id));
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, rows);
      else printTable(output, listColumns(now), rows);
      const pressed = await pressureWarning(self);
      if (pressed !== null) process.stderr.write(`warning: ${pressed}\n`);
      if (rows.length === options.limit) {
        process.stderr.write(`warning: only the first ${rows.length} are listed; there may be more, see --limit\n`);
      }
    });
}

/** In order of state and id. */
export async function* rowsOf(command: Command, selection: QueueSelection): AsyncIterable<QueueRow> {
  let cursor: QueueCursor | null = null;
  do {
    const portion: Rows = await (readsDatabase(command) ? fromFile : fromService)(command, selection, cursor);
    yield* portion.rows;
    cursor = portion.next;
  } while (cursor !== null);
}

type Rows = { readonly rows: readonly QueueRow[]; readonly next: QueueCursor | null };

async function fromFile(command: Command, selection: QueueSelection, cursor: QueueCursor | null): Promise<Rows> {
  return withQueueReader(command, async (source) => {
    const at = cursor as SelectCursor | null;
    const { matches, next } = await selectPortion(selection, at, { source, limits: PORTION });
    return { rows: matches.map(queueRow), next };
  });
}

function fromService(command: Command, selection: QueueSelection, cursor: QueueCursor | null): Promise<Rows> {
  return askService(command, "queue.list", { target: { selection, cursor }, action: null });
}

/** By message, then by number. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [a.slice(0, 26), b.slice(0, 26)];
  if (left !== right) return left < right ? -1 : 1;
  return Number(a.slice(27)) - Number(b.slice(27));
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new InvalidArgumentError(`Give a whole number from 1 to ${LIMIT_MAX}.`);
  }
  return limit;
}

export function listColumns(now: number): readonly Column<QueueRow>[] {
  return [
    { title: "ID", text: (row) => row.id },
    { title: "STATE", text: (row) => row.state + (row.possibleDuplicate ? " (possible duplicate)" : "") },
    { title: "RECIPIENT", text: (row) => row.recipient, isFlexible: true },
    { title: "PUT OFF", text: (row) => String(row.attempts), alignRight: true },
    { title: "NEXT", text: (row) => nextStep(row, now) },
    { title: "WHY", text: (row) => row.code ?? "" },
  ];
}

function nextStep(row: QueueRow, now: number): string {
  if (isTerminal(row.state)) return "";
  if (row.deadlineAt !== null) return `fails in ${formatDuration(Date.parse(row.deadlineAt) - now)}`;
  const dueAt = Date.parse(row.dueAt);
  return dueAt <= now ? "now" : `in ${formatDuration(dueAt - now)}`;
}
