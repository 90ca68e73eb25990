/**
 * The commands under one roof, and how they fail.
 * Promises: exit codes 0 (fine), 1 (a finding or a refusal), 2 (wrong usage); results on standard output, everything
 * else on standard error.
 */
import { Command } from "commander";
import { complaintFor } from "./cli-error.ts";
import type { ExitCode } from "./cli-error.ts";
import { DEFAULT_CONFIG_PATH } from "./surroundings.ts";
import { versionOf } from "../version.ts";

/** In the order of --help. Each is loaded when it is asked for: the service does not carry what the others need. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./commands/serve.ts")).serveCommand(),
  demo: async () => (await import("./commands/demo.ts")).demoCommand(),
  audit: async () => (await import("./commands/audit.ts")).auditCommand(),
  backup: async () => (await import("./commands/backup.ts")).backupCommand(),
  config: async () => (await import("./commands/config.ts")).configCommand(),
  dlp: async () => (await import("./commands/dlp.ts")).dlpCommand(),
  init: async () => (await import("./commands/init.ts")).initCommand(),
  keys: async () => (await import("./commands/keys.ts")).keysCommand(),
  quarantine: async () => (await import("./commands/quarantine.ts")).quarantineCommand(),
  queue: async () => (await import("./commands/queue.ts")).queueCommand(),
  reload: async () => (await import("./commands/reload.ts")).reloadCommand(),
  route: async () => (await import("./commands/route.ts")).routeCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  sts: async () => (await import("./commands/sts.ts")).stsCommand(),
  tls: async () => (await import("./commands/tls.ts")).tlsCommand(),
  trace: async () => (await import("./commands/trace.ts")).traceCommand(),
};

/** The commands a line names, or all where it names none or asks for help with no one in particular. */
function commandsOf(argv: readonly string[]): Promise<readonly Command[]> {
  const known = Object.keys(COMMANDS);
  const args = argv.slice(2);
  const first = args.findIndex((arg) => known.includes(arg) || arg === "--help" || arg === "-h");
  const named = known.filter((name) => args.includes(name));
  const wanted = named.length === 0 || !known.includes(args[first] ?? "") ? known : named;
  return Promise.all(wanted.map((name) => COMMANDS[name]?.()).filter((loading) => loading !== undefined));
}

/** With the commands this line needs; with all of them where it names none. */
export async function createProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("postern")
    .description("Outbound secure mail gateway: finds PHI, protects every recipient's copy, proves what it did.")
    .version(versionOf())
    .option("--config <file>", `configuration file (default: $POSTERN_CONFIG or ${DEFAULT_CONFIG_PATH})`)
    .showSuggestionAfterError()
    .showHelpAfterError("Next: see the command with --help.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "postern: ")) })
    .addHelpText("after", "\nExit codes: 0 fine, 1 a finding or a refusal, 2 wrong usage.");
  for (const command of await commandsOf(argv)) program.addCommand(command);
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
    await (await createProgram(argv)).parseAsync(argv);
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
