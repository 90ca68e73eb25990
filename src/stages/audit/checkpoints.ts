/**
 * Signs the audit while it grows: at the start, after so much time or so many rows, and at the end. Promises that what is signed is
 * what the writer wrote, going on from a checkpoint that a trusted key signed; that the row of a checkpoint is durable before its note
 * leaves; and that a note which could not be written outside comes again. Reading rows again to see whether they are still as they
 * were is patrol.ts.
 */
import type { RaiseAlert } from "../../core/alert.ts";
import type { Clock } from "../../core/clock.ts";
import type { AuditRow, EventBody } from "../../core/event.ts";
import type { QueueStore } from "../../core/queue-store.ts";
import type { NoteSigner, NoteVerifiers } from "../../parts/keys/signed-note.ts";
import { hashRow } from "../../parts/store/audit-chain.ts";
import type { AuditSource, SignableTip } from "../../parts/store/audit-chain.ts";
import { Frontier } from "../../parts/store/audit-tree.ts";
import { judgeMark, markBodyOf } from "./chain-marks.ts";
import { checkpointText, originOf, parseCheckpoint } from "./checkpoint-note.ts";

export type CheckpointWhy = Extract<EventBody, { kind: "checkpoint" }>["why"];

export type CheckpointOptions = {
  readonly everyMs: number;
  readonly everyRows: number;
};

export type CheckpointDeps = {
  readonly store: AuditSource & Pick<QueueStore, "commit"> & { auditTip(): Promise<SignableTip> };
  /** null: no key is configured. */
  readonly signer: NoteSigner | null;
  /** The signer's own key and earlier ones. */
  readonly verifiers: NoteVerifiers | null;
  readonly outside: CheckpointOutside;
  readonly clock: Clock;
  readonly raise: RaiseAlert;
};

/** Where notes go so that they are not cut with the database. */
export interface CheckpointOutside {
  /** Rejects where a place could not be written. */
  emit(note: string): Promise<void>;
  /** The last one emitted, where that can be read; null: none. */
  last(): Promise<string | null>;
}

const RESEND_PAUSE_MS = 60_000;

export class Checkpoints {
  /** As they are now. */
  readonly #options: () => CheckpointOptions;
  readonly #deps: CheckpointDeps;
  #canSign = false;
  /** Rows and time of the last checkpoint; its own row needs no other. */
  #signed = { size: 0, rowSeq: 0, at: -Infinity };
  /** A note that could not be written outside, and when it is tried again. */
  #unsent: { readonly note: string; after: number } | null = null;
  #toldAt = -Infinity;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: () => CheckpointOptions, deps: CheckpointDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Looks whether what is there can be signed on, and signs it. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#compareOutside();
      await this.#sign("start");
    });
  }

  /** Looks whether it is time; cheap where it is not. */
  tick(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#resend();
      if (this.#deps.signer === null) return;
      const { seq } = await this.#deps.store.auditHead();
      // Nothing but the row of the last checkpoint came since.
      if (seq <= this.#signed.rowSeq) return;
      if (seq - this.#signed.size >= this.#options().everyRows) await this.#sign("rows");
      else if (this.#deps.clock.now() - this.#signed.at >= this.#options().everyMs) await this.#sign("time");
    });
  }

  /** null: nothing could be signed; why was told. */
  async sign(why: "stop" | "asked"): Promise<string | null> {
    return this.#inTurn(() => this.#sign(why));
  }

  /** One after the other: two checkpoints of the same rows would contradict the order of sizes. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #sign(why: CheckpointWhy): Promise<string | null> {
    const { store, signer, clock } = this.#deps;
    if (signer === null) return null;
    this.#canSign ||= await this.#lastIsTrusted();
    const { seq: size, peaks } = await store.auditTip();
    const chainId = await store.chainId();
    const frontier = peaks === null ? null : Frontier.of(size, peaks);
    if (!this.#canSign || chainId === null || frontier === null) {
      this.#tellBroken("PST-AUD-001", size);
      return null;
    }
    const root = frontier.root().toString("base64");
    const note = signer.sign(checkpointText({ origin: originOf(signer.name, chainId), size, root, extensions: [] }));
    const at = clock.now();
    const body: EventBody = { kind: "checkpoint", why, note, verifier: signer.verifier, peaks: frontier.peaks() };
    // Durable first: outside must never stand what a power failure can take back.
    await store.commit(
      { recipients: [], variants: [], inspected: null, events: [{ at, messageId: null, recipientId: null, body }] },
      "durable",
    );
    const [row] = await store.auditMarks("checkpoint", Number.MAX_SAFE_INTEGER, 1);
    this.#signed = { size, rowSeq: row?.seq ?? size, at };
    this.#unsent = { note, after: at };
    await this.#resend();
    return note;
  }

  /**
   * What is signed now goes on from where a checkpoint or an anchor wrote the tree down last: a trusted key must have signed that.
   * Where there is none yet, the tree was read from the first row on.
   */
  async #lastIsTrusted(): Promise<boolean> {
    const { store, verifiers } = this.#deps;
    const marks = (["checkpoint", "anchor"] as const).map((kind) => store.auditMarks(kind, Number.MAX_SAFE_INTEGER, 1));
    const rows = (await Promise.all(marks)).flat();
    const last = rows.reduce<AuditRow | null>((a, b) => (a === null || sizeOf(b) > sizeOf(a) ? b : a), null);
    if (last === null) return true;
    const mark = judgeMark(last, { verifiers, chainId: null, after: -1 });
    if (mark.kind === "sound" && hashRow(last) === last.hash) return true;
    const isUnknown = mark.kind === "fault" && mark.fault.kind === "forged" && mark.fault.why === "unknown-key";
    this.#tellBroken(isUnknown ? "PST-AUD-005" : "PST-AUD-001", last.seq);
    return false;
  }

  /** As often as checkpoints are due: whoever was told once may have missed it. */
  #tellBroken(code: "PST-AUD-001" | "PST-AUD-005", seq: number): void {
    const now = this.#deps.clock.now();
    if (now - this.#toldAt < this.#options().everyMs) return;
    this.#toldAt = now;
    this.#deps.raise({ code, facts: { seq } });
  }

  async #resend(): Promise<void> {
    const unsent = this.#unsent;
    const now = this.#deps.clock.now();
    if (unsent === null || now < unsent.after) return;
    try {
      await this.#deps.outside.emit(unsent.note);
      this.#unsent = null;
    } catch (error) {
      unsent.after = now + RESEND_PAUSE_MS;
      const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      this.#deps.raise({ code: "PST-AUD-002", facts: { reason } });
    }
  }

  /** Every note that left stands in a row: where the last one does not, the rows are not those it saw. */
  async #compareOutside(): Promise<void> {
    const { store, outside, verifiers, raise } = this.#deps;
    const note = await outside.last();
    const said = note === null ? null : parseCheckpoint(note);
    if (note === null || said === null || verifiers?.check(note) !== "valid") return;
    for (let beforeSeq = Number.MAX_SAFE_INTEGER; ;) {
      const [row] = await store.auditMarks("checkpoint", beforeSeq, 1);
      if (row === undefined || sizeOf(row) < said.size) break;
      if (row.body.includes(JSON.stringify(note))) return;
      beforeSeq = row.seq;
    }
    raise({ code: "PST-AUD-003", facts: { size: said.size } });
  }
}

/** Rows a checkpoint or anchor speaks of; of one that cannot be read none. */
function sizeOf(row: AuditRow): number {
  return parseCheckpoint(markBodyOf(row)?.note ?? "")?.size ?? 0;
}
