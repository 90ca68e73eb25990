/**
 * The TXT record at `_mta-sts.DOMAIN` (RFC 8461 section 3.1): it says that there is a policy, and by its id when there is another one.
 * Promises: the id of the one record that is well-formed, else null; two records of this version count as none.
 */
import { trimBlanks } from "../../core/trim-letters.ts";

const VERSION = /^v=STSv1[ \t]*;/;
const ID = /^id=([A-Za-z0-9]{1,32})$/;
const EXTENSION = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+$/;

/** `records`: each with its strings joined without blanks. */
export function readStsRecord(records: readonly string[]): string | null {
  const [record, another] = records.filter((text) => VERSION.test(text));
  return record === undefined || another !== undefined ? null : idOf(record);
}

function idOf(record: string): string | null {
  const [, ...fields] = record.split(";").map(trimBlanks);
  if (fields.at(-1) === "") fields.pop();
  if (fields.some((field) => !ID.test(field) && !EXTENSION.test(field))) return null;
  const ids = fields.flatMap((field) => ID.exec(field)?.[1] ?? []);
  return ids[0] ?? null;
}
