/** `postern audit verify`: whether the audit is as it was written. Works on the database, while the service runs or is down. */
import { Command } from "commander";
import type { NoteVerifiers } from "../../../parts/keys/signed-note.ts";
import type { QueueReader } from "../../../parts/store/sqlite-queue-reader.ts";
import { describeFault } from "../../../stages/audit/chain-faults.ts";
import { verifyChain } from "../../../stages/audit/verify.ts";
import type { GivenCheckpoint, Verification } from "../../../stages/audit/verify.ts";
import { parseCheckpoints, parseKey, requireKeyFor, verifiersFor } from "../../audit-trust.ts";
import { Finding } from "../../cli-error.ts";
import { printJsonLines, standardOutput } from "../../output.ts";
import type { Output } from "../../output.ts";
import { withQueueReader } from "../../surroundings.ts";

/** Rows between two words of progress on standard error; a few seconds of work. */
const PROGRESS_ROWS = 250_000;

export type VerifyOptions = {
  readonly checkpoint?: readonly GivenCheckpoint[];
  readonly key?: readonly string[];
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
    .option("--json", "one JSON object a fault, then one for the whole")
    .addHelpText(
      "after",
      "\nExamples:\n  postern audit verify\n  postern audit verify --checkpoint /media/worm/postern.checkpoints" +
        "\n  journalctl -u postern -o cat | postern audit verify --checkpoint -" +
        "\n\nOnly a checkpoint kept outside can show that rows were cut off the end, or that the whole was replaced.",
    )
    .action(async (options: VerifyOptions, self: Command) => {
      const checkpoints = options.checkpoint ?? [];
      const verifiers = verifiersFor(self, options.key);
      requireKeyFor(checkpoints, verifiers);
      await withQueueReader(self, (reader) => verifyDatabase(reader, { checkpoints, verifiers, options }));
    });
}

type Given = {
  readonly checkpoints: readonly GivenCheckpoint[];
  readonly verifiers: NoteVerifiers | null;
  readonly options: VerifyOptions;
};

async function verifyDatabase(reader: QueueReader, { checkpoints, verifiers, options }: Given): Promise<void> {
  report(await verifyChain(reader, { checkpoints, verifiers, onProgress: progress() }), options);
}

function progress(): (rows: number) => void {
  let told = 0;
  return (rows) => {
    if (rows - told < PROGRESS_ROWS) return;
    told = rows;
    process.stderr.write(`${rows} rows read\n`);
  };
}

function report(result: Verification, options: VerifyOptions): void {
  const output = standardOutput();
  if (options.json === true) {
    const { faults, ...whole } = result;
    printJsonLines(output, [...faults, { kind: "chain", ...whole }]);
  } else {
    printVerification(output, result);
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

function printTail(output: Output, { faults, tail }: Verification): void {
  if (tail.kind === "proven") output.line("tail proven: nothing was cut off the end");
  else if (faults.length === 0) {
    const where =
      tail.afterSeq === 0 ? "without a checkpoint kept elsewhere" : `after row ${tail.afterSeq}, the checkpoint`;
    output.line(`tail not provable ${where}`);
  }
}
