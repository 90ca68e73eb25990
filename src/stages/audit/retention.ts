/**
 * Removes old rows from the beginning of the audit so that what is left stays provable. Promises, in this order: the rows are followed
 * link by link, written to a file and synced where a folder for it is configured, then an anchor signed over them is durable, and only
 * then they go. What belongs to stored mail or stands under a legal hold stays, and everything after it. Without a key to sign
 * the anchor nothing is removed.
 */
import type { RaiseAlert } from "../../core/alert.ts";
import type { Clock } from "../../core/clock.ts";
import type { EventBody } from "../../core/event.ts";
import type { Log } from "../../core/log.ts";
import type { NoteSigner, NoteVerifiers } from "../../parts/keys/signed-note.ts";
import type { AuditSource, RetentionStore } from "../../parts/store/audit-chain.ts";
import { BLOCK_ROWS } from "../../parts/store/audit-tree-paths.ts";
import type { AuditArchive } from "./archive.ts";
import { ChainWalk } from "./chain-walk.ts";
import { checkpointText, originOf, removalLines } from "./checkpoint-note.ts";
import { rowsOf } from "./export-lines.ts";
import { startOf } from "./verify.ts";

export type RetentionOptions = {
  /** 0: nothing is removed. */
  readonly retentionDays: number;
};

export type RetentionDeps = {
  readonly store: AuditSource & RetentionStore;
  readonly signer: NoteSigner | null;
  readonly verifiers: NoteVerifiers | null;
  /** null: removed rows are kept nowhere. */
  readonly archive: AuditArchive | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly raise: RaiseAlert;
};

const DAY_MS = 86_400_000;
/** Rows of one anchor, whole blocks of the tree; and of one transaction that deletes. */
const REMOVED_ROWS_MAX = 40 * BLOCK_ROWS;
const TRIM_ROWS_MAX = 1_000;

export async function removeOld(options: RetentionOptions, deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { store, signer, clock } = deps;
  // The service may have ended in the middle of an earlier removal.
  await trim(store, signal);
  if (options.retentionDays === 0 || signer === null) return;
  const before = clock.now() - options.retentionDays * DAY_MS;
  while (!signal.aborted) {
    const { first, through } = await store.removableRows(before, REMOVED_ROWS_MAX);
    const throughSeq = through - (through % BLOCK_ROWS);
    if (throughSeq < first) return;
    if (!(await remove({ first, throughSeq, retentionDays: options.retentionDays }, { ...deps, signer }))) return;
    await trim(store, signal);
  }
}

type Removal = { readonly first: number; readonly throughSeq: number; readonly retentionDays: number };

/** False where the rows are not as they were written, or could not be kept: nothing is removed, and somebody was told. */
async function remove(
  { first, throughSeq, retentionDays }: Removal,
  deps: RetentionDeps & { readonly signer: NoteSigner },
): Promise<boolean> {
  const { store, signer, verifiers, archive, clock, log, raise } = deps;
  const { start, faults } = await startOf(store, verifiers);
  const chainId = await store.chainId();
  const walk = new ChainWalk({ start, outside: [], verifiers });
  walk.faults.push(...faults);
  const file = archive?.begin(await firstFacts(store, first), throughSeq) ?? null;
  try {
    for await (const row of rowsOf(store, first, throughSeq)) {
      walk.take(row);
      await file?.add(row);
    }
    const { frontier, head } = walk;
    if (walk.faults.length > 0 || frontier === null || chainId === null || frontier.size !== throughSeq) {
      const [fault] = walk.faults;
      raise({ code: "PST-AUD-001", facts: { fault: fault?.kind ?? "removed", seq: first } });
      return false;
    }
    const at = clock.now();
    const rows = throughSeq - first + 1;
    const extensions = removalLines({ throughSeq, hash: head.hash, rows, at, retentionDays });
    const root = frontier.root().toString("base64");
    const origin = originOf(signer.name, chainId);
    const note = signer.sign(checkpointText({ origin, size: throughSeq, root, extensions }));
    const name = (await file?.finish(note)) ?? null;
    const body: EventBody = {
      kind: "anchor",
      throughSeq,
      hash: head.hash,
      rows,
      retentionDays,
      archive: name,
      note,
      verifier: signer.verifier,
      peaks: frontier.peaks(),
    };
    await store.anchorRows({ at, messageId: null, recipientId: null, body }, throughSeq);
    log.info("audit_rows_removed", { through: throughSeq, rows, archive: name });
    return true;
  } catch (error) {
    if (!isFileError(error)) throw error;
    raise({ code: "PST-AUD-006", facts: { reason: error.code } });
    return false;
  } finally {
    await file?.abandon();
  }
}

async function firstFacts(store: AuditSource, firstSeq: number) {
  const [anchor] = firstSeq === 1 ? [] : await store.auditMarks("anchor", Number.MAX_SAFE_INTEGER, 1);
  const chain = await store.chainId();
  return { whole: true, filter: null, chain, firstSeq, anchor: anchor ?? null, checkpoint: null } as const;
}

async function trim(store: RetentionStore, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) if ((await store.trimRows(TRIM_ROWS_MAX)) < TRIM_ROWS_MAX) return;
}

function isFileError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;
}
