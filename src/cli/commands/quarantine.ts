/** `postern quarantine release | refuse`: what a reviewer decides about mail that a rule holds. */
import { Command } from "commander";
import { actCommand } from "./queue.ts";

export function quarantineCommand(): Command {
  const command = new Command("quarantine").description("decide about mail that a rule holds for review");
  command.addCommand(actCommand("quarantine.release", "let it go on, planned anew without the rule, at its floor"));
  command.addCommand(actCommand("quarantine.refuse", "do not send it; the sender is told, without content"));
  return command;
}
