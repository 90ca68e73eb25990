/** `postern queue summary`: what waits, by destination and age, as qshape(1) shows it for Postfix. */
import { Command } from "commander";
import type { QueueRow } from "../../../parts/control/control-protocol.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";
import { rowsOf } from "./list.ts";
import { addSelection, toSelection } from "./selection.ts";
import type { SelectionOptions } from "./selection.ts";
import { RECIPIENT_STATES, isTerminal } from "../../../core/recipient-state.ts";

const MINUTE_MS = 60_000;
/** Upper ends of the age buckets; one more holds the rest. */
const BUCKETS = [
  { title: "5m", endMs: 5 * MINUTE_MS },
  { title: "20m", endMs: 20 * MINUTE_MS },
  { title: "1h", endMs: 60 * MINUTE_MS },
  { title: "4h", endMs: 240 * MINUTE_MS },
  { title: "1d", endMs: 1_440 * MINUTE_MS },
  { title: "older", endMs: Infinity },
] as const;
/** Destinations printed; the rest is one line. */
const DOMAINS_MAX = 30;
const TOTAL = "(all)";
const OTHERS = "(others)";

type Line = {
  readonly domain: string;
  readonly held: number;
  readonly total: number;
  readonly ages: readonly number[];
};

export function summaryCommand(): Command {
  const open = RECIPIENT_STATES.filter((state) => !isTerminal(state));
  return addSelection(new Command("summary").description("count what waits, by destination and age"), open)
    .option("--json", "one JSON object a destination")
    .addHelpText("after", "\nExamples:\n  postern queue summary\n  postern queue summary --state deferred --older 1h")
    .action(async (options: SelectionOptions & { readonly json?: boolean }, self: Command) => {
      const now = Date.now();
      const counted = new Map<string, Line>();
      for await (const row of rowsOf(self, toSelection(options, { states: open, now }))) {
        const domain = row.recipient.slice(row.recipient.lastIndexOf("@") + 1).toLowerCase();
        counted.set(domain, add(counted.get(domain) ?? empty(domain), row, now));
      }
      const lines = [...counted.values()].toSorted((a, b) => b.total - a.total || (a.domain < b.domain ? -1 : 1));
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, lines.map(jsonOf));
      else printTable(output, COLUMNS, shown(lines));
    });
}

const COLUMNS: readonly Column<Line>[] = [
  { title: "DESTINATION", text: ({ domain }) => domain, isFlexible: true },
  { title: "TOTAL", text: ({ total }) => String(total), alignRight: true },
  { title: "HELD", text: ({ held }) => String(held), alignRight: true },
  ...BUCKETS.map(({ title }, index) => ({
    title: title === "older" ? title.toUpperCase() : `<${title}`,
    text: ({ ages }: Line) => String(ages[index] ?? 0),
    alignRight: true,
  })),
];

function empty(domain: string): Line {
  return { domain, held: 0, total: 0, ages: BUCKETS.map(() => 0) };
}

function add(line: Line, row: QueueRow, now: number): Line {
  const age = now - Date.parse(row.received);
  const bucket = BUCKETS.findIndex(({ endMs }) => age < endMs);
  return {
    ...line,
    total: line.total + 1,
    held: line.held + (row.state === "held" ? 1 : 0),
    ages: line.ages.map((count, index) => (index === bucket ? count + 1 : count)),
  };
}

function sum(domain: string, lines: readonly Line[]): Line {
  return lines.reduce(
    (all, { total, held, ages }) => ({
      domain,
      total: all.total + total,
      held: all.held + held,
      ages: all.ages.map((count, index) => count + (ages[index] ?? 0)),
    }),
    empty(domain),
  );
}

function shown(lines: readonly Line[]): readonly Line[] {
  if (lines.length === 0) return [];
  const rest = lines.slice(DOMAINS_MAX);
  return [sum(TOTAL, lines), ...lines.slice(0, DOMAINS_MAX), ...(rest.length === 0 ? [] : [sum(OTHERS, rest)])];
}

function jsonOf({ domain, total, held, ages }: Line): object {
  return {
    domain,
    total,
    held,
    ages: Object.fromEntries(BUCKETS.map(({ title }, index) => [title, ages[index] ?? 0])),
  };
}
