/** The key of an exact-data-match index as a command is told it: a reference, as in the configuration. */
import { edmKeyFault } from "../../parts/config/edm-key-fault.ts";
import { resolveReference, SECRET_REFERENCE } from "../../parts/config/secret.ts";
import { EdmKey } from "../../parts/edm/edm-hash.ts";
import { CliError } from "../cli-error.ts";
import { configEnvironment } from "../surroundings.ts";

const MAKE_ONE = "give a key of mode 0600, kept apart from the index; `postern keys new FILE` makes one.";

/** Throws CliError PST-EDM-006. A path is relative to where the command runs. */
export function requireEdmKey(reference: string): EdmKey {
  if (!SECRET_REFERENCE.test(reference)) {
    const next = "write file:PATH, credential:NAME or env:NAME, never the key itself.";
    throw new CliError("PST-EDM-006 --key is no reference", { next, exitCode: 2 });
  }
  const context = { environment: configEnvironment(), folder: process.cwd() };
  const reading = resolveReference(reference, context);
  const fault = reading.ok ? edmKeyFault(reference, reading.bytes, context) : reading.message;
  if (!reading.ok || fault !== null) throw new CliError(`PST-EDM-006 ${fault ?? ""}`, { next: MAKE_ONE });
  return new EdmKey(reading.bytes);
}
