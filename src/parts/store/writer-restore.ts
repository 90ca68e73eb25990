/**
 * What a restored database must know before it works again: whoever was under way when the backup was made may have got the mail
 * since. Promises: each such recipient keeps its method and bytes, is marked as a possible duplicate, and has an audit row that
 * says so. Mail held for a person is left as it was.
 */
import type { Database } from "better-sqlite3";
import { canonicalJson } from "./audit-chain.ts";
import type { AuditAppender } from "./writer-audit.ts";
import type { WriterCalls } from "./writer-protocol.ts";

const CODE = "PST-SPL-094";

type Open = { readonly id: string; readonly message_id: string; readonly due_at: number };

export function markRestored(
  db: Database,
  audit: AuditAppender,
  { now, ...facts }: WriterCalls["markRestored"]["args"],
): WriterCalls["markRestored"]["result"] {
  const open = db
    .prepare("SELECT id, message_id, due_at FROM recipient WHERE ended_at IS NULL AND state <> 'held' ORDER BY id")
    .all() as Open[];
  const mark = db.prepare("UPDATE recipient SET possible_duplicate = 1, last_code = ? WHERE id = ?");
  const restored = { kind: "restored", ...facts, open: open.length } as const;
  audit.append([{ at: now, messageId: null, recipientId: null, kind: "restored", body: canonicalJson(restored) }]);
  for (const { id, message_id: messageId, due_at: dueAt } of open) {
    mark.run(CODE, id);
    const body = canonicalJson({ kind: "possible_duplicate", code: CODE, dueAt });
    audit.append([{ at: now, messageId, recipientId: id, kind: "possible_duplicate", body }]);
  }
  return { open: open.length };
}
