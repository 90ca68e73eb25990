/**
 * What a header section shows a reader or tells by its source, and by which fields a sender asks for protection.
 * Promises: every field is read but for addresses; encoded words are decoded; a tag hidden in one is found; repeated fields
 * are all read; a name that the sender chose stands in no result. Pure.
 */
import { isAmong } from "../../core/address-pattern.ts";
import type { Trigger, WaiverDoubt } from "../../core/findings.ts";
import { trimLetters } from "../../core/trim-letters.ts";
import { guessWords } from "../../parts/mime/header-fields.ts";
import type { HeaderField } from "../../parts/mime/header-fields.ts";
import type { Segment } from "./compiled-pack.ts";
import type { InspectOptions } from "./inspect-options.ts";
import { senderOf } from "./message-sender.ts";
import type { MessageSender } from "./message-sender.ts";
import { lowerCase, normaliseText, normaliseValue } from "./normalise.ts";

export type HeaderText = {
  readonly name: string;
  readonly kind: Extract<Segment["kind"], "subject" | "sender" | "header">;
  readonly text: string;
  readonly sender?: MessageSender;
};

const SUBJECT_FIELDS = ["subject", "thread-topic"];
const NAME_FIELDS = [
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "bcc",
  "resent-from",
  "resent-sender",
  "resent-to",
  "resent-cc",
  "resent-bcc",
  "disposition-notification-to",
  "return-receipt-to",
  "errors-to",
  "mail-followup-to",
];
const TEXT_FIELDS = ["comments", "keywords", "content-description"];
const READ_FIELDS = new Set([...SUBJECT_FIELDS, ...NAME_FIELDS, ...TEXT_FIELDS]);
const SENSITIVITY_FIELD = "sensitivity";
const TLS_REQUIRED_FIELD = "tls-required";
const LIST_FIELD = "list-id";
/** Not read for what it says to people. */
const ASKING_FIELDS: readonly string[] = [SENSITIVITY_FIELD, TLS_REQUIRED_FIELD, LIST_FIELD];
const BARE_ADDRESS = /[^\s,;:"<>()@]{1,200}@[^\s,;"<>()]{1,255}/g;
/** Longer than any text of a person; addresses and triggers are looked for up to here. */
const FIELD_CHARS_MAX = 8_192;

/** Decoded values of the fields that are asked for by name, by their names in lower case. */
export type NamedValues = ReadonlyMap<string, readonly string[]>;

const NONE: readonly string[] = [];

export function namedValues(fields: readonly HeaderField[]): NamedValues {
  const values = new Map<string, string[]>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    if (!READ_FIELDS.has(name) && !ASKING_FIELDS.includes(name)) continue;
    const value = guessWords(field.value.slice(0, FIELD_CHARS_MAX));
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}

/** `senders`: some detector asks who a message is from. */
export function headerSegments(values: NamedValues, { senders }: Pick<Wanted, "senders">): readonly HeaderText[] {
  const texts: HeaderText[] = [];
  const sender = senders ? senderIn(values) : null;
  if (sender !== null) texts.push({ name: "sender", kind: "sender", text: "", sender });
  const subjects = new Set<string>();
  for (const name of SUBJECT_FIELDS) for (const text of values.get(name) ?? NONE) subjects.add(text);
  for (const text of subjects) texts.push({ name: "subject", kind: "subject", text });
  const names: string[] = [];
  for (const name of NAME_FIELDS) for (const value of values.get(name) ?? NONE) names.push(displayNames(value));
  if (names.some((text) => text !== "")) texts.push({ name: "names", kind: "header", text: names.join("\n") });
  for (const name of TEXT_FIELDS)
    for (const text of values.get(name) ?? NONE) texts.push({ name, kind: "header", text });
  return texts;
}

export function senderIn(values: NamedValues): MessageSender | null {
  const fields = [...(values.get("from") ?? NONE), ...(values.get("sender") ?? NONE)];
  return senderOf({ fields, names: fields.map(displayNames), lists: values.get(LIST_FIELD) ?? NONE });
}

/** Each other field with its name, and whatever is too long to be read by its meaning; with `all`, for a part of a message, every field. */
export function otherFields(fields: readonly HeaderField[], { all }: { readonly all: boolean }): readonly string[] {
  return fields
    .filter(({ name, value }) => all || value.length > FIELD_CHARS_MAX || !READ_FIELDS.has(name.toLowerCase()))
    .map(({ name, value }) => `${name}: ${guessWords(value)}`);
}

/** What is asked of a header: what asks for protection or against it, compared without regard to case, and who it is from. */
export type Wanted = {
  readonly tags: readonly string[];
  readonly waiverTags: readonly string[];
  readonly waiverSenders: readonly string[];
  readonly sensitivities: ReadonlySet<string>;
  readonly senders: boolean;
};

export function wantedOf(
  options: Pick<InspectOptions, "subjectTags" | "sensitivityValues" | "waiverTags" | "waiverSenders">,
  { senders }: Pick<Wanted, "senders">,
): Wanted {
  const read = (tags: readonly string[]): readonly string[] =>
    tags.map((tag) => lowerCase(normaliseText(tag)).trim()).filter((tag) => tag !== "");
  const [tags, waiverTags] = [read(options.subjectTags), read(options.waiverTags)];
  return {
    tags,
    waiverTags,
    waiverSenders: options.waiverSenders,
    sensitivities: new Set(options.sensitivityValues.map((value) => value.trim().toLowerCase())),
    senders,
  };
}

/** What its sender asks for. */
export type Asks = {
  readonly triggers: readonly Trigger[];
  /** To do without protection; whose wish that is. null: nobody asked. */
  readonly waiver: "own" | WaiverDoubt | null;
  readonly tlsRequiredNo: boolean;
};

export function asksOf(values: NamedValues, wanted: Wanted): Asks {
  return {
    triggers: triggersOf(values, wanted),
    waiver: waiverWishOf(values, wanted),
    tlsRequiredNo: waivesTls(values),
  };
}

function triggersOf(values: NamedValues, { tags, sensitivities }: Wanted): readonly Trigger[] {
  const triggers: Trigger[] = [];
  if (holdsAny(subjectsIn(values), tags)) triggers.push("subject-tag");
  const isWanted = (value: string): boolean => sensitivities.has(value.trim().toLowerCase());
  if (values.get(SENSITIVITY_FIELD)?.some(isWanted) === true) triggers.push("sensitivity-header");
  return triggers;
}

/** A reply repeats the subject of others, and what is forwarded says whose it is. */
function waiverWishOf(values: NamedValues, { waiverTags, waiverSenders }: Wanted): Asks["waiver"] {
  const subjects = waiverTags.length === 0 ? NONE : subjectsIn(values);
  if (!holdsAny(subjects, waiverTags)) return null;
  const [subject = "", ...more] = subjects.map((text) => text.trimStart());
  if (more.length > 0 || !waiverTags.some((tag) => subject.startsWith(tag))) return "subject";
  return isFrom(values, waiverSenders) ? "own" : "author";
}

function subjectsIn(values: NamedValues): readonly string[] {
  return (values.get("subject") ?? NONE).map((value) => lowerCase(normaliseText(value)));
}

function holdsAny(texts: readonly string[], tags: readonly string[]): boolean {
  return texts.some((text) => tags.some((tag) => text.includes(tag)));
}

/** One From, and whoever it and Sender name is among them. */
function isFrom(values: NamedValues, patterns: readonly string[]): boolean {
  const from = values.get("from") ?? NONE;
  const fields = [...from, ...(values.get("sender") ?? NONE)];
  const addresses = senderOf({ fields, names: NONE, lists: NONE })?.addresses ?? [];
  // An address that cannot be read is somebody's, too.
  const isAllRead = addresses.length > 0 && addresses.length === fields.join("").split("@").length - 1;
  return from.length === 1 && isAllRead && addresses.every((each) => isAmong(each, patterns));
}

/** RFC 8689 section 5. */
function waivesTls(values: NamedValues): boolean {
  return values.get(TLS_REQUIRED_FIELD)?.some((value) => value.trim().toLowerCase() === "no") ?? false;
}

/** The sender's display names, normalised as detectors normalise values; with and without a middle word. */
export function senderNamesOf(values: NamedValues): ReadonlySet<string> {
  const names = new Set<string>();
  for (const value of [...(values.get("from") ?? NONE), ...(values.get("sender") ?? NONE)]) {
    for (const name of displayNames(value).split("\n")) {
      const words = normaliseText(name)
        .split(/[\s,]+/)
        .filter((word) => /\p{L}/u.test(word));
      const [first, ...rest] = words;
      const last = rest.at(-1);
      if (first === undefined || last === undefined) continue;
      for (const form of [words.join(""), `${first}${last}`, `${last}${first}`, `${first}${last.charAt(0)}`]) {
        names.add(normaliseValue(form));
      }
    }
  }
  return names;
}

/** Names beside the addresses of an address field, one a line; addresses themselves are not content. */
function displayNames(value: string): string {
  // What holds white space is no address, so it is read.
  const unbracketed = value.replace(/<[^<>\s]{0,400}>/g, "\n");
  const pieces = unbracketed.includes("@") ? unbracketed.replace(BARE_ADDRESS, "\n") : unbracketed;
  return pieces
    .replace(/["()]/g, " ")
    .split(/[\n;]/)
    .map((piece) => trimLetters(piece, (letter) => /[\s,]/.test(letter)))
    .filter((piece) => piece !== "")
    .join("\n");
}
