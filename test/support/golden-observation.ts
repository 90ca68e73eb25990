/**
 * What came of a golden case, in the words of expected.json: findings, plans, ends, attempts, audit, what arrived where, and
 * the reports that were sent. Ids, times, ports, durations and sizes are left out, because they differ from run to run.
 */
import { simpleParser } from "mailparser";
import type { MxTransaction } from "../../src/cli/loopback/mx-behaviour.ts";
import type { AuditRow, EventBody } from "../../src/core/event.ts";
import type { Findings } from "../../src/core/findings.ts";
import type { Plan, Step, Stop } from "../../src/core/plan.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { compareBytes } from "./golden-bytes.ts";
import type { BytesVerdict } from "./golden-bytes.ts";
import type { GoldenCase } from "./golden-folder.ts";
import type { GoldenRun } from "./golden-run.ts";
import type { World } from "./world.ts";

type Row = AuditRow & { readonly event: EventBody };

export async function observe(golden: GoldenCase, { world, messageId }: GoldenRun): Promise<unknown> {
  const message = await world.postern.store.message(messageId as never);
  const recipients = await world.recipients(messageId);
  const rows = await world.audit(messageId);
  return plainJson({
    findings: message?.findings === null || message === null ? null : findingsOf(message.findings),
    recipients: Object.fromEntries(
      recipients.map((recipient) => [recipient.recipient.mailbox.address, recipientOf(recipient, rows)]),
    ),
    audit: rows.filter(({ recipientId }) => recipientId === null).map(({ event }) => wordsOf(event)),
    attempts: attemptsOf(golden, rows),
    arrived: await arrivedOf(golden, world, messageId),
    reports: await reportsOf(world, { rows, recipients }),
  });
}

function findingsOf({ verdict, tier, hits, triggers, uninspectable }: Findings): unknown {
  const rules = hits.map(({ pack, rule }) => `${pack}/${rule}`).toSorted();
  return { verdict, tier, rules, triggers, uninspectable };
}

function recipientOf(recipient: StoredRecipient, rows: readonly Row[]): unknown {
  const own = rows.filter(({ recipientId }) => recipientId === recipient.id).map(({ event }) => event);
  const delivered = own.find((event) => event.kind === "delivered");
  return {
    plan: recipient.plan === null ? null : planOf(recipient.plan),
    state: recipient.state,
    code: recipient.lastCode,
    host: recipient.lastHost,
    rung: delivered?.rung ?? null,
    ...(recipient.possibleDuplicate ? { possibleDuplicate: true } : {}),
    audit: own.map(wordsOf),
  };
}

function planOf({ floor, steps }: Plan): unknown {
  return {
    profile: floor.profile,
    minRung: floor.minRung,
    steps: (steps.slice(0, -1) as readonly Step[]).map((step) =>
      step.kind === "portal" ? `portal ${step.noticeMinRung}` : `${step.kind} ${step.minRung}`,
    ),
    stop: stopOf(steps.at(-1) as Stop),
  };
}

function stopOf({ kind, code }: Stop): string {
  return `${kind} ${code}`;
}

/** The kind of an event and what tells it from others of its kind. */
function wordsOf(event: EventBody): string {
  switch (event.kind) {
    case "deferred":
    case "failed":
      return `${event.kind} ${event.code} ${event.status}`;
    case "held":
    case "alert":
    case "possible_duplicate":
      return `${event.kind} ${event.code}`;
    case "unmet":
      return [event.kind, event.code, ...event.missing].join(" ");
    case "delivered":
      return `${event.kind} ${event.rung}${event.possibleDuplicate ? " possible duplicate" : ""}`;
    case "dot_sent":
      return `${event.kind} ${event.rung}`;
    case "protected":
      return `${event.kind} ${event.form}`;
    case "planned":
      return `${event.kind} ${event.profile}`;
    case "child":
      return `${event.kind} ${event.child}`;
    case "operator":
    case "review":
      return `${event.kind} ${event.action}`;
    default:
      return event.kind;
  }
}

/** In order for each destination; destinations are served side by side, so no order is told between them. */
function attemptsOf({ world }: GoldenCase, rows: readonly Row[]): unknown {
  const attempts: Record<string, unknown[]> = {};
  for (const { event } of rows) {
    if (event.kind !== "attempt") continue;
    const { host, phase, rung, code, replyCode } = event.attempt;
    (attempts[destinationOf(host, world.zone)] ??= []).push({ host, phase, rung, code, reply: replyCode });
  }
  return attempts;
}

function destinationOf(host: string, zone: GoldenCase["world"]["zone"]): string {
  const found = Object.entries(zone).find(([, { MX = [] }]) => MX.some(([, exchange]) => exchange === host));
  return found?.[0] ?? host;
}

async function arrivedOf(golden: GoldenCase, world: World, messageId: string): Promise<unknown> {
  const arrived: Record<string, unknown> = {};
  for (const [name, server] of world.internet.servers) {
    const own = server.transactions.filter((transaction) => queueIdOf(transaction) === messageId);
    if (own.length === 0) continue;
    const verdicts = await Promise.all(own.map(({ bytes }) => compareBytes(golden.message, bytes)));
    arrived[name] = own.map((transaction, index) =>
      transactionOf(transaction, { bytes: verdicts[index], repeats: repeats(own, index) }),
    );
  }
  return arrived;
}

function transactionOf(
  transaction: MxTransaction,
  { bytes, repeats }: { readonly bytes: BytesVerdict | undefined; readonly repeats: boolean },
): unknown {
  const { mailFrom, rcptTo, params, tls, reply } = transaction;
  return {
    tls,
    mailFrom,
    mail: params.mail.replace(/SIZE=[0-9]+/, "SIZE=#"),
    rcptTo,
    rcpt: params.rcpt,
    reply: reply === null ? null : Number(reply.slice(0, 3)),
    bytes,
    ...(repeats ? { sameBytesAsBefore: true } : {}),
  };
}

function repeats(all: readonly MxTransaction[], index: number): boolean {
  const bytes = all[index]?.bytes;
  return bytes !== undefined && all.slice(0, index).some((earlier) => earlier.bytes.equals(bytes));
}

/** Postern's own Received field stands on top and names the queue id. */
export function queueIdOf({ bytes }: MxTransaction): string | null {
  const top = bytes.subarray(0, 2_000).toString("latin1");
  return /^Received:(?:[^\r\n]|\r\n[ \t])*?\bid\s+([0-9A-Z]{26});/.exec(top)?.[1] ?? null;
}

type Parent = { readonly rows: readonly Row[]; readonly recipients: readonly StoredRecipient[] };

async function reportsOf(world: World, { rows, recipients }: Parent): Promise<readonly unknown[]> {
  const reports: unknown[] = [];
  for (const { event, parent } of recipients.flatMap((parent) => childrenOf(parent, rows))) {
    const [child] = await world.recipients(event.messageId);
    const found = transactionsOf(world, event.messageId);
    const [only] = found;
    if (found.length > 1) throw new Error("a report arrived twice");
    reports.push({
      kind: event.child,
      about: parent.recipient.mailbox.address,
      state: child?.state ?? null,
      arrived: only === undefined ? null : await reportOf(only),
    });
  }
  return reports;
}

type ChildEvent = Extract<EventBody, { kind: "child" }>;

function childrenOf(
  parent: StoredRecipient,
  rows: readonly Row[],
): readonly { readonly event: ChildEvent; readonly parent: StoredRecipient }[] {
  return rows.flatMap(({ event, recipientId }) =>
    event.kind === "child" && recipientId === parent.id ? [{ event, parent }] : [],
  );
}

export function transactionsOf(world: World, queueId: string): readonly MxTransaction[] {
  return [...world.internet.servers.values()].flatMap((server) =>
    server.transactions.filter((transaction) => queueIdOf(transaction) === queueId),
  );
}

async function reportOf({ mailFrom, rcptTo, bytes }: MxTransaction): Promise<unknown> {
  const { text = "" } = await simpleParser(bytes);
  const names = [...text.matchAll(/^ {2}<([^>]+)>$/gm)].map(([, address]) => address);
  const blocks = [
    ...bytes.toString("utf8").matchAll(/^Final-Recipient: ([^\r]*)\r\nAction: ([a-z]*)\r\nStatus: ([0-9.]*)\r$/gm),
  ];
  return {
    mailFrom,
    rcptTo,
    names,
    status: blocks.map(([, address, action, status]) => `${address} ${action} ${status}`),
  };
}

/** As JSON would give it back, so that comparing with expected.json is exact. */
function plainJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
