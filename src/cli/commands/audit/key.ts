/** `postern audit key show | audit checkpoint`: what others need to check the audit, and a checkpoint made now. */
import { Command } from "commander";
import type { AuditReading } from "../../audit-source.ts";
import { markBodyOf } from "../../../stages/audit/chain-marks.ts";
import { verifiersFor } from "../../audit-trust.ts";
import { Finding } from "../../cli-error.ts";
import { formatTime, printJsonLines, printTable, standardOutput } from "../../output.ts";
import { withAuditSource } from "../../audit-source.ts";
import { askService } from "../../surroundings.ts";

/** Checkpoint rows looked through for keys of before: the newest. */
const MARKS_MAX = 100_000;
const MARKS_PAGE = 1_000;

export function checkpointCommand(): Command {
  return new Command("checkpoint")
    .description("let the running service sign the audit as it stands now, and print the checkpoint")
    .addHelpText(
      "after",
      "\nExample:\n  postern audit checkpoint >> /media/elsewhere/postern.checkpoints" +
        "\n\nKept where nobody who may write the database may write, it proves all rows up to now.",
    )
    .action(async (_options: unknown, self: Command) => {
      const { note } = await askService(self, "audit.checkpoint", {});
      standardOutput().line(note);
    });
}

type KeyRow = { readonly verifier: string; readonly trusted: boolean; readonly since: number | null };

export function keyCommand(): Command {
  const command = new Command("key").description("the key that signs the audit");
  command
    .command("show")
    .description("print the verifier line of the configured key and of each key that signed before")
    .option("--json", "one JSON object a key")
    .addHelpText(
      "after",
      "\nExample:\n  postern audit key show\n\nGive the first line to whoever is to verify: it is public, and names the key and the gateway.",
    )
    .action(async (options: { readonly json?: boolean }, self: Command) => {
      const trusted = verifiersFor(self, undefined)?.lines ?? [];
      const signed = await withAuditSource(self, keysThatSigned);
      const lines = new Set([...trusted, ...signed.keys()]);
      const rows = [...lines].map((verifier): KeyRow => ({
        verifier,
        trusted: trusted.includes(verifier),
        since: signed.get(verifier) ?? null,
      }));
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, rows);
      else {
        printTable(
          output,
          [
            { title: "VERIFIER", text: (row) => row.verifier },
            { title: "SIGNED SINCE", text: (row) => (row.since === null ? "never" : formatTime(row.since)) },
            { title: "TRUSTED", text: (row) => (row.trusted ? "yes" : "no: see audit.previous_keys") },
          ],
          rows,
        );
      }
      if (rows.some((row) => !row.trusted)) throw new Finding();
    });
  return command;
}

/** Each key named in a checkpoint row, with the time of its first one there. */
async function keysThatSigned(reader: AuditReading): Promise<ReadonlyMap<string, number>> {
  const keys = new Map<string, number>();
  let beforeSeq = Number.MAX_SAFE_INTEGER;
  for (let read = 0; read < MARKS_MAX; read += MARKS_PAGE) {
    const rows = await reader.auditMarks("checkpoint", beforeSeq, MARKS_PAGE);
    for (const row of rows) {
      const verifier = markBodyOf(row)?.verifier;
      if (typeof verifier === "string") keys.set(verifier, row.at);
    }
    beforeSeq = rows.at(-1)?.seq ?? 0;
    if (rows.length < MARKS_PAGE) break;
  }
  return keys;
}
