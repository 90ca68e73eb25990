/**
 * The one thread that writes the state database. Takes whatever waits, commits it as one group, answers, and only then
 * looks for more: requests that arrive while a commit runs become the next group, and a lone request never waits for a
 * timer. Checkpoints run between groups, after the answers went out.
 */
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import type { Database, Statement } from "better-sqlite3";
import { reach } from "../../core/failpoint.ts";
import { armFailpoints } from "../failpoint/arm-failpoints.ts";
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
/** Requests between two looks at how many rows have changed. */
const CHECKPOINT_REQUESTS = 32;

class Writer {
  readonly #port: MessagePort;
  readonly #db: Database;
  readonly #lock: InstanceLock;
  readonly #group: GroupCommitter;
  readonly #changes: Statement;
  #changesAtCheckpoint = 0;
  #unchecked = 0;
  #toldUnhealthy = false;

  constructor(port: MessagePort, db: Database, lock: InstanceLock) {
    this.#port = port;
    this.#db = db;
    this.#lock = lock;
    this.#changes = db.prepare("SELECT total_changes()").pluck();
    this.#group = new GroupCommitter(connectionOf(db), new WriterOperations(db));
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
    if (isClosing) this.#close();
  }

  #commit(requests: readonly WriterRequest[]): void {
    this.#say({ kind: "answers", answers: this.#group.run(requests) });
    this.#unchecked += requests.length;
    if (this.#unchecked >= CHECKPOINT_REQUESTS) this.#checkpoint();
    const latched = this.#group.latched;
    if (latched !== null && !this.#toldUnhealthy) {
      this.#toldUnhealthy = true;
      this.#say({ kind: "unhealthy", failure: latched.toFailure() });
    }
  }

  #checkpoint(): void {
    this.#unchecked = 0;
    if (this.#group.latched !== null) return;
    try {
      const changes = Number(this.#changes.get());
      if (changes - this.#changesAtCheckpoint < CHECKPOINT_ROWS) return;
      this.#changesAtCheckpoint = changes;
      this.#moveWal("PASSIVE");
    } catch (error) {
      this.#group.latchOn(error);
    }
  }

  #moveWal(mode: "PASSIVE" | "TRUNCATE"): void {
    reach("store.before-checkpoint");
    this.#db.pragma(`wal_checkpoint(${mode})`);
    reach("store.after-checkpoint");
  }

  #close(): void {
    try {
      if (this.#group.latched === null) this.#moveWal("TRUNCATE");
    } catch (error) {
      // What was acknowledged lies in the WAL; the next start reads it from there.
      this.#group.latchOn(error);
    }
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

function start({ path, owner, now, port, failpoints }: WriterThreadArguments): void {
  if (failpoints.length > 0) armFailpoints(failpoints);
  let lock: InstanceLock | null = null;
  try {
    lock = takeInstanceLock(path, owner, now);
    const { db, migration } = openDatabase(path, now);
    const writer = new Writer(port, db, lock);
    port.postMessage({ kind: "opened", migration } satisfies FromWriter, []);
    writer.listen();
  } catch (error) {
    lock?.release();
    port.postMessage({ kind: "refused", failure: toStoreError(error).toFailure() } satisfies FromWriter, []);
    port.close();
  }
}

start(workerData as WriterThreadArguments);
