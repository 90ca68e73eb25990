/** What is asked of the writer thread about the audit: its rows as they are stored, its tip as the thread wrote it, what may leave it. */
import type { SqliteReads } from "./sqlite-reads.ts";
import type { ChainTip } from "./writer-audit.ts";
import type { WriterCall, WriterCalls } from "./writer-protocol.ts";
import type { RetentionCall, WriterRetention } from "./writer-retention.ts";

type AuditCall = Extract<
  WriterCall,
  { kind: "auditPage" | "auditOf" | "auditHead" | "auditTip" | "auditMarks" | "chainId" | RetentionCall["kind"] }
>;

export function auditCall(
  call: AuditCall,
  {
    reads,
    tip,
    retention,
  }: { readonly reads: SqliteReads; readonly tip: ChainTip; readonly retention: WriterRetention },
): WriterCalls[AuditCall["kind"]]["result"] {
  switch (call.kind) {
    case "auditPage":
      return reads.auditPage(call.args.fromSeq, call.args.rowsMax);
    case "auditOf":
      return reads.auditOf(call.args.messageId, call.args.rowsMax);
    case "auditHead":
      return reads.auditHead();
    case "auditTip":
      return { seq: tip.seq, hash: tip.hash, peaks: tip.frontier?.peaks() ?? null };
    case "auditMarks":
      return reads.auditMarks(call.args.kind, call.args.beforeSeq, call.args.rowsMax);
    case "chainId":
      return reads.chainId();
    default:
      return retention.execute(call);
  }
}
