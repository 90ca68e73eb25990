#!/usr/bin/env node
/**
 * The command line: registers the commands and says how they fail.
 * Promises: exit codes 0 (fine), 1 (a finding or a refusal), 2 (wrong usage); results on standard output, everything
 * else on standard error.
 */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { complaintFor } from "./cli-error.ts";
import { configCommand } from "./commands/config.ts";
import { dlpCommand } from "./commands/dlp.ts";
import { queueCommand } from "./commands/queue.ts";
import { routeCommand } from "./commands/route.ts";
import { DEFAULT_CONFIG_PATH } from "./surroundings.ts";

function createProgram(): Command {
  const program = new Command("postern")
    .description("Outbound secure mail gateway: finds PHI, protects every recipient's copy, proves what it did.")
    .version(readVersion())
    .option("--config <file>", `configuration file (default: $POSTERN_CONFIG or ${DEFAULT_CONFIG_PATH})`)
    .showSuggestionAfterError()
    .showHelpAfterError("Next: see the command with --help.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "postern: ")) })
    .addHelpText("after", "\nExit codes: 0 fine, 1 a finding or a refusal, 2 wrong usage.");
  for (const command of [configCommand(), dlpCommand(), queueCommand(), routeCommand()]) program.addCommand(command);
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

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    const { text, exitCode } = complaintFor(error);
    if (text !== "") process.stderr.write(`${text}\n`);
    if (process.env["POSTERN_DEBUG"] === "1" && exitCode === 1)
      process.stderr.write(`${String((error as Error).stack)}\n`);
    process.exitCode = exitCode;
  }
}

process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
await main(process.argv);
