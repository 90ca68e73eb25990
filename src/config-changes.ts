/** What a new configuration changes: what of it a reload takes over, and what waits for a restart. Pure. */
import type { Config } from "./parts/config/config.ts";
import { fileKeysOf } from "./parts/config/config-keys.ts";
import { Secret } from "./parts/config/secret.ts";

/** Keys of the file, as `delivery.retry.lifetime_hours`. */
export type ConfigChanges = { readonly reload: readonly string[]; readonly restart: readonly string[] };

/** Taken over by a reload as a whole. */
const RELOADED = ["policy", "dlp", "dkim", "keys", "roles", "review", "alerts", "retentionHours"] as const;
/** Facts about the file. */
const ABOUT: readonly string[] = ["path", "sha256", "allowed"];
/** Of sections that a reload takes over otherwise. */
const AT_START: readonly string[] = [
  "listen.tls.requestClientCertificate",
  "audit.key",
  "audit.keyName",
  "audit.previousKeys",
];

/** The running configuration with what a reload takes over of the next. */
export function reloaded(running: Config, next: Config): Config {
  const { path, sha256, allowed } = next;
  const taken = Object.fromEntries(RELOADED.map((name) => [name, next[name]])) as Pick<
    Config,
    (typeof RELOADED)[number]
  >;
  const { key, keyName, previousKeys } = running.audit;
  const { requestClientCertificate } = running.listen.tls;
  return {
    ...running,
    ...taken,
    listen: { ...running.listen, tls: { ...next.listen.tls, requestClientCertificate } },
    audit: { ...next.audit, key, keyName, previousKeys },
    path,
    sha256,
    allowed,
  };
}

export function changesOf(running: Config, next: Config): ConfigChanges {
  const paths = differences(running, next, []).filter(([first = ""]) => !ABOUT.includes(first));
  const { reload = [], restart = [] } = Object.groupBy(paths, (path) => (isTakenByReload(path) ? "reload" : "restart"));
  return { reload: fileKeysOf(reload), restart: fileKeysOf(restart) };
}

function isTakenByReload(path: readonly string[]): boolean {
  const [section = "", part] = path;
  if (AT_START.includes(path.join("."))) return false;
  return RELOADED.some((name) => name === section) || section === "audit" || (section === "listen" && part === "tls");
}

/** The smallest sections that differ; lists count as a whole. */
function differences(before: unknown, after: unknown, at: readonly string[]): readonly (readonly string[])[] {
  if (isSameSection(before, after)) return [];
  if (!isSection(before) || !isSection(after)) return [at];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => differences(before[name], after[name], [...at, name]));
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}

export function isSameSection(before: unknown, after: unknown): boolean {
  return fingerprint(before) === fingerprint(after);
}

/** A secret counts by its bytes, not by where it is kept. */
function fingerprint(section: unknown): string {
  const plain = (value: unknown): unknown => {
    if (value instanceof Secret) return value.text();
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  };
  return JSON.stringify(plain(section)) ?? "";
}
