/**
 * Who a message is from, by its own header: for detectors of type `sender`, which know a list or a clinic by its name.
 * Promises: every address of From and Sender is seen, whatever stands beside it, in the form core/address-pattern.ts compares;
 * a detector finds a message's sender once, where it is surest. Linear. Nothing of it leaves but as a keyed hash.
 */
import { domainToASCII } from "node:url";
import { isAmong } from "../../core/address-pattern.ts";
import type { Mailbox } from "../../core/envelope.ts";
import { parseMailbox } from "../../parts/smtp/mailbox.ts";
import type { Candidate, DetectionMethod, ScannedSegment } from "./compiled-pack.ts";
import { normaliseText } from "./normalise.ts";
import { wordsOf } from "./tokens.ts";

export type MessageSender = {
  readonly addresses: readonly Mailbox[];
  /** Of List-Id (RFC 2919), lower case. */
  readonly listIds: readonly string[];
  /** Local parts, names beside addresses and lists: their words with one space between and around. */
  readonly names: readonly string[];
};

type SenderMethod = Extract<DetectionMethod, { kind: "sender" }>;

/** A list of more is none of a sender's. */
const ADDRESSES_MAX = 100;
const LIST_IDS_MAX = 10;
const ADDRESS = /[^\s,;:"<>()@]{1,200}@[^\s,;"<>()]{1,255}/g;
const QUOTED_LOCAL_PART = /"([^"\s]{1,64})"@/g;
/** What a name alone says is less than who writes. */
const WORD_LEVEL = 60;

/** `fields`: values of From and Sender, `names` those beside their addresses, `lists` values of List-Id; all decoded. null: it tells nobody. */
export function senderOf(given: {
  readonly fields: readonly string[];
  readonly names: readonly string[];
  readonly lists: readonly string[];
}): MessageSender | null {
  const addresses = given.fields.flatMap(addressesIn).slice(0, ADDRESSES_MAX);
  const lists = given.lists.slice(0, LIST_IDS_MAX).map(readList);
  if (addresses.length === 0 && lists.length === 0) return null;
  const names = [
    ...addresses.map(({ localPart }) => localPart),
    ...given.names,
    ...lists.flatMap(({ id, phrase }) => [id.split(".", 1)[0] ?? "", phrase]),
  ];
  return { addresses, listIds: lists.map(({ id }) => id), names: names.map(spacedWords) };
}

/** Words as `names` holds them. */
export function spacedWords(text: string): string {
  return ` ${wordsOf(normaliseText(text.replaceAll("_", " "))).join(" ")} `;
}

/** A List-Id, or the end of some, as they are compared: lower case, A-labels; null where it can be neither. */
export function readListId(text: string): string | null {
  const lower = text.trim().toLowerCase().replace(/\.$/, "");
  if (!/^\.?[^\s<>@,;"]{1,253}$/.test(lower) || lower.includes("..")) return null;
  const dot = lower.startsWith(".") ? "." : "";
  // What is no domain, such as a list's name with a plus, stays as it is.
  return `${dot}${domainToASCII(lower.slice(dot.length)) || lower.slice(dot.length)}`;
}

export function findSender({ segment: { sender } }: ScannedSegment, method: SenderMethod): readonly Candidate[] {
  if (sender === undefined) return [];
  const { addresses, listIds, names } = sender;
  const known =
    addresses.find((mailbox) => isAmong(mailbox, method.addresses))?.address.toLowerCase() ??
    listIds.find((id) => method.listIds.some((pattern) => fitsList(id, pattern)));
  if (known !== undefined) return [{ start: 0, end: 0, value: known }];
  const name = names.find((each) => method.words.some((word) => each.includes(word)));
  return name === undefined ? [] : [{ start: 0, end: 0, value: name, base: WORD_LEVEL }];
}

function fitsList(id: string, pattern: string): boolean {
  return pattern.startsWith(".") ? id.endsWith(pattern) : id === pattern;
}

function addressesIn(value: string): readonly Mailbox[] {
  return (value.replace(QUOTED_LOCAL_PART, "$1@").match(ADDRESS) ?? []).flatMap((text) => {
    const parsed = parseMailbox(text.replace(/\.$/, ""));
    return parsed.kind === "mailbox" ? [parsed.mailbox] : [];
  });
}

/** `Oncology reminders <oncology-reminders.clinic.example>`, or the id without brackets. */
function readList(value: string): { readonly id: string; readonly phrase: string } {
  const open = value.lastIndexOf("<");
  const close = value.indexOf(">", open);
  if (open < 0) return { id: readListId(value) ?? value.trim().toLowerCase(), phrase: "" };
  const id = value.slice(open + 1, close < 0 ? value.length : close);
  return { id: readListId(id) ?? id.trim().toLowerCase(), phrase: value.slice(0, open) };
}
