/**
 * The one thread that writes the state database. Takes whatever waits, commits it as one group, answers, and only then
 * looks for more: requests that arrive while a commit runs become the next group, and a lone request never waits for a
 * timer. The WAL is moved into the database by a thread of its own (checkpointer.ts); the writer only moves the little that came
 * meanwhile, between groups, so that the log can begin again.
 */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { Database, Statement } from "better-sqlite3";
import { reach } from "../../core/failpoint.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
import { Checkpointer } from "./checkpointer.ts";
import { RedoRing } from "./redo-ring.ts";
import { openDatabase, synchronousSwitch } from "./sqlite-database.ts";
import { takeInstanceLock } from "./sqlite-instance-lock.ts";
import type { InstanceLock } from "./sqlite-instance-lock.ts";
import { toStoreError } from "./sqlite-store-error.ts";
import { GroupCommitter, TRANSACTION_COMMANDS } from "./writer-group.ts";
import type { GroupConnection } from "./writer-group.ts";
import { WriterOperations } from "./writer-operations.ts";
import type { FromWriter, ToWriter, WriterRequest, WriterThreadArguments } from "./writer-protocol.ts";

const GROUP_REQUESTS_MAX = 512;
/** Changed rows between two checkpoints; a few MB of WAL. */
const CHECKPOINT_ROWS = 2_000;
/**
 * The writer moves the rest itself, so that the log begins again, only once the log is long, since every commit waits meanwhile:
 * if few rows changed since the thread began, or whatever changed once the log nears its size limit.
 */
const LOG_FRAMES = { long: 8_000, max: 14_000 } as const;
const REST_ROWS_MAX = 1_000;
/** Requests between two looks at how many rows have changed. */
const CHECKPOINT_REQUESTS = 32;

class Writer {
  readonly #port: MessagePort;
  readonly #db: Database;
  readonly #lock: InstanceLock;
  readonly #group: GroupCommitter;
  readonly #changes: Statement;
  readonly #checkpointer: Checkpointer;
  readonly #redo: RedoRing;
  #changesAtCheckpoint = 0;
  #unchecked = 0;
  #toldUnhealthy = false;

  constructor({ port, path, failpoints }: WriterThreadArguments, db: Database, lock: InstanceLock) {
    this.#port = port;
    this.#checkpointer = new Checkpointer({
      path,
      failpoints,
      onMoved: (frames) => this.#checkpointRest(frames),
      onFailed: (error) => this.#latchOn(error),
    });
    this.#db = db;
    this.#lock = lock;
    this.#changes = db.prepare("SELECT total_changes()").pluck();
    this.#redo = new RedoRing(db);
    this.#group = new GroupCommitter(connectionOf(db), new WriterOperations(db, this.#redo));
  }

  listen(): void {
    this.#port.on("message", (first: ToWriter) => this.#take(first));
  }

  #take(first: ToWriter): void {
    const requests: WriterRequest[] = [];
    let next: ToWriter | undefined = first;
    let isClosing = false;
    while (next !== undefined) {
      if (next.kind === "close") {
        isClosing = true;
        break;
      }
      requests.push(...next.requests);
      next = requests.length < GROUP_REQUESTS_MAX ? waiting(this.#port) : undefined;
    }
    if (requests.length > 0) this.#commit(requests);
    if (isClosing) void this.#close();
  }

  #commit(requests: readonly WriterRequest[]): void {
    this.#say({ kind: "answers", answers: this.#group.run(requests) });
    if (this.#redo.isSyncDue) this.#guarded(() => this.#redo.sync());
    this.#unchecked += requests.length;
    if (this.#unchecked >= CHECKPOINT_REQUESTS) this.#guarded(() => this.#checkpoint());
    this.#tellUnhealthy();
  }

  #checkpoint(): void {
    this.#unchecked = 0;
    const changes = Number(this.#changes.get());
    if (changes - this.#changesAtCheckpoint < CHECKPOINT_ROWS) return;
    this.#changesAtCheckpoint = changes;
    if (!this.#checkpointer.move()) this.#moveWal("PASSIVE");
  }

  /** Only once nothing of the log is left to be moved does SQLite begin it again. */
  #checkpointRest(frames: number): void {
    this.#guarded(() => {
      const rest = Number(this.#changes.get()) - this.#changesAtCheckpoint;
      const isWanted = rest <= REST_ROWS_MAX ? frames > LOG_FRAMES.long : frames > LOG_FRAMES.max;
      if (isWanted) this.#moveWal("PASSIVE");
    });
  }

  #guarded(work: () => void): void {
    if (this.#group.latched !== null) return;
    try {
      work();
    } catch (error) {
      this.#latchOn(error);
    }
  }

  #latchOn(error: unknown): void {
    this.#group.latchOn(error);
    this.#tellUnhealthy();
  }

  #tellUnhealthy(): void {
    const { latched } = this.#group;
    if (latched === null || this.#toldUnhealthy) return;
    this.#toldUnhealthy = true;
    this.#say({ kind: "unhealthy", failure: latched.toFailure() });
  }

  #moveWal(mode: "PASSIVE" | "TRUNCATE"): void {
    reach("store.before-checkpoint");
    this.#db.pragma(`wal_checkpoint(${mode})`);
    reach("store.after-checkpoint");
  }

  async #close(): Promise<void> {
    await this.#checkpointer.close();
    try {
      if (this.#group.latched === null) this.#moveWal("TRUNCATE");
    } catch (error) {
      // What was acknowledged lies in the WAL; the next start reads it from there.
      this.#group.latchOn(error);
    }
    this.#redo.close();
    this.#db.close();
    this.#lock.release();
    this.#port.close();
  }

  #say(message: FromWriter): void {
    this.#port.postMessage(message, []);
  }
}

/** Each command is compiled once. */
function connectionOf(db: Database): GroupConnection {
  const statements = new Map(TRANSACTION_COMMANDS.map((sql) => [sql, db.prepare(sql)]));
  return {
    get inTransaction() {
      return db.inTransaction;
    },
    exec: (sql) => statements.get(sql)?.run(),
    setSynchronous: synchronousSwitch(db),
  };
}

function waiting(port: MessagePort): ToWriter | undefined {
  return receiveMessageOnPort(port)?.message as ToWriter | undefined;
}

function start(given: WriterThreadArguments): void {
  const { path, owner, now, port, failpoints } = given;
  if (failpoints.length > 0) armFailpoints(failpoints);
  let lock: InstanceLock | null = null;
  try {
    lock = takeInstanceLock(path, owner, now);
    const { db, migration } = openDatabase(path, now);
    const writer = new Writer(given, db, lock);
    port.postMessage({ kind: "opened", migration } satisfies FromWriter, []);
    writer.listen();
  } catch (error) {
    lock?.release();
    port.postMessage({ kind: "refused", failure: toStoreError(error).toFailure() } satisfies FromWriter, []);
    port.close();
  }
}

start(workerData as WriterThreadArguments);
