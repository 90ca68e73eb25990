/** What holds at the end of every golden case, whatever it expects: an unbroken audit chain, and no word of the mail where it does not belong. */
import { simpleParser } from "mailparser";
import { describeFault } from "../../src/stages/audit/chain-faults.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import type { GoldenCase } from "./golden-folder.ts";
import type { GoldenRun } from "./golden-run.ts";
import { transactionsOf } from "./golden-observation.ts";

/** What is broken, in words; empty where all is well. */
export async function brokenLaws(golden: GoldenCase, run: GoldenRun): Promise<readonly string[]> {
  return [
    ...(await canariesOutside(golden)),
    ...(await brokenChain(run)),
    ...(await leaks(golden, run)),
    ...(await clearText(golden, run)),
    ...(await tornReports(run)),
    ...(await untrueAudit(run)),
    ...run.world.fatal.map((code) => `the gateway called it fatal: ${code}`),
  ];
}

/** A canary that does not stand in the message proves nothing. */
async function canariesOutside({ message, world }: GoldenCase): Promise<readonly string[]> {
  const mail = await simpleParser(message);
  const texts = [
    message.toString("latin1"),
    message.toString("utf8"),
    mail.subject ?? "",
    mail.text ?? "",
    mail.html === false ? "" : mail.html,
    ...mail.attachments.map(({ content }) => content.toString("utf8")),
    ...mail.attachments.map(({ content }) => content.toString("utf16le")),
  ];
  return world.canaries
    .filter((canary) => !texts.some((text) => text.includes(canary)))
    .map((canary) => `the canary "${canary}" does not stand in the message`);
}

async function brokenChain({ world }: GoldenRun): Promise<readonly string[]> {
  const { faults, rows } = await verifyChain(world.postern.store);
  if (rows < 3) return ["the audit chain has no rows to verify"];
  return faults.map((fault) => `audit: ${describeFault(fault)}`);
}

/** Nothing of the mail and no whole address in a log line or an audit row; nothing of the mail in a report. */
async function leaks({ world: { canaries, envelope } }: GoldenCase, run: GoldenRun): Promise<readonly string[]> {
  const { world } = run;
  const addresses = [envelope.from, ...envelope.to.map((to) => (typeof to === "string" ? to : to.address))];
  const secrets = [...canaries, ...addresses.filter((address) => address !== "")];
  const audit = (await world.postern.store.auditPage(1, 10_000)).map(({ body }) => body);
  const reports = (await childIds(run)).flatMap((id) => transactionsOf(world, id).map(({ bytes }) => bytes));
  return [
    ...found(secrets, "a log line", world.log),
    ...found(secrets, "an audit row", audit),
    ...found(
      canaries,
      "a report",
      reports.map((bytes) => bytes.toString("utf8")),
    ),
  ];
}

function found(secrets: readonly string[], where: string, texts: readonly string[]): readonly string[] {
  return secrets
    .filter((secret) => texts.some((text) => text.includes(secret)))
    .map((secret) => `"${secret}" stands in ${where}`);
}

/** Where any copy needed protection, nothing of the mail was ever readable on the way to anybody. */
async function clearText({ world: { canaries } }: GoldenCase, run: GoldenRun): Promise<readonly string[]> {
  const rows = await run.world.audit(run.messageId);
  const plans = rows.flatMap(({ event, recipientId }) => (event.kind === "planned" ? [{ recipientId, event }] : []));
  if (plans.some(({ event }) => event.profile === "opportunistic")) return [];
  return [...run.world.internet.servers].flatMap(([name, server]) =>
    found(canaries, `what ${name} saw in the clear`, [server.plaintextSeen.toString("utf8")]),
  );
}

/** RFC 5321 section 4.5.5 and RFC 3834: null sender, marked as written by a machine, one recipient. */
async function tornReports(run: GoldenRun): Promise<readonly string[]> {
  const ids = await childIds(run);
  return ids.flatMap((id) =>
    transactionsOf(run.world, id).flatMap(({ mailFrom, rcptTo, bytes }) => [
      ...(mailFrom === "" ? [] : ["a report has a sender"]),
      ...(rcptTo.length === 1 ? [] : ["a report goes to several"]),
      ...(/^Auto-Submitted: auto-/m.test(bytes.toString("latin1")) ? [] : ["a report hides that a machine wrote it"]),
    ]),
  );
}

/** A report the audit names was really queued, and nobody ends twice. */
async function untrueAudit(run: GoldenRun): Promise<readonly string[]> {
  const ids = await childIds(run);
  const children = await Promise.all(ids.map((id) => run.world.recipients(id)));
  const rows = await run.world.audit(run.messageId);
  const ended = rows
    .filter(({ kind }) => kind === "delivered" || kind === "failed")
    .map(({ recipientId }) => recipientId);
  return [
    ...(children.some((recipients) => recipients.length === 0) ? ["the audit names a report that does not exist"] : []),
    ...(new Set(ended).size < ended.length ? ["a recipient ended twice"] : []),
  ];
}

async function childIds({ world, messageId }: GoldenRun): Promise<readonly string[]> {
  const rows = await world.audit(messageId);
  return rows.flatMap(({ event }) => (event.kind === "child" ? [event.messageId] : []));
}
