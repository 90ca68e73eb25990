/**
 * `postern dlp explain`: why a message gets its verdict, rule by rule and condition by condition. Shows places, levels and keyed
 * hashes; the values themselves only with --reveal, on a terminal, and where a gateway is configured its audit says who looked.
 */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import type { Seen } from "../../../stages/inspect/inspect.ts";
import { DEFAULT_INSPECT_OPTIONS } from "../../../stages/inspect/inspect-options.ts";
import { structureOf } from "../../../stages/inspect/loose-file.ts";
import { scanBytes } from "../../../stages/inspect/scan.ts";
import { SourceMap } from "../../../stages/inspect/source/source-map.ts";
import { Finding } from "../../cli-error.ts";
import { configuredIndexes } from "../../dlp/configured-indexes.ts";
import { Explainer } from "../../dlp/explanation.ts";
import type { ExplainedFinding, Explanation } from "../../dlp/explanation.ts";
import { requireContent } from "../../dlp/files.ts";
import { bytesOf, foundSomething, lineOf, ruleLines, whyOf } from "../../dlp/explanation-text.ts";
import { inspectWith, NO_PICTURES, PACK_OPTION, requirePacks } from "../../dlp/packs.ts";
import { requireLeave, REASON_OPTION } from "../../dlp/reveal.ts";
import { printable, printTable, standardOutput, wrapped } from "../../output.ts";
import type { Column, Output } from "../../output.ts";

const LINE_CHARS = 100;

type ExplainOptions = {
  readonly json?: boolean;
  readonly pack?: readonly string[];
  readonly reveal?: boolean;
  readonly reason?: string;
  readonly all?: boolean;
};

export function explainCommand(): Command {
  return new Command("explain")
    .argument("<file>", "a message or another file, or - for standard input")
    .description("say why a message gets its verdict: every rule with what it found and what it misses")
    .option("--json", "one JSON object")
    .option(...PACK_OPTION)
    .option("--all", "print the conditions of rules, too, that found nothing of what they ask for")
    .option("--reveal", "show the values found, on a terminal; needs --reason, and the audit says who looked")
    .option(...REASON_OPTION)
    .addHelpText(
      "after",
      "\nAT and LENGTH count characters of the text as inspection read it, LINE lines and characters of the decoded part, BYTES those of the file;" +
        "\nwhere the bytes of the finding itself cannot be told, those of the tag, part, header or message it stands in, and that word." +
        "\nEqual values have equal hashes, within one run." +
        NO_PICTURES +
        "\nExit codes: 0 clean, 1 not clean, 2 wrong usage." +
        '\nExamples:\n  postern dlp explain message.eml\n  postern dlp explain message.eml --reveal --reason "false alarm, ticket 4711"',
    )
    .action(async (file: string, options: ExplainOptions, self: Command) => explain(file, options, self));
}

async function explain(file: string, options: ExplainOptions, command: Command): Promise<void> {
  const packs = requirePacks(options.pack, await configuredIndexes(options.pack, command));
  const content = requireContent(file);
  if (options.reveal === true) await requireLeave(command, options, content.bytes);
  let seen: Seen | null = null;
  const inspect = inspectWith(packs, (each) => void (seen = each));
  let mime = structureOf(Buffer.alloc(0));
  const findings = await scanBytes(content.bytes, content.name, (input) => {
    mime = input.mime;
    return inspect(input);
  });
  const { partBytesMax } = DEFAULT_INSPECT_OPTIONS;
  const sources = new SourceMap({ bytes: content.bytes, mime, partBytesMax });
  const explainer = new Explainer({ findings, seen: seen ?? NOTHING_SEEN, packs, hashKey: randomBytes(32), sources });
  const explanation = explainer.explain();
  const output = standardOutput();
  if (options.json === true) output.line(JSON.stringify({ file, ...explanation }));
  else
    print(output, {
      file,
      explanation,
      all: options.all === true,
      valueAt: options.reveal === true ? (n) => explainer.valueAt(n) : null,
    });
  if (explanation.verdict !== "clean") throw new Finding();
}

const NOTHING_SEEN: Seen = { segments: [], senderNames: new Set(), results: [] };

type Shown = {
  readonly file: string;
  readonly explanation: Explanation;
  readonly all: boolean;
  readonly valueAt: ((n: number) => string) | null;
};

function print(output: Output, { file, explanation, all, valueAt }: Shown): void {
  const { verdict, tier, engine, packs, uninspectable, triggers, rules, findings, findingsLeftOut } = explanation;
  output.line(printable(`${file}: ${verdict}${tier === "none" ? "" : `, tier ${tier}`}`));
  output.line(`by ${engine}, ${packs.map(({ pack, sha256 }) => `${pack} ${sha256.slice(0, 12)}`).join(", ")}`);
  for (const { part, reason } of uninspectable)
    output.line(printable(`not read: ${part === "" ? "the message" : `part ${part}`}, ${reason}`));
  for (const trigger of triggers) output.line(`the sender asks for protection: ${trigger}`);
  if (explanation.waiverAsked === true) output.line("the sender asks to do without protection (dlp.waiver)");
  const told = rules.filter((rule) => all || foundSomething(rule));
  for (const rule of told.toSorted((a, b) => Number(b.holds) - Number(a.holds))) {
    output.line("");
    for (const line of ruleLines(rule)) output.line(line);
  }
  const others = rules.filter((rule) => !told.includes(rule)).map(({ pack, rule }) => `${pack}/${rule}`);
  if (others.length > 0) {
    output.line("");
    output.line("found nothing of what they ask for (--all prints their conditions):");
    for (const line of wrapped(others.join(", "), LINE_CHARS, "  ")) output.line(line);
  }
  output.line("");
  const value: readonly Column<ExplainedFinding>[] =
    valueAt === null ? [] : [{ title: "VALUE", text: ({ n }) => valueAt(n).replaceAll("\n", " ") }];
  printTable(output, [...COLUMNS, ...value], findings);
  if (findingsLeftOut > 0) output.line(`and ${findingsLeftOut} more`);
}

const COLUMNS: readonly Column<ExplainedFinding>[] = [
  { title: "#", text: ({ n }) => String(n), alignRight: true },
  { title: "DETECTOR", text: ({ detector }) => detector },
  { title: "SURE", text: ({ confidence }) => String(confidence ?? "-"), alignRight: true },
  { title: "PART", text: ({ part }) => part },
  { title: "PLACE", text: ({ places }) => places.join("+") },
  { title: "AT", text: ({ offset }) => String(offset), alignRight: true },
  { title: "LENGTH", text: ({ length }) => String(length), alignRight: true },
  { title: "LINE", text: lineOf },
  { title: "BYTES", text: bytesOf },
  { title: "HASH", text: ({ valueHash }) => valueHash },
  { title: "WHY", text: whyOf, isFlexible: true },
];
