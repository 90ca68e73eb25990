/**
 * Inspects a message, or any other file, that lies in memory: for `postern dlp scan`, benchmarks and tests.
 * Promises: the same verdict the gateway would reach for a message of these bytes; a file that is no message is judged
 * like an attachment of that name. Never rejects for what the bytes say.
 */
import type { Findings, Tier, Verdict } from "../../core/findings.ts";
import type { Inspect } from "../../core/stages.ts";
import { attachmentOf, isMailbox, isMessageFile, structureOf, withoutPrelude } from "./loose-file.ts";

/** One line of `postern dlp scan --json`. */
export type ScanLine = {
  readonly file: string;
  readonly verdict: Verdict;
  readonly tier: Tier;
  /** Ids of the rules that hold, in order of their packs. */
  readonly rules: readonly string[];
  /** What could not be read, and why: `2: encrypted`. */
  readonly unread: readonly string[];
};

const MAILBOX_NAME = "messages.mbox";

/** `name` is the file's name, or null for standard input. */
export async function scanBytes(bytes: Buffer, name: string | null, inspect: Inspect): Promise<Findings> {
  const isMany = isMailbox(bytes);
  const content = isMany ? bytes : withoutPrelude(bytes);
  const isMessage = !isMany && isMessageFile(content, name);
  const mime = isMessage ? structureOf(content) : attachmentOf(content, isMany ? MAILBOX_NAME : name);
  return inspect({ mime, read: (start, end) => Promise.resolve(content.subarray(start, end)) });
}

export function toScanLine(file: string, findings: Findings): ScanLine {
  const rules = findings.hits.map((hit) => hit.rule);
  const unread = findings.uninspectable.map(({ part, reason }) => `${part === "" ? "message" : part}: ${reason}`);
  return { file, verdict: findings.verdict, tier: findings.tier, rules: [...new Set(rules)], unread };
}
