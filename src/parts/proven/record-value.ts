/** How a record is written down and read again. Promises: what has another shape, as of a newer version, throws with PST-DEC-021. */
import { RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import type { DomainRecord } from "./record.ts";

type Value = { readonly rung: Rung; readonly fall: DomainRecord["fall"]; readonly weak: DomainRecord["weak"] };

export class UnreadableRecord extends Error {
  override readonly name = "UnreadableRecord";
  readonly code = "PST-DEC-021";
}

export function recordValue({ rung, fall, weak }: DomainRecord): Value {
  return { rung, fall, weak };
}

export function readRecord(value: unknown): DomainRecord {
  if (!isObject(value) || !isRung(value["rung"]) || !Array.isArray(value["weak"])) throw new UnreadableRecord();
  const { rung, fall, weak } = value as { rung: Rung; fall: unknown; weak: readonly unknown[] };
  const servers = weak.filter(isWeakServer);
  if (servers.length < weak.length) throw new UnreadableRecord();
  return { rung, fall: readFall(fall), weak: servers };
}

function readFall(fall: unknown): DomainRecord["fall"] {
  if (fall === null) return null;
  if (!isObject(fall)) throw new UnreadableRecord();
  const { to, at, host, isTold } = fall;
  if (!isRung(to) || typeof at !== "number" || typeof host !== "string" || typeof isTold !== "boolean") {
    throw new UnreadableRecord();
  }
  return { to, at, host, isTold };
}

function isWeakServer(value: unknown): value is DomainRecord["weak"][number] {
  return (
    isObject(value) && isRung(value["rung"]) && typeof value["host"] === "string" && typeof value["at"] === "number"
  );
}

function isRung(value: unknown): value is Rung {
  return RUNGS.some((rung) => rung === value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
