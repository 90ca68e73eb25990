/** `postern quarantine release | refuse`: what a reviewer decides about mail that a rule holds. */
import { Command } from "commander";
import { Finding } from "../cli-error.ts";
import { askService } from "../surroundings.ts";
import { printResults } from "./queue/act.ts";
import { parseIds } from "./queue/selection.ts";

export function quarantineCommand(): Command {
  const command = new Command("quarantine").description("decide about mail that a rule holds for review");
  command.addCommand(decideCommand("release", "let it go on, planned anew without the rule, at its floor"));
  command.addCommand(decideCommand("refuse", "do not send it; the sender is told, without content"));
  return command;
}

type DecideOptions = { readonly reason: string; readonly json?: boolean };

function decideCommand(act: "release" | "refuse", description: string): Command {
  return new Command(act)
    .description(description)
    .argument("<id...>", "message or recipient ids", parseIds)
    .requiredOption("--reason <text>", "why; recorded in the audit, so name no patient")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      `\nExample:\n  postern quarantine ${act} 01JD8Q4Z6N4K6T2R9V5W3X7Y8Z.1 --reason "agreed with the ward"`,
    )
    .action(async (ids: readonly string[], options: DecideOptions, self: Command) => {
      const result = await askService(self, `quarantine.${act}`, { reason: options.reason, ids });
      printResults(act, result, options.json === true);
      if (result.skipped.length > 0) throw new Finding();
    });
}
