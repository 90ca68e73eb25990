/** The filters that every queue command shares, as options, and what they mean. */
import { domainToASCII } from "node:url";
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { toMessageId } from "../../../core/ids.ts";
import type { MessageId } from "../../../core/ids.ts";
import type { QueueSelection } from "../../../core/queue-selection.ts";
import { REASON_CODES } from "../../../core/reason-codes.ts";
import type { ReasonCode } from "../../../core/reason-codes.ts";
import { RECIPIENT_STATES } from "../../../core/recipient-state.ts";
import type { RecipientState } from "../../../core/recipient-state.ts";
import { isQueueId } from "../../../parts/control/control-protocol.ts";

export type SelectionOptions = {
  readonly state?: readonly RecipientState[];
  readonly from?: string;
  readonly to?: string;
  readonly older?: number;
  readonly newer?: number;
  readonly code?: readonly ReasonCode[];
  readonly message?: MessageId;
};

/** Everybody; to be narrowed. */
export const ALL: QueueSelection = {
  states: RECIPIENT_STATES,
  messageId: null,
  to: null,
  from: null,
  codes: null,
  receivedFrom: null,
  receivedBefore: null,
};

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function addSelection(command: Command, states: readonly RecipientState[]): Command {
  return command
    .addOption(new Option("--state <state...>", "in these states").choices(states))
    .option("--from <address-or-domain>", "from this sender or domain; <> is the null sender", parsePlace)
    .option("--to <address-or-domain>", "to this address or domain; .example.org is all below it", parsePlace)
    .option("--older <time>", "that came longer ago: 90s, 15m, 1h, 2d", parseDuration)
    .option("--newer <time>", "that came since then", parseDuration)
    .option("--code <code...>", "put off or held for this reason", parseCodes)
    .option("--message <id>", "of this message", parseMessage);
}

export function hasSelection(options: SelectionOptions): boolean {
  const { state, from, to, older, newer, code, message } = options;
  return [state, from, to, older, newer, code, message].some((option) => option !== undefined);
}

/** What comes after `now` is left out, so that a walk through the queue ends. */
export function toSelection(
  options: SelectionOptions,
  { states, now }: { readonly states: readonly RecipientState[]; readonly now: number },
): QueueSelection {
  const { state, older, newer } = options;
  return {
    states: RECIPIENT_STATES.filter((each) => (state ?? states).includes(each)),
    messageId: options.message ?? null,
    to: options.to ?? null,
    from: options.from ?? null,
    codes: options.code ?? null,
    receivedFrom: newer === undefined ? null : now - newer,
    receivedBefore: now - (older ?? 0) + 1,
  };
}

export function parseDuration(text: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  const unit = UNITS_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) throw new InvalidArgumentError("Write a time as 90s, 15m, 1h or 2d.");
  return Number(match[1]) * unit;
}

/** A domain as an A-label in lower case, as the envelope has it. */
export function parsePlace(text: string): string {
  if (text === "<>") return text;
  const at = text.lastIndexOf("@");
  const dot = text.startsWith(".") ? "." : "";
  const domain = text.slice(at + 1).replace(/^\./, "");
  const ascii = domain.startsWith("[") ? domain : domainToASCII(domain);
  if (ascii === "" || at === 0 || text.length > 400) throw new InvalidArgumentError("Write an address or a domain.");
  return `${at > 0 ? text.slice(0, at + 1) : dot}${ascii}`;
}

function parseCodes(text: string, before: readonly ReasonCode[] | undefined): readonly ReasonCode[] {
  if (!Object.hasOwn(REASON_CODES, text)) throw new InvalidArgumentError("Not a code of docs/errors.md.");
  return [...(before ?? []), text as ReasonCode];
}

function parseMessage(text: string): MessageId {
  return toMessageId(parseId(text).slice(0, 26));
}

/** A message or recipient id. */
export function parseId(text: string): string {
  if (!isQueueId(text)) throw new InvalidArgumentError("Not an id as `postern queue list` prints it.");
  return text;
}

export function parseIds(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), parseId(text)];
}
