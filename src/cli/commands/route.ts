/** `postern route explain ADDRESS`: where mail to this address would go, how it would be protected, and why. */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import type { Log } from "../../core/log.ts";
import type { Config } from "../../parts/config/config.ts";
import { createResolver } from "../../parts/dns/dns.ts";
import { parseMailbox } from "../../parts/smtp/mailbox.ts";
import { decide } from "../../stages/decide/decide.ts";
import { createDiscover } from "../../stages/discover/discover.ts";
import { discoverOptions, resolverOptions } from "../../options.ts";
import { CliError, Finding } from "../cli-error.ts";
import { printable, printJsonLines, standardOutput } from "../output.ts";
import { explainRoute, explanationLines, explanationRow, recordLookups } from "../route-explanation.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";

export function routeCommand(): Command {
  const command = new Command("route").description("look at the way mail would take");
  command
    .command("explain")
    .argument("<address>", "a recipient, or just a domain")
    .description("print every DNS answer, the route, and the plan for mail with and without PHI; sends nothing")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExamples:\n  postern route explain someone@example.org\n  postern route explain example.org --json | jq .route" +
        "\n\nExits with 1 where there is no route.",
    )
    .action(explain);
  return command;
}

async function explain(address: string, options: { readonly json?: boolean }, command: Command): Promise<void> {
  const parsed = parseMailbox(address.includes("@") ? address : `postmaster@${address}`);
  if (parsed.kind === "bad") {
    const next = "give a mailbox such as someone@example.org, or a domain such as example.org.";
    throw new CliError(`this is not an address (${parsed.problem})`, { next, exitCode: 2 });
  }
  const config = requireConfig(configPathOf(command), (line) => void process.stderr.write(`${line}\n`));
  const explanation = await explainRoute(parsed.mailbox, explainDeps(config));
  const output = standardOutput();
  if (options.json === true) printJsonLines(output, [explanationRow(explanation)]);
  else for (const line of explanationLines(explanation)) output.line(printable(line));
  if (explanation.route.kind !== "hosts") throw new Finding();
}

function explainDeps(config: Config): Parameters<typeof explainRoute>[1] {
  const log = standardErrorLog();
  const { resolver, lookups } = recordLookups(createResolver(resolverOptions(config), { randomBytes, log }));
  const discover = createDiscover(discoverOptions(config), { resolver, chance: Math.random, log });
  return { discover, decide, policy: config.policy, now: Date.now(), lookups };
}

/** Only what the operator should know beside the explanation. */
function standardErrorLog(): Log {
  const say: Log["warn"] = (event, fields = {}) => {
    const text = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
    process.stderr.write(`${printable(["warning:", event, ...text].join(" "))}\n`);
  };
  return { debug() {}, info() {}, warn: say, error: say };
}
