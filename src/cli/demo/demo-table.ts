/**
 * How the demo looks on a terminal: a heading for each mail, one line for each recipient, and a second one where a row needs a
 * reason. Promises: no line is wider than the terminal from 80 columns on; bold and dim only where `isStyled`.
 */
import { printable, wrapped } from "../output.ts";
import { requiredWords } from "./demo-row.ts";
import type { DemoRow } from "./demo-row.ts";

export type Look = {
  readonly width: number;
  /** Bold and dim; nothing else. */
  readonly isStyled: boolean;
};

export type Heading = { readonly sender: string; readonly subject: string; readonly messageId: string };

/** From here on there is room for the column USED and for whole replies. */
const WIDE = 100;
const ROOM_FOR_REPLY_TEXT = 120;

type Cell = { readonly title: string; readonly width: number; readonly text: (row: DemoRow) => string };

const RECIPIENT: Cell = { title: "RECIPIENT", width: 18, text: (row) => row.recipient };
const FOUND: Cell = { title: "FOUND", width: 10, text: (row) => row.found };
const REQUIRED: Cell = { title: "REQUIRED", width: 12, text: (row) => requiredWords(row.required) };
const USED: Cell = { title: "USED", width: 7, text: (row) => row.used ?? "-" };
const RUNG: Cell = { title: "RUNG SEEN", width: 19, text: (row) => row.rung ?? "-" };

export function titleLine(look: Look): string {
  const { cells, gap } = layoutOf(look);
  return dim(
    look,
    lineOf(
      cells.map(({ title, width }) => title.padEnd(width)),
      "RESULT",
      gap,
    ),
  );
}

export function mailLines(look: Look, { sender, subject, messageId }: Heading, rows: readonly DemoRow[]): string[] {
  const heading = `${bold(look, printable(subject))}  ${dim(look, `${printable(sender)}  ${messageId}`)}`;
  return [heading, ...rows.flatMap((row) => rowLines(look, row))];
}

function rowLines(look: Look, row: DemoRow): string[] {
  const { cells, gap } = layoutOf(look);
  const texts = cells.map((cell) => printable(cell.text(row)).padEnd(cell.width));
  const reason = row.why === null ? [] : wrapped(printable(row.why), look.width, "      ");
  const unlike = row.differences.flatMap((text) => wrapped(`NOT AS EXPECTED: ${text}`, look.width, "      "));
  return [
    lineOf(texts, resultOf(look, row), gap),
    ...reason.map((text) => dim(look, text)),
    ...unlike.map((text) => bold(look, text)),
  ];
}

function resultOf({ width }: Look, { state, reply, code }: DemoRow): string {
  const isAnswered = reply !== null && (state === "delivered" || state === "failed");
  if (!isAnswered) return width < WIDE || code === null ? state : `${state} ${code}`;
  if (width < WIDE) return `${state} ${reply.code}`;
  const said = width < ROOM_FOR_REPLY_TEXT ? (reply.enhanced ?? "") : reply.text;
  return printable(`${state} ${reply.code} ${said}`).trimEnd();
}

function layoutOf({ width }: Look): { readonly cells: readonly Cell[]; readonly gap: string } {
  if (width < WIDE) return { cells: [RECIPIENT, FOUND, REQUIRED, RUNG], gap: " " };
  return { cells: [RECIPIENT, FOUND, REQUIRED, USED, RUNG], gap: "  " };
}

function lineOf(cells: readonly string[], last: string, gap: string): string {
  return `  ${[...cells, last].join(gap)}`.trimEnd();
}

export function bold({ isStyled }: Look, text: string): string {
  return isStyled ? `\u001B[1m${text}\u001B[22m` : text;
}

export function dim({ isStyled }: Look, text: string): string {
  return isStyled ? `\u001B[2m${text}\u001B[22m` : text;
}
