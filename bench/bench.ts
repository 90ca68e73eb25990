/**
 * Measures Postern beside other mail servers on this machine: `npm run bench -- relay`, `npm run bench -- --help`.
 * Only ratios within one run mean anything: source, sink and servers share the cores.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { deadDestinationsCase, restartCase } from "./cases/backlog.ts";
import type { Case } from "./cases/case.ts";
import { discoveryCases } from "./cases/discovery.ts";
import { largeBesideCase } from "./cases/large-beside.ts";
import { latencyCase } from "./cases/latency.ts";
import { memoryCases } from "./cases/memory.ts";
import { syncsCase } from "./cases/syncs.ts";
import { throughputCases } from "./cases/throughput.ts";
import { describeMachine } from "./machine.ts";
import { humanReport, markdownReport, meetsMust } from "./report.ts";
import type { CaseResult } from "./report.ts";
import { openSite } from "./rig/site.ts";

const CASES: readonly Case[] = [
  ...throughputCases,
  syncsCase,
  latencyCase,
  largeBesideCase,
  ...memoryCases,
  deadDestinationsCase,
  restartCase,
  ...discoveryCases,
];
const GROUPS = ["accept", "relay", "memory", "backlog", "discovery", "all"] as const;

const USAGE = `Usage: npm run bench -- accept|relay|memory|backlog|discovery|all [options]

  --rounds N       rounds in which all peers take turns (3)
  --seconds N      load of each measurement (3)
  --only TEXT      only cases whose id holds the text, or one of several separated by commas
  --quick          a smoke run: one short round; fails where a mail is lost, and no figure means anything
  --json           one JSON object a case
  --markdown FILE  writes the tables there
  --folder DIR     where the queues lie, on a disk (/var/tmp)
  --list           the ids of the cases

Needs root and the Debian packages postfix, rspamd and strace; discovery needs unbound and ldnsutils.
Example: npm run bench -- relay --only starttls --rounds 5`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string", default: "" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "string" },
    folder: { type: "string", default: "/var/tmp" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function chosen(): readonly Case[] {
  const group = positionals[0] ?? "";
  if (values.help || !GROUPS.some((name) => name === group)) {
    console.log(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  const wanted = values.only.split(",");
  const cases = CASES.filter((one) => group === "all" || one.group === group);
  return cases.filter(({ id }) => wanted.some((text) => id.includes(text)));
}

function tell(result: CaseResult): void {
  console.log(values.json ? JSON.stringify(result) : humanReport(result));
}

type Measured = { readonly results: readonly CaseResult[]; readonly failures: number };

/** The tables are written after each case: what was measured is not lost with a later one. */
async function measure(cases: readonly Case[], machine: string): Promise<Measured> {
  const site = await openSite(values.folder);
  const isQuick = values.quick;
  const options = {
    rounds: Number(values.rounds ?? (isQuick ? 1 : 3)),
    seconds: Number(values.seconds ?? (isQuick ? 0.3 : 3)),
    warmUpMessages: isQuick ? 40 : 1_000,
    isQuick,
  };
  const results: CaseResult[] = [];
  let failures = 0;
  try {
    for (const one of cases) {
      try {
        const result = await one.run(site, options);
        results.push(result);
        tell(result);
      } catch (error) {
        // No figure of this case; those of the others stand.
        failures += 1;
        console.error(`${one.id}  failed:`, error);
      }
      if (values.markdown !== undefined) writeFileSync(values.markdown, `${machine}\n\n${markdownReport(results)}`);
    }
  } finally {
    site.remove();
  }
  return { results, failures };
}

const cases = chosen();
if (values.list) console.log(cases.map(({ id, group }) => `${id.padEnd(20)} ${group}`).join("\n"));
else {
  const machine = describeMachine(values.folder);
  if (!values.json) console.log(`${machine}\n`);
  const { results, failures } = await measure(cases, machine);
  const below = results.flatMap(({ judgements }) => judgements).filter((judgement) => !meetsMust(judgement));
  process.exit(failures > 0 || (below.length > 0 && !values.quick) ? 1 : 0);
}
