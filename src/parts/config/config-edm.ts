/** The indexes of exact data match in postern.yaml: where each lies and the key it was made with. The index itself is read where it is used. */
import { absolutePath, readSecret } from "./config-files.ts";
import type { Files } from "./config-files.ts";
import type { ConfigText } from "./config-schema.ts";
import { edmKeyFault } from "./edm-key-fault.ts";
import { resolveReference } from "./secret.ts";
import type { Secret } from "./secret.ts";

export type EdmConfig = {
  /** As packs call it. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  readonly key: Secret;
};

export function readEdm(text: ConfigText, files: Files): readonly EdmConfig[] {
  return text.dlp.edm.map(({ name, file, key }, i) => {
    const path = ["dlp", "edm", i, "key"];
    const reading = resolveReference(key, files);
    const fault = reading.ok ? edmKeyFault(key, reading.bytes, files) : null;
    if (fault !== null) files.report.error(path, fault);
    return { name, file: absolutePath(file, files), key: readSecret(key, path, files) };
  });
}
