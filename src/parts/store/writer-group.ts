/**
 * Commits a group of requests in one transaction. Each request has its own savepoint, so that one which contradicts the
 * stored state fails alone; a disk error fails the whole group, because nothing of it is on disk. Promises: an answer is
 * given after the commit, never before; where one request asks for durability the commit is synced (WAL, FULL), and a
 * group without such a request may be lost by a power failure but never overtaken, since the WAL is one sequence and the next
 * sync covers all before it.
 */
import { reach } from "../../core/failpoint.ts";
import { failsGroup, latches, storeError, toStoreError } from "./sqlite-store-error.ts";
import type { StoreError } from "./sqlite-store-error.ts";
import type { ChainTip } from "./writer-audit.ts";
import type { WriterAnswer, WriterCall, WriterRequest } from "./writer-protocol.ts";

/** The transaction commands of the connection; a fault-injecting one is given in tests. */
export interface GroupConnection {
  readonly inTransaction: boolean;
  exec(sql: "BEGIN IMMEDIATE" | "COMMIT" | "ROLLBACK" | "SAVEPOINT one" | "ROLLBACK TO one" | "RELEASE one"): unknown;
  setSynchronous(level: "FULL" | "NORMAL"): void;
}

export interface GroupOperations {
  execute(call: WriterCall): unknown;
  readonly audit: { readonly head: ChainTip; rewind(head: ChainTip): void };
}

export class GroupCommitter {
  readonly #connection: GroupConnection;
  readonly #operations: GroupOperations;
  #synchronous: "FULL" | "NORMAL" = "FULL";
  #latched: StoreError | null = null;

  constructor(connection: GroupConnection, operations: GroupOperations) {
    this.#connection = connection;
    this.#operations = operations;
  }

  /** The error after which nothing more is taken, or null. */
  get latched(): StoreError | null {
    return this.#latched;
  }

  /** For errors met outside of a group, such as in a checkpoint. */
  latchOn(error: unknown): void {
    const failure = toStoreError(error);
    if (latches(failure)) this.#latched ??= failure;
  }

  run(requests: readonly WriterRequest[]): readonly WriterAnswer[] {
    if (this.#latched !== null) {
      return failAll(requests, storeError("PST-SPL-056", this.#latched.code, this.#latched));
    }
    const head = this.#operations.audit.head;
    try {
      this.#chooseSync(requests);
      this.#connection.exec("BEGIN IMMEDIATE");
      const answers = requests.map((request) => this.#answer(request));
      const isDurable = this.#synchronous === "FULL";
      if (isDurable) reach("store.before-commit");
      this.#connection.exec("COMMIT");
      if (isDurable) reach("store.after-commit");
      return answers;
    } catch (error) {
      this.#operations.audit.rewind(head);
      const failure = toStoreError(error);
      this.#rollBack();
      this.latchOn(failure);
      return failAll(requests, failure);
    }
  }

  #chooseSync(requests: readonly WriterRequest[]): void {
    const wanted = requests.some(({ isDurable }) => isDurable) ? "FULL" : "NORMAL";
    if (wanted === this.#synchronous) return;
    this.#connection.setSynchronous(wanted);
    this.#synchronous = wanted;
  }

  /** Throws only what fails the group. */
  #answer({ id, call }: WriterRequest): WriterAnswer {
    const head = this.#operations.audit.head;
    this.#connection.exec("SAVEPOINT one");
    try {
      const result = this.#operations.execute(call);
      this.#connection.exec("RELEASE one");
      return { id, kind: "done", result };
    } catch (error) {
      const failure = toStoreError(error);
      if (failsGroup(failure) || !this.#connection.inTransaction) throw failure;
      this.#connection.exec("ROLLBACK TO one");
      this.#connection.exec("RELEASE one");
      this.#operations.audit.rewind(head);
      return { id, kind: "failed", failure: failure.toFailure() };
    }
  }

  #rollBack(): void {
    try {
      if (this.#connection.inTransaction) this.#connection.exec("ROLLBACK");
    } catch (error) {
      // A transaction that cannot be rolled back leaves the connection unusable, whatever the code says.
      this.#latched ??= storeError("PST-SPL-055", "rollback failed", error);
    }
  }
}

function failAll(requests: readonly WriterRequest[], error: StoreError): readonly WriterAnswer[] {
  const failure = error.toFailure();
  return requests.map(({ id }) => ({ id, kind: "failed", failure }));
}
