/**
 * The demo: relays sample mails through a real gateway to a loopback internet and shows what became of each recipient.
 * Promises: says of each row whether it is as it must be, leaves nothing behind when all is well, and keeps its folder and
 * names it when something is not.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventBody } from "../../core/event.ts";
import { toMessageId } from "../../core/ids.ts";
import type { StoredRecipient } from "../../core/queue-store.ts";
import { isTerminal } from "../../core/recipient-state.ts";
import type { Output } from "../output.ts";
import { checkDemo } from "./demo-checks.ts";
import { startDemoGateway } from "./demo-gateway.ts";
import type { DemoGateway } from "./demo-gateway.ts";
import { readRow } from "./demo-row.ts";
import type { DemoRow } from "./demo-row.ts";
import { mailLines } from "./demo-table.ts";
import type { Look } from "./demo-table.ts";
import { introLines, nextLines, summaryLines } from "./demo-texts.ts";
import { addressOf, bytesOf, SAMPLE_MAILS } from "./sample-mails.ts";
import type { SampleMail } from "./sample-mails.ts";

/** Longest wait for everything to be finished; it takes about two seconds. */
const PATIENCE_MS = 12_000;
const POLL_MS = 20;
const RECIPIENTS_MAX = 10_000;
const ROWS_MAX = 10_000;

export type DemoOptions = {
  readonly output: Output;
  readonly look: Look;
  /** JSON Lines of rows, and nothing else. */
  readonly asJson: boolean;
  /** Goes on after the rows until `signal`. */
  readonly stays: boolean;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** How to call this command line again, for the commands to try next. */
  readonly program: string;
  readonly mails?: readonly SampleMail[];
};

/** `unexpected`: some row, or a check of the whole, is not as it must be; the folder is kept. */
export type DemoResult = "as-expected" | "unexpected" | "interrupted";

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const folder = mkdtempSync(join(tmpdir(), "postern-demo-"));
  const say = (lines: readonly string[]): void => {
    if (!options.asJson) for (const line of lines) options.output.line(line);
  };
  let result: DemoResult = "unexpected";
  // A reader that goes away (`| head`) ends the process with 0, and all is well then.
  const removeAtExit = (code: number): void => {
    if (code === 0) rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", removeAtExit);
  try {
    const gateway = await startDemoGateway(folder);
    try {
      result = await present(gateway, { options, folder, say });
    } finally {
      await gateway.close();
    }
  } finally {
    process.off("exit", removeAtExit);
    if (result === "unexpected") process.stderr.write(`postern: the folder of the demo is kept: ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  }
  if (options.stays) say(["", "Stopped; its folder is removed."].slice(result === "unexpected" ? 2 : 0));
  return result;
}

type Stage = {
  readonly options: DemoOptions;
  readonly folder: string;
  readonly say: (lines: readonly string[]) => void;
};

async function present(gateway: DemoGateway, { options, folder, say }: Stage): Promise<DemoResult> {
  const { look, signal, mails = SAMPLE_MAILS } = options;
  say(introLines(look));
  const end = performance.now() + PATIENCE_MS;
  const ids = await Promise.all(mails.map((mail, index) => hand(gateway, mail, index)));
  const rows: DemoRow[] = [];
  for (const [index, mail] of mails.entries()) {
    const messageId = ids[index] ?? "";
    await until(() => isFinished(gateway, messageId), { end, signal });
    if (signal.aborted) return "interrupted";
    const own = await rowsOf(gateway, messageId, mail);
    rows.push(...own);
    say(["", ...mailLines(look, { sender: addressOf(mail.sender), subject: mail.subject, messageId }, own)]);
    if (options.asJson) for (const row of own) options.output.line(JSON.stringify({ messageId, ...row }));
  }
  // The reports to the senders are mail as well.
  await until(() => isFinished(gateway, null), { end, signal });
  const checks = await checkDemo(gateway, folder, mails);
  const isFine = rows.every(({ differences }) => differences.length === 0) && checks.leaks.length === 0;
  const result = isFine && checks.auditFaults === 0 ? "as-expected" : "unexpected";
  say(["", ...summaryLines(look, rows, checks)]);
  if (!options.stays || signal.aborted) return result;
  say(["", ...nextLines(look, { gateway, rows, program: options.program })]);
  await aborted(signal);
  return result;
}

function hand(gateway: DemoGateway, mail: SampleMail, index: number): Promise<string> {
  return gateway.accept({
    mailFrom: addressOf(mail.sender),
    rcptTo: mail.recipients.map(({ address }) => address),
    bytes: bytesOf(mail, index + 1, Date.now()),
  });
}

/** Of one message, or of all: everybody is at an end, held, or waits for a server to be repaired, and nobody works on it. */
async function isFinished({ postern }: DemoGateway, messageId: string | null): Promise<boolean> {
  const filter = messageId === null ? {} : { messageId: toMessageId(messageId) };
  const recipients = await postern.store.recipients({ ...filter, limit: RECIPIENTS_MAX });
  return recipients.every((recipient) => recipient.lease === null && isSettled(recipient));
}

/** Behind its second try what a server breaks waits for a minute: nothing more comes of it while somebody looks. */
function isSettled({ state, lastCode, attempts }: StoredRecipient): boolean {
  return state === "held" || isTerminal(state) || (state === "deferred" && lastCode === "PST-DLV-039" && attempts > 1);
}

async function until(
  isSo: () => Promise<boolean>,
  { end, signal }: { readonly end: number; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted && performance.now() < end && !(await isSo())) await sleep(POLL_MS);
}

async function rowsOf({ postern }: DemoGateway, id: string, mail: SampleMail): Promise<readonly DemoRow[]> {
  const messageId = toMessageId(id);
  const message = await postern.store.message(messageId);
  const recipients = await postern.store.recipients({ messageId, limit: RECIPIENTS_MAX });
  const audit = await postern.store.auditOf(messageId, ROWS_MAX);
  const events = audit.map(({ recipientId, body }) => ({ recipientId, body: JSON.parse(body) as EventBody }));
  return mail.recipients.map((expected) => {
    const recipient = recipients.find((candidate) => isOf(candidate, expected.address));
    if (recipient === undefined) throw new Error("the gateway lost a recipient of the demo");
    return readRow({ recipient, findings: message?.findings ?? null, events }, { ...expected, found: mail.found });
  });
}

function isOf({ recipient }: StoredRecipient, address: string): boolean {
  return recipient.mailbox.address === address;
}

function aborted(signal: AbortSignal): Promise<void> {
  // The event loop needs something to wait for: the listener keeps it alive.
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
