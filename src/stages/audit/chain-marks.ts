/** Rows by which the chain speaks of itself, checkpoints and anchors: what they say, and whether it can be believed. */
import type { AuditRow, EventBody } from "../../core/event.ts";
import type { NoteVerifiers } from "../../parts/keys/signed-note.ts";
import { Frontier } from "../../parts/store/audit-tree.ts";
import type { ChainFault, ForgedWhy } from "./chain-faults.ts";
import { isOfChain, parseCheckpoint } from "./checkpoint-note.ts";
import type { Checkpoint } from "./checkpoint-note.ts";

export type MarkBody = Extract<EventBody, { kind: "checkpoint" | "anchor" }>;

export type MarkContext = {
  /** null: signatures are not checked. */
  readonly verifiers: NoteVerifiers | null;
  /** null: not known. */
  readonly chainId: string | null;
  /** Checkpoints grow: this one is of more rows. */
  readonly after: number;
};

export type MarkVerdict =
  | { readonly kind: "fault"; readonly fault: ChainFault }
  | (Omit<Checkpoint, "extensions" | "origin"> & {
      readonly kind: "sound";
      readonly note: string;
      readonly body: MarkBody;
      readonly frontier: Frontier;
      readonly origin: string;
    });

/** The row itself is as it was written; this is about the note it carries and what stands beside it. */
export function judgeMark(row: AuditRow, { verifiers, chainId, after }: MarkContext): MarkVerdict {
  const what = row.kind === "anchor" ? "anchor" : "checkpoint";
  const body = markBodyOf(row);
  const said = body === null ? null : parseCheckpoint(body.note);
  const forged = (why: ForgedWhy): MarkVerdict => ({
    kind: "fault",
    fault: { kind: "forged", what, seq: row.seq, size: said?.size ?? null, why },
  });
  if (body === null || said === null) return forged("not-a-checkpoint");
  const verdict = verifiers?.check(body.note) ?? "valid";
  if (verdict === "forged") return forged("signature");
  if (verdict === "unknown") return forged("unknown-key");
  const { size, root, origin } = said;
  if (chainId !== null && !isOfChain(origin, chainId)) {
    return { kind: "fault", fault: { kind: "foreign", seq: row.seq, size, origin } };
  }
  if (what === "anchor" ? size >= row.seq : size <= after) return forged("wrong-place");
  const frontier = Frontier.of(size, body.peaks);
  if (frontier === null || frontier.root().toString("base64") !== root) return forged("contradicts-itself");
  if (body.kind === "anchor" && !isOneStory(body, said)) return forged("contradicts-itself");
  return { kind: "sound", size, root, origin, note: body.note, body, frontier };
}

/** The signed lines of an anchor and the facts beside them. */
function isOneStory(body: Extract<MarkBody, { kind: "anchor" }>, { size, extensions }: Checkpoint): boolean {
  const signed = `removed ${body.rows} rows up to ${body.throughSeq}, the last with hash ${body.hash}`;
  const why = `by audit.retention_days ${body.retentionDays}`;
  return body.throughSeq === size && extensions[0] === signed && extensions[1]?.endsWith(why) === true;
}

export function markBodyOf(row: AuditRow): MarkBody | null {
  try {
    const body = JSON.parse(row.body) as Partial<MarkBody> | null;
    const isMark = body?.kind === row.kind && (body.kind === "checkpoint" || body.kind === "anchor");
    const isWhole = typeof body?.note === "string" && Array.isArray(body.peaks) && body.peaks.every(isText);
    return isMark && isWhole ? (body as MarkBody) : null;
  } catch {
    // No JSON, so no mark: the caller says which row it is.
    return null;
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
