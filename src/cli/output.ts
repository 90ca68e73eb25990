/**
 * How commands print: a table for people, JSON Lines for programs (`--json`).
 * Promises: columns line up for any script, a table fits the terminal where it can, and nothing a stranger wrote reaches
 * the terminal as a control sequence.
 */

export type Column<Row> = {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Numbers. */
  readonly alignRight?: boolean;
  /** Gives way first when the table is wider than the terminal. */
  readonly isFlexible?: boolean;
};

export interface Output {
  line(text: string): void;
  /** Columns of the terminal; null where output goes to a file or pipe. */
  readonly width: number | null;
}

const COLUMN_GAP = "  ";
const COLUMN_WIDTH_MIN = 8;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Standard output. A reader that went away (`| head`) ends the command quietly. */
export function standardOutput(): Output {
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    width: process.stdout.isTTY ? process.stdout.columns : null,
  };
}

export function printJsonLines(output: Output, rows: Iterable<unknown>): void {
  for (const row of rows) output.line(JSON.stringify(row));
}

/** One header line and one line a row; says `none` instead of an empty table. */
export function printTable<Row>(output: Output, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  if (rows.length === 0) {
    output.line("none");
    return;
  }
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
  const natural = columns.map((column, i) =>
    Math.max(cellWidth(column.title), ...cells.map((line) => cellWidth(line[i] ?? ""))),
  );
  const widths = fit(natural, columns, output.width);
  const format = (line: readonly string[]): string =>
    line
      .map((cell, i) => pad(cut(cell, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.alignRight ?? false))
      .join(COLUMN_GAP)
      .trimEnd();
  output.line(format(columns.map((column) => column.title)));
  for (const line of cells) output.line(format(line));
}

/** Text as a terminal may show it: control and format characters become `?`, so that nothing moves the cursor. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, "?");
}

/** `1 rule`, `2 rules` */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** `2026-11-21 12:00:05Z`, always UTC. */
export function formatTime(at: number): string {
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

/** `3 d 4 h`, `12 min`, `5 s`: the two largest units. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function fit<Row>(
  natural: readonly number[],
  columns: readonly Column<Row>[],
  width: number | null,
): readonly number[] {
  if (width === null) return natural;
  let excess = natural.reduce((sum, column) => sum + column, 0) + COLUMN_GAP.length * (natural.length - 1) - width;
  return natural.map((column, i) => {
    if (excess <= 0 || columns[i]?.isFlexible !== true) return column;
    const narrowed = Math.max(Math.min(column, COLUMN_WIDTH_MIN), column - excess);
    excess -= column - narrowed;
    return narrowed;
  });
}

function cut(text: string, width: number): string {
  if (cellWidth(text) <= width) return text;
  let kept = "";
  for (const { segment } of segmenter.segment(text)) {
    if (cellWidth(kept) + cellWidth(segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function pad(text: string, width: number, alignRight: boolean): string {
  const space = " ".repeat(Math.max(0, width - cellWidth(text)));
  return alignRight ? space + text : text + space;
}

/** Terminal cells: two for East Asian wide and emoji, none for marks that join the character before. */
function cellWidth(text: string): number {
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) {
    cells +=
      /^[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|^\p{Emoji_Presentation}/u.test(
        segment,
      )
        ? 2
        : 1;
  }
  return cells;
}

/** `512 B`, `4.2 MB`: in powers of 1,000. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? "B"}`;
}

/** Words of one paragraph, broken at spaces; a word longer than a line stays whole. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? indent + word : `${line} ${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}
