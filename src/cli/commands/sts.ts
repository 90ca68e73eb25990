/**
 * `postern sts show | refresh`: the MTA-STS policies of recipients' domains. Reading goes to the database file where this user may read it,
 * also while the service is down, else to the running service, where the role decides; a refresh is the running service's.
 */
import { Command, InvalidArgumentError } from "commander";
import type { StsPage, StsRefreshed, StsRow } from "../../core/sts-rows.ts";
import { toHostName } from "../../parts/dns/host-name.ts";
import { toALabel } from "../../parts/smtp/mailbox.ts";
import { findPolicy, listPolicies } from "../../stages/discover/sts-view.ts";
import { Finding } from "../cli-error.ts";
import { formatDuration, formatTime, printable, printJsonLines, printTable, standardOutput } from "../output.ts";
import type { Column, Output } from "../output.ts";
import { failureText, mxText } from "../sts-explanation.ts";
import { askService, readsDatabase, withQueueReader } from "../surroundings.ts";

type Options = { readonly json?: boolean };

export function stsCommand(): Command {
  const command = new Command("sts").description("look at the MTA-STS policies of recipients' domains");
  command.addCommand(showCommand());
  command.addCommand(refreshCommand());
  return command;
}

function showCommand(): Command {
  return new Command("show")
    .description("show the policies that are held, or all of one")
    .argument("[domain]", "a domain whose policy is to be shown", parseDomain)
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  postern sts show\n  postern sts show example.org" +
        "\n  postern sts show --json | jq 'select(.failures > 0)'" +
        "\n\nA domain without a policy is not remembered. Exits with 1 where the domain asked for has none.",
    )
    .action(async (domain: string | undefined, { json = false }: Options, command: Command) => {
      const output = standardOutput();
      const rows = domain === undefined ? await listAll(command) : await findOne(command, domain);
      if (json) printJsonLines(output, rows);
      else if (domain === undefined) printTable(output, columns(Date.now()), rows);
      else if (rows.length > 0) for (const row of rows) print(output, row);
      else output.line(`no policy of ${domain} is held; \`postern sts refresh ${domain}\` asks for one`);
      if (domain !== undefined && rows.length === 0) throw new Finding();
    });
}

function refreshCommand(): Command {
  return new Command("refresh")
    .description("fetch the policy of a domain now, and tell what was found")
    .argument("<domain>", "whose policy is to be fetched", parseDomain)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nExample:\n  postern sts refresh example.org" +
        "\n\nA policy that is held stays in force until another one was fetched. Exits with 1 where none could be had.",
    )
    .action(async (domain: string, { json = false }: Options, command: Command) => {
      const refreshed = await askService(command, "sts.refresh", { domain });
      const output = standardOutput();
      if (json) printJsonLines(output, [refreshed]);
      else for (const line of refreshedLines(refreshed)) output.line(printable(line));
      if (refreshed.policy === null) throw new Finding();
    });
}

async function listAll(command: Command): Promise<readonly StsRow[]> {
  const rows: StsRow[] = [];
  let after: string | null = null;
  do {
    const page: StsPage = readsDatabase(command)
      ? await fromFile(command, after)
      : await askService(command, "sts.show", { domain: null, after });
    rows.push(...page.rows);
    after = page.next;
  } while (after !== null);
  return rows.toSorted((a, b) => (a.domain < b.domain ? -1 : 1));
}

function fromFile(command: Command, after: string | null): Promise<StsPage> {
  return withQueueReader(command, ({ domainFacts }) => listPolicies(domainFacts, after, Date.now()));
}

async function findOne(command: Command, domain: string): Promise<readonly StsRow[]> {
  if (!readsDatabase(command)) return (await askService(command, "sts.show", { domain, after: null })).rows;
  const row = await withQueueReader(command, ({ domainFacts }) => findPolicy(domainFacts, domain, Date.now()));
  return row === null ? [] : [row];
}

function columns(now: number): readonly Column<StsRow>[] {
  const since = (at: string): string => formatDuration(now - Date.parse(at));
  const until = (at: string | null): string => (at === null ? "" : formatDuration(Date.parse(at) - now));
  return [
    { title: "DOMAIN", text: ({ domain }) => domain, isFlexible: true },
    { title: "MODE", text: ({ mode }) => mode },
    { title: "ID", text: ({ id }) => id },
    { title: "MX", text: ({ mx, mxCount }) => listedText(mx, mxCount), isFlexible: true },
    { title: "AGE", text: ({ fetchedAt }) => since(fetchedAt), alignRight: true },
    {
      title: "EXPIRES IN",
      text: ({ expiresAt, isInForce }) => (isInForce ? until(expiresAt) : "expired"),
      alignRight: true,
    },
    { title: "RENEWED IN", text: ({ nextLookAt }) => until(nextLookAt), alignRight: true },
    { title: "FAILURES", text: ({ failures }) => (failures === 0 ? "" : String(failures)), alignRight: true },
  ];
}

function listedText(mx: readonly string[], count: number): string {
  return count > mx.length ? `${mx.join(", ")} and ${count - mx.length} more` : mx.join(", ");
}

function print(output: Output, row: StsRow): void {
  for (const line of rowLines(row)) output.line(printable(line));
}

function rowLines(row: StsRow): readonly string[] {
  const time = (at: string): string => formatTime(Date.parse(at));
  return [
    `domain     ${row.domain}`,
    `policy     ${row.id}, mode ${row.mode}: ${MEANING[row.mode]}`,
    ...row.mx.map((name) => `mx         ${name}`),
    `fetched    ${time(row.fetchedAt)}`,
    `${row.isInForce ? "expires" : "expired"}    ${time(row.expiresAt)}`,
    `renewed    ${row.nextLookAt === null ? "with the next mail to the domain" : `at ${time(row.nextLookAt)}`}`,
    `last used  ${time(row.usedAt)}`,
    ...(row.failure === null ? [] : [`failed     ${row.failures} times in a row, last: ${failureText(row.failure)}`]),
  ];
}

const MEANING = {
  enforce: "mail goes to servers it names only, which prove their name",
  testing: "it is judged, and binds nobody",
  none: "the domain takes its policy back",
} as const;

function refreshedLines({ domain, record, policy, failure, held }: StsRefreshed): readonly string[] {
  const lines = [`TXT        ${recordText(domain, record)}`];
  if (policy !== null)
    lines.push(`fetched    mode ${policy.mode}, max_age ${policy.maxAgeSeconds} s, it names ${mxText(policy.mx)}`);
  else if (failure !== null) lines.push(`failed     ${failureText(failure)}`);
  else lines.push("fetched    nothing: without a record there is no policy to ask for");
  const isHeld = held !== null && held.isInForce;
  lines.push(
    isHeld
      ? `in force   ${held.id}, mode ${held.mode}, until ${formatTime(Date.parse(held.expiresAt))}`
      : "in force   no policy",
  );
  return lines;
}

function recordText(domain: string, record: StsRefreshed["record"]): string {
  switch (record.kind) {
    case "id":
      return `_mta-sts.${domain} has id ${record.id}`;
    case "none":
      return `_mta-sts.${domain} has no valid record, or more than one`;
    default:
      return `DNS gave no answer about _mta-sts.${domain}`;
  }
}

function parseDomain(text: string): string {
  const name = toHostName(toALabel(text.replace(/\.$/, "")) ?? "");
  if (name === null) throw new InvalidArgumentError("Give a domain such as example.org.");
  return name;
}
