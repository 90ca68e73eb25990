/**
 * Reads the whole state database, table by table, on a thread and a connection of its own, and says which tables are damaged.
 * Promises never to write, lock or hold one read transaction over more than a table; between tables it can be ended.
 */
import { parentPort, workerData } from "node:worker_threads";
import { connect } from "./sqlite-database.ts";

export type CheckArguments = { readonly path: string };

const { path } = workerData as CheckArguments;
const db = connect(path, { readonly: true });
const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
const damaged = tables.filter((table) => db.pragma(`quick_check('${table}')`, { simple: true }) !== "ok");
db.close();
parentPort?.postMessage(damaged, []);
