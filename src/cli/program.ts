/**
 * The commands under one roof, and how they fail.
 * Promises: exit codes 0 (fine), 1 (a finding or a refusal), 2 (wrong usage); results on standard output, everything
 * else on standard error.
 */
import { Command } from "commander";
import { complaintFor } from "./cli-error.ts";
import type { ExitCode } from "./cli-error.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand } from "./commands/backup.ts";
import { configCommand } from "./commands/config.ts";
import { demoCommand } from "./commands/demo.ts";
import { dlpCommand } from "./commands/dlp.ts";
import { initCommand } from "./commands/init.ts";
import { keysCommand } from "./commands/keys.ts";
import { quarantineCommand } from "./commands/quarantine.ts";
import { queueCommand } from "./commands/queue.ts";
import { routeCommand } from "./commands/route.ts";
import { serveCommand } from "./commands/serve.ts";
import { traceCommand } from "./commands/trace.ts";
import { DEFAULT_CONFIG_PATH } from "./surroundings.ts";
import { versionOf } from "../version.ts";

function createProgram(): Command {
  const program = new Command("postern")
    .description("Outbound secure mail gateway: finds PHI, protects every recipient's copy, proves what it did.")
    .version(versionOf())
    .option("--config <file>", `configuration file (default: $POSTERN_CONFIG or ${DEFAULT_CONFIG_PATH})`)
    .showSuggestionAfterError()
    .showHelpAfterError("Next: see the command with --help.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "postern: ")) })
    .addHelpText("after", "\nExit codes: 0 fine, 1 a finding or a refusal, 2 wrong usage.");
  const commands = [
    serveCommand(),
    demoCommand(),
    auditCommand(),
    backupCommand(),
    configCommand(),
    dlpCommand(),
    initCommand(),
    keysCommand(),
    quarantineCommand(),
    queueCommand(),
    routeCommand(),
    traceCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  settle(program);
  return program;
}

/** Commands made elsewhere do not inherit how the program fails and writes. */
function settle(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    settle(child);
  }
}

/** Runs one command line; `argv` as in process.argv. */
export async function runProgram(argv: readonly string[]): Promise<ExitCode> {
  try {
    await createProgram().parseAsync(argv);
    return 0;
  } catch (error) {
    const { text, exitCode } = complaintFor(error);
    if (text !== "") process.stderr.write(`${text}\n`);
    if (process.env["POSTERN_DEBUG"] === "1" && exitCode === 1) {
      process.stderr.write(`${String((error as Error).stack)}\n`);
    }
    return exitCode;
  }
}
