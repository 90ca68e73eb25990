/** What is wrong with the key of an exact-data-match index: whoever has it and the index can try out every SSN there is. */
import { resolve } from "node:path";
import { EdmKey, KEY_BYTES_MIN } from "../edm/edm-hash.ts";
import type { ReferenceContext } from "./secret.ts";

const GROUP_AND_OTHERS_MASK = 0o077;

/** null: nothing is. `bytes`: what the reference holds. */
export function edmKeyFault(
  reference: string,
  bytes: Uint8Array,
  { environment, folder }: ReferenceContext,
): string | null {
  if (reference.startsWith("file:")) {
    const path = resolve(folder, reference.slice("file:".length));
    if ((environment.fileMode(path) & GROUP_AND_OTHERS_MASK) !== 0) {
      return `${path} is open to others than its owner; run: chmod 0600 ${path}`;
    }
  }
  return new EdmKey(bytes).isLongEnough ? null : `the key is shorter than ${KEY_BYTES_MIN} bytes`;
}
