/**
 * What a checkpoint of the audit says (c2sp.org/tlog-checkpoint): which chain, how many rows, and the root of the tree over them. An
 * anchor is one with further lines, about the rows that were removed. Signing and checking signatures is parts/keys/signed-note.ts.
 */
import { isRootText } from "../../parts/store/audit-tree.ts";
import { textOfNote } from "../../parts/keys/signed-note.ts";

export type Checkpoint = {
  /** `<name of the key>/<first characters of the hash of row 1>`: no two chains have the same. */
  readonly origin: string;
  /** Rows; the seq of the last one. */
  readonly size: number;
  /** Base64. */
  readonly root: string;
  readonly extensions: readonly string[];
};

const CHAIN_CHARACTERS = 16;

export function originOf(keyName: string, chainId: string): string {
  return `${keyName}/${chainId.slice(0, CHAIN_CHARACTERS)}`;
}

/** Whether a checkpoint of this origin speaks of the chain. */
export function isOfChain(origin: string, chainId: string): boolean {
  return origin.endsWith(`/${chainId.slice(0, CHAIN_CHARACTERS)}`);
}

export function checkpointText({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), root, ...extensions, ""].join("\n");
}

/** null where the note is no checkpoint; whether it is signed is another question. */
export function parseCheckpoint(note: string): Checkpoint | null {
  const [origin = "", size = "", root = "", ...extensions] = textOfNote(note)?.slice(0, -1).split("\n") ?? [];
  if (origin === "" || !/^(?:0|[1-9]\d{0,14})$/.test(size) || !isRootText(root)) return null;
  return { origin, size: Number(size), root, extensions };
}

export type RemovalFacts = {
  readonly throughSeq: number;
  /** Of the last removed row, in hexadecimal. */
  readonly hash: string;
  readonly rows: number;
  readonly at: number;
  readonly retentionDays: number;
};

/** The further lines of an anchor: what was removed, when and why. */
export function removalLines({ throughSeq, hash, rows, at, retentionDays }: RemovalFacts): readonly string[] {
  return [
    `removed ${rows} rows up to ${throughSeq}, the last with hash ${hash}`,
    `removed at ${new Date(at).toISOString()} by audit.retention_days ${retentionDays}`,
  ];
}
