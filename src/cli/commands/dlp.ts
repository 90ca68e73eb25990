/** `postern dlp …`: finding PHI in files, and trying rule packs. Each command stands in a file of its own in dlp/. */
import { Command } from "commander";
import { benchCommand } from "./dlp/bench.ts";
import { checkCommand } from "./dlp/check.ts";
import { dictCommand } from "./dlp/dict.ts";
import { edmCommand } from "./dlp/edm.ts";
import { evalCommand } from "./dlp/eval.ts";
import { explainCommand } from "./dlp/explain.ts";
import { lintCommand } from "./dlp/lint.ts";
import { extractCommand } from "./dlp/extract.ts";
import { replayCommand } from "./dlp/replay.ts";
import { scanCommand } from "./dlp/scan.ts";
import { schemaCommand } from "./dlp/schema.ts";
import { shadowReportCommand } from "./dlp/shadow-report.ts";
import { testCommand } from "./dlp/test.ts";
import { weighCommand } from "./dlp/weigh.ts";

export function dlpCommand(): Command {
  const command = new Command("dlp").description("find PHI in files, try and measure rule packs");
  for (const part of [
    scanCommand(),
    explainCommand(),
    extractCommand(),
    checkCommand(),
    testCommand(),
    lintCommand(),
    evalCommand(),
    weighCommand(),
    benchCommand(),
    replayCommand(),
    shadowReportCommand(),
    schemaCommand(),
    dictCommand(),
    edmCommand(),
  ])
    command.addCommand(part);
  return command;
}
