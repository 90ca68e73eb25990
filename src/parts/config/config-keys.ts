/** What a value of the configuration is called in postern.yaml. Pure. */
import { configJsonSchema } from "./config-schema.ts";

/** Read into another place than the file has it in. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "audit.key": "keys.audit",
  "audit.keyName": "hostname",
  "policy.keepProvenMs": "policy.downgrade.keep_hours",
  "policy.requireTls": "policy.requiretls",
  "policy.waiver": "dlp.waiver",
};

/** Each once; `["delivery", "tls", "ca"]` is `delivery.tls.ca_file`. Of what has no key of its own the section is named. */
export function fileKeysOf(paths: readonly (readonly string[])[]): readonly string[] {
  // Made once: it takes milliseconds.
  const schema = configJsonSchema();
  const keys = paths.map((path) => ELSEWHERE[path.join(".")] ?? keyIn(schema, path));
  return [...new Set(keys)].toSorted();
}

function keyIn(schema: unknown, path: readonly string[]): string {
  const keys: string[] = [];
  let section = schema;
  for (const name of path) {
    const own = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const key = [own, `${own}_file`].find((each) => propertyOf(section, each) !== undefined);
    if (key === undefined) break;
    keys.push(key);
    section = propertyOf(section, key);
  }
  return keys.join(".");
}

function propertyOf(schema: unknown, key: string): unknown {
  const { properties } = schema as { readonly properties?: Readonly<Record<string, unknown>> };
  return properties?.[key];
}
