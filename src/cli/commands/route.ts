/** `postern route explain ADDRESS`: where mail to this address would go, how it would be protected, and why. */
import { Command } from "commander";
import type { Config } from "../../parts/config/config.ts";
import { decide } from "../../stages/decide/decide.ts";
import { ASSUMED_INDEXES } from "../../stages/inspect/compile-edm.ts";
import { loadPackFile } from "../../stages/inspect/pack-file.ts";
import { Finding } from "../cli-error.ts";
import { parseDestination, withDiscovery } from "../discovery.ts";
import { printable, printJsonLines, standardOutput } from "../output.ts";
import { explainRoute, explanationLines, explanationRow } from "../route-explanation.ts";
import type { ExplainDeps } from "../route-explanation.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";

export function routeCommand(): Command {
  const command = new Command("route").description("look at the way mail would take");
  command
    .command("explain")
    .argument("<address>", "a recipient, or just a domain")
    .description("print every DNS answer, the route, and the plan for mail with and without PHI; sends nothing")
    .option("--from <address>", "who writes, for rules and waivers that depend on the sender")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  postern route explain someone@example.org\n  postern route explain someone@example.org --from nurse@clinic.example" +
        "\n  postern route explain example.org --json | jq .route" +
        "\n\nExits with 1 where there is no route.",
    )
    .action(explain);
  return command;
}

/** A pack that does not load has no rules in force; `config check` tells why. */
function whoAndWhat(
  { from }: ExplainOptions,
  { dlp, policy }: Config,
): Pick<ExplainDeps, "policy" | "sender" | "packs"> {
  const loaded = dlp.packs.map((path) => loadPackFile(path, ASSUMED_INDEXES));
  const packs = loaded.flatMap((loading) => (loading.ok ? [loading.pack] : []));
  return { policy, packs, ...(from !== undefined && { sender: parseDestination(from) }) };
}

type ExplainOptions = { readonly from?: string; readonly json?: boolean };

async function explain(address: string, options: ExplainOptions, command: Command): Promise<void> {
  const mailbox = parseDestination(address);
  const config = requireConfig(configPathOf(command), (line) => void process.stderr.write(`${line}\n`));
  const explanation = await withDiscovery(config, (discovery) =>
    explainRoute(mailbox, { ...discovery, ...whoAndWhat(options, config), decide, now: Date.now() }),
  );
  const output = standardOutput();
  if (options.json === true) printJsonLines(output, [explanationRow(explanation)]);
  else for (const line of explanationLines(explanation)) output.line(printable(line));
  if (explanation.route.kind !== "hosts") throw new Finding();
}
