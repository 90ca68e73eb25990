/** Encryption of small fields at rest: addresses, replies, findings, plans. Synchronous and cheap; keys live in src/parts/keys/. */
export interface Sealer {
  /** AES-256-GCM under the address KEK. `context` binds the text to its place, e.g. `recipient.address`. */
  seal(plaintext: string, context: string): string;
  /** Rejects by throwing when the text was altered, belongs elsewhere or needs another key. */
  open(sealed: string, context: string): string;
  /** Keyed hash for exact look-ups, 32 hex characters; the same text gives the same hash under the same key. */
  index(text: string): string;
  /** The hash under every key that still opens, the present one first: a row may carry an older one until it was sealed anew. */
  indexes(text: string): readonly string[];
  /** What every text sealed under the present key begins with; a text that begins otherwise needs a key of before. */
  mark(): string;
}
