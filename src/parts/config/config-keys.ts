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

/** `["delivery", "tls", "ca"]` is `delivery.tls.ca_file`. Of what has no key of its own it names the section. */
export function fileKeyOf(path: readonly string[]): string {
  const elsewhere = ELSEWHERE[path.join(".")];
  if (elsewhere !== undefined) return elsewhere;
  const keys: string[] = [];
  let section: unknown = configJsonSchema();
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
