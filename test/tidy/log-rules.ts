/** Rules about the log: every event has a stable name and a row in docs/log-events.md with its level and fields, and no row is idle. */
import type { Tree, Violation } from "./tree.ts";

const PAGE = "docs/log-events.md";
const ROW = /^\| `([^`]+)`\s*\|([^|]*)\|([^|]*)\|/;
const NAME = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

export type LogRow = {
  readonly event: string;
  readonly levels: readonly string[];
  readonly fields: readonly string[];
  readonly line: number;
};

export function readLogPage(text: string): readonly LogRow[] {
  return text.split("\n").flatMap((line, i) => {
    const row = ROW.exec(line);
    const [, event = "", levels = "", fields = ""] = row ?? [];
    return row === null ? [] : [{ event, levels: wordsOf(levels), fields: wordsOf(fields), line: i + 1 }];
  });
}

export function checkLogNames(tree: Tree): readonly Violation[] {
  return usesOf(tree)
    .filter(({ event }) => event === null || !NAME.test(event))
    .map(({ path, line, event }) => ({
      rule: "log-event",
      path,
      line,
      message: event === null ? "the event is written out where it is logged" : `${event} is not snake_case`,
    }));
}

export function checkLogPage(tree: Tree): readonly Violation[] {
  const uses = usesOf(tree);
  const page = tree.texts.find(({ path }) => path === PAGE);
  if (page === undefined)
    return uses.length === 0 ? [] : [{ rule: "log-page", path: PAGE, line: 1, message: "is missing" }];
  const rows = new Map(readLogPage(page.text).map((row) => [row.event, row]));
  const wrong = uses.flatMap(({ path, line, event, levels, fields }) => {
    const row = rows.get(event ?? "");
    if (event === null) return [];
    if (row === undefined) return [{ rule: "log-page", path, line, message: `${event} has no row in ${PAGE}` }];
    const missing = [
      ...levels.filter((level) => !row.levels.includes(level)),
      ...fields.filter((field) => !row.fields.includes(field)),
    ];
    return missing.map((word) => ({ rule: "log-page", path, line, message: `the row of ${event} lacks ${word}` }));
  });
  const known = new Set(uses.map(({ event }) => event));
  const idle = [...rows.values()]
    .filter(({ event }) => !known.has(event))
    .map(({ event, line }) => ({ rule: "log-page", path: PAGE, line, message: `${event} is logged nowhere` }));
  return [...wrong, ...idle];
}

function usesOf(tree: Tree) {
  return tree.sources
    .filter(({ path, isTest }) => path.startsWith("src/") && !isTest)
    .flatMap(({ path, logs }) => logs.map((use) => ({ path, ...use })));
}

function wordsOf(cell: string): readonly string[] {
  return cell.match(/[A-Za-z][\w]*/g) ?? [];
}
