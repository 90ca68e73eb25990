/**
 * `postern queue retry | hold | release | drop`: acts on recipients by id or by filter. Promises: nothing is done before it was counted and,
 * for more than one recipient, agreed to; the service acts portion by portion, each with its audit rows; what was left out says why.
 */
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import type { RecipientState } from "../../../core/recipient-state.ts";
import type { ListResult, QueueRow, QueueTarget, SkippedId } from "../../../parts/control/control-protocol.ts";
import { CliError, Finding } from "../../cli-error.ts";
import { printJsonLines, printTable, standardOutput } from "../../output.ts";
import { askService } from "../../surroundings.ts";
import { listColumns } from "./list.ts";
import { addSelection, hasSelection, parseIds, toSelection } from "./selection.ts";
import type { SelectionOptions } from "./selection.ts";

const SAMPLE_ROWS_MAX = 10;
/** Results printed one by one; beyond, only their number. */
const PRINTED_MAX = 20;

export const SKIPPED: Readonly<Record<string, string>> = {
  unknown: "no such id is stored",
  finished: "has ended already",
  busy: "is being delivered this moment; try again soon",
  under_review: "waits for a review: see `postern quarantine`",
  not_under_review: "does not wait for a review: see `postern queue`",
  not_held: "is not held",
  held: "is held already",
  requested: "waits for a second person already: see `postern quarantine list`",
  unreported: "the report to its sender could not be written; see the service's log",
};

const OPEN: readonly RecipientState[] = ["received", "ready", "deferred", "held"];
/** The states an act is for, where none are named. */
const STATES = {
  retry: OPEN,
  hold: ["received", "ready", "deferred"],
  release: ["held"],
  drop: OPEN,
} as const satisfies Readonly<Record<string, readonly RecipientState[]>>;
type Act = keyof typeof STATES;

type ActOptions = SelectionOptions & {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
};

export function actCommand(act: Act, description: string): Command {
  const command = new Command(act)
    .description(description)
    .argument("[id...]", "message or recipient ids; or filters", parseIds)
    .requiredOption("--reason <text>", "why; recorded in the audit, so name no patient");
  return addSelection(command, STATES[act])
    .option("--dry-run", "only count and show what would be acted on; changes nothing")
    .option("-y, --yes", "do not ask, also for more than one recipient")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      `\nExamples:\n  postern queue ${act} 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z.1 --reason "peer repaired its certificate"` +
        `\n  postern queue ${act} --to example.org --older 1h --reason "their server is back" --dry-run`,
    )
    .action(async (ids: readonly string[] | undefined, options: ActOptions, self: Command) => {
      const target = targetOf(act, ids ?? [], options);
      const plan = await count(self, act, target);
      if (options.dryRun === true) return printPlan(act, plan, options);
      await agree(act, plan.count, options);
      await carryOut(self, { act, target, plan, options });
    });
}

function targetOf(act: Act, ids: readonly string[], options: ActOptions): QueueTarget {
  const isFiltered = hasSelection(options);
  if (ids.length > 0 && !isFiltered) return { ids };
  if (ids.length === 0 && isFiltered) {
    return { selection: toSelection(options, { states: STATES[act], now: Date.now() }), cursor: null };
  }
  const next = `give ids, or filters such as --to example.org; see \`postern queue ${act} --help\`.`;
  throw new CliError(ids.length > 0 ? "ids and filters exclude each other" : "nothing is named", { next, exitCode: 2 });
}

export type ActPlan = {
  readonly count: number;
  readonly sample: readonly QueueRow[];
  readonly skipped: readonly SkippedId[];
  readonly examined: number;
};

/** Walks the whole selection without changing anything. */
export async function count(command: Command, act: Act, target: QueueTarget): Promise<ActPlan> {
  let plan: ActPlan = { count: 0, sample: [], skipped: [], examined: 0 };
  for await (const part of portions(target, (at) => askService(command, "queue.list", { target: at, action: act }))) {
    plan = {
      count: plan.count + part.rows.length,
      sample: [...plan.sample, ...part.rows].slice(0, SAMPLE_ROWS_MAX),
      skipped: [...plan.skipped, ...part.skipped],
      examined: plan.examined + part.examined,
    };
    progress(`${plan.count} found, ${plan.examined} looked at`);
  }
  progress("");
  return plan;
}

async function* portions<R extends Pick<ListResult, "next">>(
  target: QueueTarget,
  ask: (target: QueueTarget) => Promise<R>,
): AsyncIterable<R> {
  for (let at: QueueTarget | null = target; at !== null;) {
    const result: R = await ask(at);
    yield result;
    at = "ids" in at || result.next === null ? null : { selection: at.selection, cursor: result.next };
  }
}

export function printPlan(act: string, plan: ActPlan, options: Pick<ActOptions, "json">): void {
  const output = standardOutput();
  if (options.json === true) {
    const left = whys(plan.skipped);
    printJsonLines(output, [...plan.sample, { kind: "dry_run", act, count: plan.count, skipped: left }]);
    return;
  }
  output.line(`${act} would act on ${recipients(plan.count)}${plan.count > plan.sample.length ? ", such as" : ""}`);
  if (plan.sample.length > 0) printTable(output, listColumns(Date.now()), plan.sample);
  for (const [why, number] of Object.entries(whys(plan.skipped)))
    output.line(`left out: ${number} (${why}: ${SKIPPED[why] ?? why})`);
}

/** One recipient needs no question; more need --yes, or a person's word. */
export async function agree(act: string, count: number, options: Pick<ActOptions, "yes">): Promise<void> {
  if (count <= 1 || options.yes === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const next = "say --yes, or look first with --dry-run.";
    throw new CliError(`${act} would act on ${recipients(count)}`, { next, exitCode: 2 });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${act} ${recipients(count)}? [y/N] `);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new CliError("nothing was done", { next: "answer y, or say --yes." });
}

type Carried = {
  readonly act: Act;
  readonly target: QueueTarget;
  readonly plan: ActPlan;
  readonly options: ActOptions;
};

async function carryOut(command: Command, { act, target, plan, options }: Carried): Promise<void> {
  const output = standardOutput();
  const isTold = options.json === true || plan.count + plan.skipped.length <= PRINTED_MAX;
  const skipped: SkippedId[] = [];
  let done = 0;
  const ask = (at: QueueTarget) => askService(command, `queue.${act}`, { target: at, reason: options.reason });
  for await (const part of portions(target, ask)) {
    done += part.done.length;
    skipped.push(...part.skipped);
    if (isTold) printResults(act, part, options.json === true);
    else progress(`${done} of ${plan.count}`);
  }
  progress("");
  if (options.json !== true && !isTold) {
    output.line(`${act}: ${recipients(done)}`);
    for (const [why, number] of Object.entries(whys(skipped)))
      output.line(`left out: ${number} (${SKIPPED[why] ?? why})`);
  }
  if (done + skipped.length === 0) output.line(options.json === true ? JSON.stringify({ kind: "none" }) : "none");
  // Of ids each was meant; of a filter whoever is not left out.
  if ("ids" in target ? skipped.length > 0 : skipped.some(({ why }) => why === "unreported")) throw new Finding();
}

export function printResults(
  act: string,
  { done, skipped }: { readonly done: readonly string[]; readonly skipped: readonly SkippedId[] },
  asJson: boolean,
): void {
  const output = standardOutput();
  const rows = [
    ...done.map((id) => ({ id, result: "done", why: null })),
    ...skipped.map(({ id, why }) => ({ id, result: "skipped", why })),
  ];
  if (asJson) printJsonLines(output, rows);
  else for (const { id, why } of rows) output.line(`${id}  ${why === null ? act : `skipped: ${SKIPPED[why] ?? why}`}`);
}

function whys(skipped: readonly SkippedId[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(skipped, ({ why }) => why)].map(([why, { length }]) => [why, length]));
}

function recipients(count: number): string {
  return `${count} recipient${count === 1 ? "" : "s"}`;
}

/** One line that is written over, where a person watches; an empty text clears it. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
