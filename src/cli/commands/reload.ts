/** `postern reload`: has the running service put its configuration in force, and tells what still needs a restart. */
import { Command } from "commander";
import { printJsonLines, standardOutput } from "../output.ts";
import { askService } from "../surroundings.ts";

export function reloadCommand(): Command {
  return new Command("reload")
    .description("put the configuration of the file in force; tells what of it needs a restart")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  postern config check && postern reload\n\n`systemctl reload postern` does the same, and tells it in the log alone.",
    )
    .action(async ({ json = false }: { readonly json?: boolean }, command: Command) => {
      const { configSha256, restartNeeded } = await askService(command, "reload", {});
      const output = standardOutput();
      if (json) {
        printJsonLines(output, [{ configSha256, restartNeeded }]);
        return;
      }
      output.line(`reloaded: configuration ${configSha256.slice(0, 12)} is in force`);
      if (restartNeeded.length === 0) return;
      output.line(`not in force before a restart: ${restartNeeded.join(", ")}`);
      output.line("  Next: `systemctl restart postern`; who connects meanwhile waits or comes again.");
    });
}
