/**
 * What a header section shows a reader or tells by its source, and by which fields a sender asks for protection.
 * Promises: every field is read but for addresses; encoded words are decoded; a tag hidden in one is found; repeated fields
 * are all read; a name that the sender chose stands in no result. Pure.
 */
import type { Trigger } from "../../core/findings.ts";
import { decodeWords, valuesOf } from "../../parts/mime/header-fields.ts";
import type { HeaderField } from "../../parts/mime/header-fields.ts";
import type { Segment } from "./compiled-pack.ts";
import type { InspectOptions } from "./inspect-options.ts";
import { lowerCase, normaliseText, normaliseValue } from "./normalise.ts";

export type HeaderText = {
  readonly name: string;
  readonly kind: Extract<Segment["kind"], "subject" | "header">;
  readonly text: string;
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
/** Longer than any text of a person; addresses and triggers are looked for up to here. */
const FIELD_CHARS_MAX = 8_192;

export function headerSegments(fields: readonly HeaderField[]): readonly HeaderText[] {
  const texts: HeaderText[] = [];
  const subjects = new Set(SUBJECT_FIELDS.flatMap((name) => decodedValues(fields, name)));
  for (const text of subjects) texts.push({ name: "subject", kind: "subject", text });
  const names = NAME_FIELDS.flatMap((name) => decodedValues(fields, name)).map(displayNames);
  if (names.some((text) => text !== "")) texts.push({ name: "names", kind: "header", text: names.join("\n") });
  for (const name of TEXT_FIELDS) {
    for (const text of decodedValues(fields, name)) texts.push({ name, kind: "header", text });
  }
  return texts;
}

/** Each other field with its name, as the source tells it; with `all`, for a part of a message, every field. */
export function otherFields(fields: readonly HeaderField[], { all }: { readonly all: boolean }): readonly string[] {
  return fields
    .filter(({ name }) => all || !READ_FIELDS.has(name.toLowerCase()))
    .map(({ name, value }) => `${name}: ${decodeWords(value)}`);
}

export function triggersOf(fields: readonly HeaderField[], options: InspectOptions): readonly Trigger[] {
  const triggers: Trigger[] = [];
  const subjects = decodedValues(fields, "subject").map((text) => lowerCase(normaliseText(text)));
  const tags = options.subjectTags.map((tag) => lowerCase(normaliseText(tag)).trim()).filter((tag) => tag !== "");
  if (subjects.some((subject) => tags.some((tag) => subject.includes(tag)))) triggers.push("subject-tag");
  const wanted = new Set(options.sensitivityValues.map((value) => value.trim().toLowerCase()));
  const given = decodedValues(fields, "sensitivity").map((value) => value.trim().toLowerCase());
  if (given.some((value) => wanted.has(value))) triggers.push("sensitivity-header");
  return triggers;
}

/** The sender's display names, normalised as detectors normalise values; with and without a middle word. */
export function senderNamesOf(fields: readonly HeaderField[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const value of ["from", "sender"].flatMap((name) => decodedValues(fields, name))) {
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

function decodedValues(fields: readonly HeaderField[], name: string): readonly string[] {
  return valuesOf(fields, name).map((value) => decodeWords(value.slice(0, FIELD_CHARS_MAX)));
}

/** Names beside the addresses of an address field, one a line; addresses themselves are not content. */
function displayNames(value: string): string {
  const pieces = value.replace(/<[^<>]{0,400}>/g, "\n").replace(/[^\s,;:"<>()@]{1,200}@[^\s,;"<>()]{1,255}/g, "\n");
  return pieces
    .replace(/["()]/g, " ")
    .split(/[\n;]/)
    .map((piece) => piece.replace(/^[\s,]+|[\s,]+$/g, ""))
    .filter((piece) => piece !== "")
    .join("\n");
}
