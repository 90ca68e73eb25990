/** `postern tls probe DOMAIN` and what lies in tls/. The probe: what TLS the mail servers of a domain really offer, and what to tell whoever runs them. */
import { Command } from "commander";
import type { Route } from "../../core/capabilities.ts";
import type { StsState } from "../../core/sts.ts";
import { deliverOptions } from "../../options.ts";
import { CliError, Finding } from "../cli-error.ts";
import { parseDestination, withDiscovery } from "../discovery.ts";
import { printable, printJsonLines, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { wayLines } from "../route-explanation.ts";
import type { Lookup } from "../route-explanation.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";
import { ADDRESSES_PER_HOST_MAX, PROBE_TIMEOUTS, probeHosts } from "../tls-probe/probe-hosts.ts";
import { leftOutLines, seenLines, seenRow, summaryLines, summaryOf } from "../tls-probe/probe-report.ts";
import type { Summary } from "../tls-probe/probe-report.ts";
import type { Seen } from "../tls-probe/seen.ts";
import { reportCommand } from "./tls/report.ts";
import { resultsCommand } from "./tls/results.ts";

const SECOND_MS = 1_000;

export function tlsCommand(): Command {
  const command = new Command("tls").description(
    "look at the TLS of other mail servers, and how sessions with them went",
  );
  command
    .command("probe")
    .argument("<domain>", "a domain, or an address in it")
    .description("connect to each mail server of a domain as a delivery would, and tell what it proves; sends no mail")
    .option("--host <name>", "look at this mail server of the domain only")
    .option("--json", "one JSON object an address and one at the end, a line each")
    .addHelpText(
      "after",
      "\nExamples:\n  postern tls probe example.org\n  postern tls probe example.org --host mx1.example.org" +
        "\n  postern tls probe example.org --json | jq -r '.failures[]?.text'" +
        `\n\nOne connection at a time, at most ${ADDRESSES_PER_HOST_MAX} addresses of each host, ${PROBE_TIMEOUTS.dialMs / SECOND_MS} s to connect and ` +
        `${PROBE_TIMEOUTS.totalMs / SECOND_MS} s for an address in all.\nEach ends with QUIT before MAIL. Exits with 1 where a mail server does not prove who it is, or there is none.`,
    )
    .action(probe);
  command.addCommand(resultsCommand());
  command.addCommand(reportCommand());
  return command;
}

type Options = { readonly host?: string; readonly json?: boolean };

async function probe(destination: string, { host, json = false }: Options, command: Command): Promise<void> {
  const mailbox = parseDestination(destination);
  const config = requireConfig(configPathOf(command), (line) => void process.stderr.write(`${line}\n`));
  const { domain, route, sts, lookups } = await withDiscovery(config, async ({ discover, lookups }) => ({
    ...(await discover(mailbox)),
    lookups,
  }));
  const chosen = host === undefined ? route : onlyHost(route, host);
  const report = json ? rowReport(lookups) : lineReport(lookups, sts);
  report.way(domain, chosen);
  const all: Seen[] = [];
  if (chosen.kind === "hosts") {
    const clock = { now: () => Date.now(), monotonic: () => performance.now() };
    const deps = { options: deliverOptions(config), clock, signal: new AbortController().signal };
    for await (const seen of probeHosts(domain, chosen, deps)) {
      all.push(seen);
      report.address(seen);
    }
  }
  const summary = summaryOf(domain, chosen, all);
  report.end(summary, all);
  if (!summary.ok) throw new Finding();
}

/** Throws CliError where the domain has no such host. */
function onlyHost(route: Route, wanted: string): Route {
  if (route.kind !== "hosts") return route;
  const name = wanted.toLowerCase().replace(/\.$/, "");
  const hosts = route.hosts.filter((host) => host.name === name);
  if (hosts.length > 0) return { ...route, hosts };
  throw new CliError(`${printable(wanted)} is no mail server of that domain`, {
    next: `name one of: ${route.hosts.map((host) => host.name).join(", ")}.`,
    exitCode: 2,
  });
}

interface Report {
  way(domain: string, route: Route): void;
  address(seen: Seen): void;
  end(summary: Summary, all: readonly Seen[]): void;
}

function rowReport(lookups: readonly Lookup[]): Report {
  const output = standardOutput();
  return {
    way: () => undefined,
    address: (seen) => printJsonLines(output, [seenRow(seen, lookups)]),
    end: (summary) => printJsonLines(output, [summary]),
  };
}

function lineReport(lookups: readonly Lookup[], sts: StsState): Report {
  const output = standardOutput();
  return {
    way: (domain, route) =>
      say(output, [`TLS of the mail servers of ${domain}`, "", ...wayLines({ lookups, route, sts })]),
    address: (seen) => say(output, ["", ...seenLines(seen)]),
    end: (summary, all) => say(output, ["", ...leftOutLines(all), ...summaryLines(summary)]),
  };
}

function say(output: Output, lines: readonly string[]): void {
  for (const line of lines) output.line(printable(line));
}
