/**
 * The arithmetic of the audit chain: canonical text of a row and its hash over the hash of the row before. Promises that
 * the same facts always give the same bytes. Storing rows is writer-audit.ts, checking them src/stages/audit/verify.ts.
 */
import { hash } from "node:crypto";
import type { AuditRow, NewEvent } from "../../core/event.ts";

/** Stands before row 1, so that a chain of this kind cannot be mistaken for the hash of anything else. */
export const GENESIS_HASH = sha256("postern audit chain, version 1\n");

/** Where a chain ends: what the next row builds on, and what a checkpoint outside the database remembers. */
export type ChainHead = { readonly seq: number; readonly hash: string };

export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: GENESIS_HASH };

/** Rows by which the chain speaks of itself; few, and found without reading the others. */
export type MarkKind = "checkpoint" | "anchor";

/** Reading a chain in pages, oldest first; implemented by the store and by the reader beside a running service. */
export interface AuditSource {
  /** Rows of seq from `fromSeq` on, ascending. */
  auditPage(fromSeq: number, rowsMax: number): Promise<readonly AuditRow[]>;
  /** The newest rows of one message, ascending. */
  auditOf(messageId: string, rowsMax: number): Promise<readonly AuditRow[]>;
  /** seq and hash of the last row; EMPTY_CHAIN where there is none. */
  auditHead(): Promise<ChainHead>;
  /** The newest rows of a kind with a seq below `beforeSeq`, newest first. */
  auditMarks(kind: MarkKind, beforeSeq: number, rowsMax: number): Promise<readonly AuditRow[]>;
  /** The hash of row 1, by which a chain is known, also after row 1 was removed; null while the chain is empty. */
  chainId(): Promise<string | null>;
}

/** Where the chain stands, as its writer knows it, with the peaks of the tree; null: the tree is not known whole. */
export type SignableTip = ChainHead & { readonly peaks: readonly string[] | null };

export type RemovableRows = {
  /** The first row there is. */
  readonly first: number;
  /** The last one that may go; below `first` where none may. */
  readonly through: number;
};

/** Removing old rows from the beginning of the chain. */
export interface RetentionStore {
  /** Of the first `rowsMax` rows: those before `before` that belong to no stored mail and stand under no legal hold. */
  removableRows(before: number, rowsMax: number): Promise<RemovableRows>;
  /** Durable: from now on rows up to `throughSeq` may be deleted. Rejects where one of them must stay after all. */
  anchorRows(event: NewEvent, throughSeq: number): Promise<void>;
  /** Deletes up to the last anchor, at most `rowsMax` rows; resolves to how many. */
  trimRows(rowsMax: number): Promise<number>;
}

/** What a row says, before it has its place in the chain; `body` is canonical JSON. */
export type EventRow = Omit<AuditRow, "seq" | "previousHash" | "hash">;

export function toEventRow(event: NewEvent): EventRow {
  const { at, messageId, recipientId, body } = event;
  return { at, messageId, recipientId, kind: body.kind, body: canonicalJson(body) };
}

export function chainRow(event: EventRow, head: ChainHead): AuditRow {
  const row = { ...event, seq: head.seq + 1, previousHash: head.hash };
  return { ...row, hash: hashRow(row) };
}

/** SHA-256 over the previous hash and the canonical text of everything else in the row, in hex. */
export function hashRow(row: Omit<AuditRow, "hash">): string {
  const { at, body, kind, messageId, recipientId, seq } = row;
  // Canonical: the members stand in order, and every value is text, null or an integer.
  return sha256(row.previousHash + JSON.stringify({ at, body, kind, messageId, recipientId, seq }));
}

/** JSON with sorted keys and no spaces; `undefined` members are left out. Throws on what JSON cannot say exactly. */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("a number in an audit event is not finite");
    return String(value);
  }
  if (typeof value !== "object") throw new TypeError(`an audit event cannot hold a ${typeof value}`);
  return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Readonly<Record<string, unknown>>);
}

function canonicalArray(values: readonly unknown[]): string {
  let text = "";
  for (const value of values) text += `${text === "" ? "" : ","}${canonicalJson(value)}`;
  return `[${text}]`;
}

function canonicalObject(value: Readonly<Record<string, unknown>>): string {
  let text = "";
  for (const name of sorted(Object.keys(value))) {
    const member = value[name];
    if (member !== undefined) text += (text === "" ? "" : ",") + quoted(name) + canonicalJson(member);
  }
  return `{${text}}`;
}

/** In place, by code units: of a few names quicker than Array.sort, and without its copy. */
function sorted(names: string[]): readonly string[] {
  for (let i = 1; i < names.length; i += 1) {
    const name = names[i] as string;
    let at = i;
    for (; at > 0 && (names[at - 1] as string) > name; at -= 1) names[at] = names[at - 1] as string;
    names[at] = name;
  }
  return names;
}

/** Of members seen before: all but a few events have the same ones. */
const quotedNames = new Map<string, string>();
const QUOTED_NAMES_MAX = 1_000;

function quoted(name: string): string {
  let text = quotedNames.get(name);
  if (text === undefined) {
    text = `${JSON.stringify(name)}:`;
    if (quotedNames.size < QUOTED_NAMES_MAX) quotedNames.set(name, text);
  }
  return text;
}

function sha256(text: string): string {
  return hash("sha256", text);
}
