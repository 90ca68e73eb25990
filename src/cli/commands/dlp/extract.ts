/**
 * `postern dlp extract`: what inspection reads of a message: every text with its place, kind and length, and what it could not read.
 * The texts themselves only with --reveal, on a terminal, and where a gateway is configured its audit says who looked.
 */
import { Command } from "commander";
import type { Findings } from "../../../core/findings.ts";
import type { MimePart } from "../../../core/mime-structure.ts";
import type { Segment } from "../../../stages/inspect/compiled-pack.ts";
import type { Seen } from "../../../stages/inspect/inspect.ts";
import { marksIn } from "../../../stages/inspect/text-places.ts";
import { scanBytes } from "../../../stages/inspect/scan.ts";
import { Finding } from "../../cli-error.ts";
import { requireContent } from "../../dlp/files.ts";
import { inspectWith, NO_PICTURES } from "../../dlp/packs.ts";
import { REASON_OPTION, requireLeave } from "../../dlp/reveal.ts";
import { printable, printTable, standardOutput } from "../../output.ts";
import type { Column } from "../../output.ts";

type ExtractOptions = { readonly json?: boolean; readonly reveal?: boolean; readonly reason?: string };

type ExtractedText = {
  readonly n: number;
  readonly part: string;
  readonly kind: Segment["kind"];
  /** 0 for the message itself, counted up for messages within it; null for fields of no message in particular. */
  readonly message: number | null;
  readonly chars: number;
  readonly lines: number;
  /** Quoted tails, signatures, footers, blank forms: where they stand in the text. */
  readonly marked: ReturnType<typeof marksIn>;
  /** Bytes of the file in which the MIME part stands, its transfer encoding not yet undone; null for what is no part of its own. */
  readonly source: { readonly start: number; readonly end: number } | null;
};

export function extractCommand(): Command {
  return new Command("extract")
    .argument("<file>", "a message or another file, or - for standard input")
    .description("say what inspection reads of a message: its texts by place and length, and what it cannot read")
    .option("--json", "one JSON object: texts, unread, misdeclared")
    .option("--reveal", "show the texts, on a terminal; needs --reason, and the audit says who looked")
    .option(...REASON_OPTION)
    .addHelpText(
      "after",
      NO_PICTURES +
        "\nSOURCE counts bytes of the file, as the part stands there, still encoded; CHARS those of the text read from it." +
        "\nExit codes: 0 everything is read, 1 something is not, 2 wrong usage." +
        '\nExamples:\n  postern dlp extract message.eml\n  postern dlp extract --json scan.dcm\n  postern dlp extract message.eml --reveal --reason "ticket 4711"',
    )
    .action(async (file: string, options: ExtractOptions, self: Command) => extract(file, options, self));
}

async function extract(file: string, options: ExtractOptions, command: Command): Promise<void> {
  const content = requireContent(file);
  if (options.reveal === true) await requireLeave(command, options, content.bytes);
  let seen: Seen = { segments: [], senderNames: new Set(), results: [] };
  let root: MimePart | null = null;
  const inspect = inspectWith([], (each) => void (seen = each));
  const findings = await scanBytes(content.bytes, content.name, (input) => {
    root = input.mime.root;
    return inspect(input);
  });
  const places = root === null ? new Map<string, MimePart>() : placesOf(root);
  const texts = seen.segments.map((segment, index) => toText(segment, index + 1, places));
  const misdeclared = findings.findings.map(({ part }) => part);
  const { uninspectable: unread } = findings;
  const output = standardOutput();
  if (options.json === true) output.line(JSON.stringify({ file, texts, unread, misdeclared }));
  else print(file, { texts, unread, misdeclared });
  if (options.reveal === true) {
    for (const [index, { text }] of seen.segments.entries()) output.line(`\n--- ${index + 1} ---\n${shown(text)}`);
  }
  if (unread.length > 0) throw new Finding();
}

function placesOf(root: MimePart): Map<string, MimePart> {
  const places = new Map<string, MimePart>();
  const waiting = [root];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    places.set(part.path, part);
    waiting.push(...part.children);
  }
  return places;
}

function toText(
  { part, kind, message, text, markup }: Segment,
  n: number,
  places: ReadonlyMap<string, MimePart>,
): ExtractedText {
  const place = places.get(part);
  return {
    n,
    part,
    kind,
    message: message < 0 ? null : message,
    chars: text.length,
    lines: text.split("\n").length,
    marked: kind === "body" ? marksIn(text, markup?.()) : [],
    source: place === undefined ? null : { start: place.bodyStart, end: place.bodyEnd },
  };
}

type Read = {
  readonly texts: readonly ExtractedText[];
  readonly unread: Findings["uninspectable"];
  readonly misdeclared: readonly string[];
};

function print(file: string, { texts, unread, misdeclared }: Read): void {
  const output = standardOutput();
  const chars = texts.reduce((sum, text) => sum + text.chars, 0);
  output.line(printable(`${file}: ${texts.length} texts, ${chars} characters`));
  for (const { part, reason } of unread)
    output.line(printable(`not read: ${part === "" ? "the message" : `part ${part}`}, ${reason}`));
  for (const part of misdeclared) output.line(printable(`part ${part} is of another kind than its name or type says`));
  output.line("");
  printTable(output, COLUMNS, texts);
}

const COLUMNS: readonly Column<ExtractedText>[] = [
  { title: "#", text: ({ n }) => String(n), alignRight: true },
  { title: "PART", text: ({ part }) => part, isFlexible: true },
  { title: "KIND", text: ({ kind }) => kind },
  { title: "MESSAGE", text: ({ message }) => String(message ?? "-"), alignRight: true },
  { title: "CHARS", text: ({ chars }) => String(chars), alignRight: true },
  { title: "LINES", text: ({ lines }) => String(lines), alignRight: true },
  { title: "MARKED", text: ({ marked }) => [...new Set(marked.map(({ place }) => place))].join(", ") || "-" },
  { title: "SOURCE", text: ({ source }) => (source === null ? "-" : `${source.start}-${source.end}`) },
];

/** Nothing that a terminal would obey. */
function shown(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}
