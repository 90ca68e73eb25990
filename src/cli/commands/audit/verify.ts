/** `postern audit verify`: whether the audit is as it was written. Works on the database, while the service runs or is down, and on an export. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Command } from "commander";
import type { NoteVerifiers } from "../../../parts/keys/signed-note.ts";
import type { AuditReading } from "../../audit-source.ts";
import { describeFault } from "../../../stages/audit/chain-faults.ts";
import { NoExportError, verifyExport } from "../../../stages/audit/verify-export.ts";
import type { ExportVerification } from "../../../stages/audit/verify-export.ts";
import { verifyChain } from "../../../stages/audit/verify.ts";
import type { GivenCheckpoint, Verification } from "../../../stages/audit/verify.ts";
import { parseCheckpoints, parseKey, requireKeyFor, verifiersFor } from "../../audit-trust.ts";
import { CliError, Finding } from "../../cli-error.ts";
import { printJsonLines, standardOutput } from "../../output.ts";
import type { Output } from "../../output.ts";
import { withAuditSource } from "../../audit-source.ts";

/** Rows between two words of progress on standard error; a few seconds of work. */
const PROGRESS_ROWS = 250_000;

export type VerifyOptions = {
  readonly checkpoint?: readonly GivenCheckpoint[];
  readonly key?: readonly string[];
  readonly export?: string;
  readonly json?: boolean;
};

export function verifyCommand(): Command {
  return new Command("verify")
    .description("check every row of the audit; exit code 1 where one is not as it was written")
    .option(
      "--checkpoint <file>",
      "checkpoints kept elsewhere: a file or - (as audit.checkpoint_file or the log holds them), or a head SEQ:HASH",
      parseCheckpoints,
    )
    .option("--key <verifier>", "trust this key, or the keys of this file, instead of the configured ones", parseKey)
    .option("--export <file>", "check this export instead of the database; needs no configuration where --key is given")
    .option("--json", "one JSON object a fault, then one for the whole")
    .addHelpText(
      "after",
      "\nExamples:\n  postern audit verify\n  postern audit verify --checkpoint /media/worm/postern.checkpoints" +
        "\n  postern audit verify --export audit.jsonl --key ./verifier.txt\n  journalctl -u postern -o cat | postern audit verify --checkpoint -" +
        "\n\nOnly a checkpoint kept outside can show that rows were cut off the end, or that the whole was replaced.",
    )
    .action(async (options: VerifyOptions, self: Command) => {
      const checkpoints = options.checkpoint ?? [];
      const verifiers = verifiersFor(self, options.key);
      requireKeyFor(checkpoints, verifiers);
      if (options.export !== undefined) {
        await verifyFile(options.export, { checkpoints, verifiers, options });
        return;
      }
      await withAuditSource(self, (reader) => verifyDatabase(reader, { checkpoints, verifiers, options }));
    });
}

type Given = {
  readonly checkpoints: readonly GivenCheckpoint[];
  readonly verifiers: NoteVerifiers | null;
  readonly options: VerifyOptions;
};

async function verifyDatabase(reader: AuditReading, { checkpoints, verifiers, options }: Given): Promise<void> {
  report(await verifyChain(reader, { checkpoints, verifiers, onProgress: progress() }), options);
}

async function verifyFile(path: string, { checkpoints, verifiers, options }: Given): Promise<void> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  const result = await verifyExport(lines, { checkpoints, verifiers, onProgress: progress() }).catch(
    (error: unknown) => {
      if (error instanceof NoExportError) throw noExport(path, "is no export of this version");
      if (error instanceof Error && "syscall" in error) throw noExport(path, "cannot be read");
      throw error;
    },
  );
  report(result, options);
}

function noExport(path: string, what: string): CliError {
  const next = "name a file that `postern audit export --output FILE` wrote as JSON Lines.";
  return new CliError(`${path} ${what}`, { next, exitCode: 2 });
}

function progress(): (rows: number) => void {
  let told = 0;
  return (rows) => {
    if (rows - told < PROGRESS_ROWS) return;
    told = rows;
    process.stderr.write(`${rows} rows read\n`);
  };
}

function report(result: Verification & Partial<ExportVerification>, options: VerifyOptions): void {
  const output = standardOutput();
  if (options.json === true) {
    const { faults, ...whole } = result;
    printJsonLines(output, [...faults, { kind: "chain", ...whole }]);
  } else {
    if (result.whole === false) printPartial(output, result);
    else printVerification(output, result);
  }
  if (result.faults.length > 0) throw new Finding();
}

function printVerification(output: Output, result: Verification): void {
  const { rows, head, faults, firstSeq, signatures, signedThrough, provenThrough, unchecked } = result;
  for (const fault of faults) output.line(describeFault(fault));
  const verdict =
    faults.length === 0 ? "each as it was written" : `${faults.length} ${faults.length === 1 ? "fault" : "faults"}`;
  output.line(`${rows} rows, ${verdict}`);
  if (firstSeq > 1) output.line(`rows before ${firstSeq} were removed by retention`);
  if (signedThrough > 0) {
    const checked = signatures === "checked" ? "" : ", signatures not checked: no key is known";
    output.line(`rows up to ${signedThrough} fit a signed checkpoint within the audit${checked}`);
  }
  if (provenThrough > 0) output.line(`rows up to ${provenThrough} fit a checkpoint from outside`);
  if (unchecked > 0)
    output.line(`${unchecked} checkpoints could not be compared: their rows are gone, or too far away`);
  printTail(output, result);
  output.line(`head ${head.seq}:${head.hash}`);
}

/** What a partial export says of itself: no word about the rows that are not in it. */
function printPartial(output: Output, result: Verification & Partial<ExportVerification>): void {
  const { rows, faults, signatures, signedThrough, uncovered = 0 } = result;
  for (const fault of faults) output.line(describeFault(fault));
  if (faults.length > 0) output.line(`${rows} rows, ${faults.length} ${faults.length === 1 ? "fault" : "faults"}`);
  else if (signatures === "unchecked") {
    output.line(`${rows} rows fit the checkpoint they came with, whose signature was not checked: give --key`);
  } else
    output.line(
      `${rows - uncovered} of ${rows} rows proved to be among the ${signedThrough} rows of a signed checkpoint`,
    );
  if (uncovered > 0) output.line(`${uncovered} rows are younger than the checkpoint and not proved`);
  output.line("a partial export does not show that no other row exists");
}

function printTail(output: Output, { faults, tail }: Verification): void {
  if (tail.kind === "proven") output.line("tail proven: nothing was cut off the end");
  else if (faults.length === 0) {
    const where =
      tail.afterSeq === 0 ? "without a checkpoint kept elsewhere" : `after row ${tail.afterSeq}, the checkpoint`;
    output.line(`tail not provable ${where}`);
  }
}
