/** `postern audit …`: reading, proving and keeping the audit. Each command stands in a file of its own in audit/. */
import { Command } from "commander";
import { exportCommand } from "./audit/export.ts";
import { holdCommand } from "./audit/hold.ts";
import { checkpointCommand, keyCommand } from "./audit/key.ts";
import { tailCommand } from "./audit/tail.ts";
import { verifyCommand } from "./audit/verify.ts";

export function auditCommand(): Command {
  const command = new Command("audit").description("read, prove and keep the audit chain");
  for (const part of [
    verifyCommand(),
    tailCommand(),
    exportCommand(),
    checkpointCommand(),
    keyCommand(),
    holdCommand(),
  ])
    command.addCommand(part);
  return command;
}
