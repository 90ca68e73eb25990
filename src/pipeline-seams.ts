/** What pipeline.ts is given: its options, the stages in their order, the store and the clock. Types only. */
import type { RetryOptions } from "./core/aftermath.ts";
import type { Chance, Clock } from "./core/clock.ts";
import type { WriteTransition } from "./core/dialog-record.ts";
import type { Log } from "./core/log.ts";
import type { Policy } from "./core/policy.ts";
import type { QueueStore, StoredMessage } from "./core/queue-store.ts";
import type { Decide, Deliver, Discover, Inspect, OnSubmission, Protect, ReadBody } from "./core/stages.ts";
import type { Accompany } from "./stages/spool/accompany.ts";
import type { Scheduler, WorkOn } from "./stages/spool/scheduler.ts";
import type { Settle } from "./stages/spool/settle.ts";
import type { Spool } from "./stages/spool/spool.ts";

export type PipelineOptions = {
  readonly retry: RetryOptions;
  /** Recipients of one domain handed to one SMTP transaction. */
  readonly recipientsPerTransactionMax: number;
  /** Recipients of one message that are done by then take their next step together, and share a report. */
  readonly stepPatienceMs: number;
  /** A dialog that takes longer is on record before its intent is; see DialogRecord. */
  readonly dialogPatienceMs: number;
};

export type Stages = {
  readonly spool: Spool;
  readonly inspect: Inspect;
  readonly discover: Discover;
  readonly decide: Decide;
  readonly protect: Protect;
  readonly deliver: Deliver;
  readonly settle: Settle;
  /** Writes what goes out beside a message, with the plans that ask for it. */
  readonly accompany: Accompany;
  /** Writes what does not end a recipient. */
  readonly write: WriteTransition;
};

export type PipelineDeps = {
  readonly stages: Stages;
  readonly store: QueueStore;
  readonly scheduler: () => Pick<Scheduler, "reserve" | "dispatch" | "wake" | "learn">;
  readonly readBody: (message: StoredMessage) => ReadBody;
  /** Bounds the bytes read and built at once; see ByteGate. Never held while a peer is waited for. */
  readonly withinBytes: <T>(bytes: number, work: () => Promise<T>) => Promise<T>;
  readonly policy: () => Policy;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** Aborted when the drain time is over. */
  readonly signal: AbortSignal;
};

export type Pipeline = { readonly submit: OnSubmission; readonly workOn: WorkOn };
