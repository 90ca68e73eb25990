/** Identifiers. Opaque, unguessable enough for logs, and free of content: the only thing a log may name. */

declare const brand: unique symbol;
type Branded<T extends string> = string & { readonly [brand]: T };

/** 26 characters, Crockford base 32, sorts by time of creation (ULID layout). Also the queue id told to peers. */
export type MessageId = Branded<"message">;
/** `<messageId>.<n>`, n counted from 1 in RCPT order. */
export type RecipientId = Branded<"recipient">;
/** `<messageId>.v<n>`: one stored form of the bytes of a message. */
export type VariantId = Branded<"variant">;

export function toMessageId(text: string): MessageId {
  if (!/^[0-9A-HJKMNP-TV-Z]{26}$/.test(text)) throw new Error("not a message id");
  return text as MessageId;
}

export function recipientIdOf(messageId: MessageId, ordinal: number): RecipientId {
  return `${messageId}.${ordinal}` as RecipientId;
}

export function variantIdOf(messageId: MessageId, ordinal: number): VariantId {
  return `${messageId}.v${ordinal}` as VariantId;
}

/** The message a recipient belongs to. */
export function messageIdOf(recipientId: RecipientId): MessageId {
  return toMessageId(recipientId.slice(0, 26));
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** When the id was made, in milliseconds since the epoch: its first ten characters. */
export function createdAtOf(id: MessageId): number {
  let at = 0;
  for (const character of id.slice(0, 10)) at = at * 32 + ALPHABET.indexOf(character);
  return at;
}

/** The smallest id a message made at this time can have: whatever sorts before it is older. */
export function firstMessageIdAt(time: number): MessageId {
  let digits = "";
  let rest = Math.min(Math.max(0, Math.floor(time)), 2 ** 48 - 1);
  for (let i = 0; i < 10; i++) {
    digits = (ALPHABET[rest % 32] ?? "") + digits;
    rest = Math.floor(rest / 32);
  }
  return toMessageId(digits.padEnd(26, "0"));
}
