/**
 * Commits a group of requests in one transaction. A request that contradicts the stored state fails alone: the group is then
 * undone and carried out again with a savepoint around each, which is dear and therefore not done at once. A disk error fails the
 * whole group, because nothing of it is on disk. Promises: an answer is given after the commit, never before; where one request
 * asks for durability the commit is synced (WAL, FULL), and a group without such a request may be lost by a power failure but
 * never overtaken, since the WAL is one sequence and the next sync covers all before it.
 */
import { reach } from "../../core/failpoint.ts";
import { failsGroup, latches, storeError, toStoreError } from "./sqlite-store-error.ts";
import type { StoreError } from "./sqlite-store-error.ts";
import type { ChainTip } from "./writer-audit.ts";
import { isRead } from "./writer-protocol.ts";
import type { WriterAnswer, WriterCall, WriterRequest } from "./writer-protocol.ts";

export const TRANSACTION_COMMANDS = [
  "BEGIN",
  "BEGIN IMMEDIATE",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT one",
  "ROLLBACK TO one",
  "RELEASE one",
] as const;

/** The transaction commands of the connection; a fault-injecting one is given in tests. */
export interface GroupConnection {
  readonly inTransaction: boolean;
  exec(sql: (typeof TRANSACTION_COMMANDS)[number]): unknown;
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
    try {
      return this.#commit(requests, (request) => this.#carryOut(request));
    } catch (error) {
      const failure = toStoreError(error);
      const isAlone = requests.length === 1;
      if (isAlone || failsGroup(failure) || this.#latched !== null) return failAll(requests, failure);
    }
    try {
      return this.#commit(requests, (request) => this.#carryOutApart(request));
    } catch (error) {
      return failAll(requests, toStoreError(error));
    }
  }

  /** In one transaction. Throws what an answer or the commit threw; nothing is written then. */
  #commit(
    requests: readonly WriterRequest[],
    answer: (request: WriterRequest) => WriterAnswer,
  ): readonly WriterAnswer[] {
    const { head } = this.#operations.audit;
    const isDurable = requests.some((request) => request.isDurable);
    const isReading = !isDurable && requests.every(({ call }) => isRead(call));
    try {
      if (!isReading) this.#sync(isDurable ? "FULL" : "NORMAL");
      this.#connection.exec(isReading ? "BEGIN" : "BEGIN IMMEDIATE");
      const answers = requests.map(answer);
      if (isDurable) reach("store.before-commit");
      this.#connection.exec("COMMIT");
      if (isDurable) reach("store.after-commit");
      return answers;
    } catch (error) {
      this.#operations.audit.rewind(head);
      this.#rollBack();
      this.latchOn(error);
      throw error;
    }
  }

  #sync(level: "FULL" | "NORMAL"): void {
    if (level === this.#synchronous) return;
    this.#connection.setSynchronous(level);
    this.#synchronous = level;
  }

  #carryOut({ id, call }: WriterRequest): WriterAnswer {
    return { id, kind: "done", result: this.#operations.execute(call) };
  }

  /** Throws only what fails the group. */
  #carryOutApart(request: WriterRequest): WriterAnswer {
    const { head } = this.#operations.audit;
    this.#connection.exec("SAVEPOINT one");
    try {
      const answer = this.#carryOut(request);
      this.#connection.exec("RELEASE one");
      return answer;
    } catch (error) {
      const failure = toStoreError(error);
      if (failsGroup(failure) || !this.#connection.inTransaction) throw failure;
      this.#connection.exec("ROLLBACK TO one");
      this.#connection.exec("RELEASE one");
      this.#operations.audit.rewind(head);
      return { id: request.id, kind: "failed", failure: failure.toFailure() };
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
