/**
 * Loads postern.yaml: reads, checks, resolves secrets and paths, freezes.
 * Promises: a complete typed Config, or every error at once with its place; nothing is ever printed or repaired in
 * silence. Relative paths are taken from the folder of the file. Every opt-out set is listed in `allowed`, for the audit.
 * Stages never see a Config: main.ts hands each its own options.
 */
import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { Policy } from "../../core/policy.ts";
import type { Role, RoleMap, RoleMembers } from "../../core/roles.ts";
import { camelCased } from "./camel-case.ts";
import type { CamelCased } from "./camel-case.ts";
import { noteSignerOf, readAudit } from "./config-audit.ts";
import type { AuditConfig } from "./config-audit.ts";
import { readWebhook } from "./config-alerts.ts";
import type { WebhookConfig } from "./config-alerts.ts";
import { checkConfig } from "./config-checks.ts";
import { readPolicy, readSmarthosts } from "./config-destinations.ts";
import type { SmarthostConfig } from "./config-destinations.ts";
import { readEdm } from "./config-edm.ts";
import type { EdmConfig } from "./config-edm.ts";
import {
  absolutePath,
  findPack,
  optionalPath,
  readCaFile,
  readDkimKey,
  readKeys,
  readListenerTls,
  readSecret,
  readSecretOrLiteral,
} from "./config-files.ts";
import type { Files, RoleKeys } from "./config-files.ts";
import { ConfigReport } from "./config-report.ts";
import { configSchema } from "./config-schema.ts";
import type { ConfigText } from "./config-schema.ts";
import { readTlsReports } from "./config-tls-reports.ts";
import type { TlsReportsConfig } from "./config-tls-reports.ts";
import { errorCode, unreadable } from "./secret.ts";
import type { ConfigEnvironment, Secret } from "./secret.ts";
import { checkShape, inOrder } from "./yaml-document.ts";
import { readYaml } from "./yaml-source.ts";
import type { YamlError, YamlPath, YamlSource } from "./yaml-source.ts";

/** How a submitter proves which tenant it is. */
export type SubmitterProof =
  | { readonly kind: "auth"; readonly users: readonly { readonly name: string; readonly password: Secret }[] }
  | { readonly kind: "client-certificate"; readonly names: readonly string[] }
  | { readonly kind: "header"; readonly name: string; readonly value: Secret }
  | { readonly kind: "dkim"; readonly domains: readonly string[] }
  | { readonly kind: "own-network" };

export type Submitter = { readonly name: string; readonly networks: readonly string[]; readonly proof: SubmitterProof };

type Text = CamelCased<ConfigText>;

export type Config = {
  /** Absolute path of the file. */
  readonly path: string;
  /** SHA-256 of the file's bytes, for the audit. */
  readonly sha256: string;
  /** Opt-outs in force, as `delivery.allow_private_destinations`. */
  readonly allowed: readonly string[];
  readonly hostname: string;
  /** Marks mail that went through this gateway, to see loops. */
  readonly instanceId: string;
  readonly dataDir: string;
  /** Where mail for a bare `<postmaster>` goes. */
  readonly postmaster: string;
  readonly ownDomains: readonly string[];
  readonly listen: Omit<Text["listen"], "tls"> & {
    /** PEM texts; the certificate with its chain. */
    readonly tls: {
      readonly certificate: string;
      readonly key: Secret;
      readonly requestClientCertificate: boolean;
      /** PEM of the CAs client certificates must chain to; null: the public ones. */
      readonly clientCa: string | null;
    };
  };
  readonly submitters: readonly Submitter[];
  /** 256 bit key encryption keys. */
  readonly keys: RoleKeys;
  readonly dns: Text["dns"];
  readonly policy: Policy;
  /** Packs as absolute paths. */
  readonly dlp: Omit<Text["dlp"], "edm"> & { readonly edm: readonly EdmConfig[] };
  readonly mtaSts: { readonly port: number; readonly ca: string | null };
  readonly delivery: Omit<Text["delivery"], "tls" | "hostname" | "smarthosts"> & {
    readonly hostname: string;
    readonly smarthosts: readonly SmarthostConfig[];
    /** `ca`: PEM of CAs trusted beside the system's. */
    readonly tls: { readonly ca: string | null; readonly fipsOnly: boolean };
  };
  readonly hold: Text["hold"];
  readonly review: Text["review"];
  /** Without a port nothing listens. */
  readonly monitoring: Text["monitoring"];
  readonly alerts: Omit<Text["alerts"], "webhook"> & { readonly webhook: WebhookConfig | null };
  readonly tlsReports: TlsReportsConfig;
  readonly pressure: Text["pressure"];
  readonly dkim: readonly { readonly domain: string; readonly selector: string; readonly key: Secret }[];
  readonly stripHeaders: readonly string[];
  readonly log: Text["log"];
  /** `group`: whose members are let to the socket; null: nobody beside root and the service's user. */
  readonly control: { readonly socket: string; readonly group: string | number | null };
  readonly roles: RoleMap;
  readonly audit: AuditConfig;
  readonly retentionHours: number;
};

export type ConfigLoading =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly YamlError[] }
  | { readonly ok: false; readonly errors: readonly YamlError[]; readonly warnings: readonly YamlError[] };

/** Never throws for what the file says. `fileName` in errors is `path` as given. */
export function loadConfig(path: string, environment: ConfigEnvironment): ConfigLoading {
  const opened = openConfig(path, environment);
  if (!opened.ok) return { ok: false, errors: opened.errors, warnings: [] };
  const { source, bytes } = opened;
  const shape = readShape(source);
  const report = new ConfigReport(source, shape.broken);
  const files: Files = { environment, folder: dirname(resolve(path)), report };
  checkConfig({ text: shape.text, report, now: environment.now });
  const config = buildConfig(shape.text, files, { path: resolve(path), sha256: sha256Hex(bytes) });
  const errors = inOrder([...shape.errors, ...report.errors]);
  const warnings = inOrder(report.warnings);
  return errors.length === 0 ? { ok: true, config: deepFreeze(config), warnings } : { ok: false, errors, warnings };
}

/** What commands beside the service need; they work while another part of the file is being mended. */
export type ReadingConfig = Pick<Config, "dataDir"> & {
  readonly control: { readonly socket: string };
  /** The key that opens the rows, and those of before. */
  readonly addressKeys: readonly [Secret, ...Secret[]];
};

export type ReadingConfigLoading =
  { readonly ok: true; readonly config: ReadingConfig } | { readonly ok: false; readonly errors: readonly YamlError[] };

/** As loadConfig, but only errors of the options in ReadingConfig count. */
export function loadReadingConfig(path: string, environment: ConfigEnvironment): ReadingConfigLoading {
  const opened = openConfig(path, environment);
  if (!opened.ok) return opened;
  const { source } = opened;
  const { text, errors } = readShape(source);
  const report = new ConfigReport(source, []);
  const files: Files = { environment, folder: dirname(resolve(path)), report };
  const { addresses, previous } = text.keys;
  const addressKeys = [
    readSecret(addresses, ["keys", "addresses"], files),
    ...previous.addresses.map((old, i) => readSecret(old, ["keys", "previous", "addresses", i], files)),
  ] as const;
  const relevant = errors.filter(({ path: place }) => /^(?:data_dir|control|keys)\b/.test(place));
  const all = [...relevant, ...report.errors];
  const socket = absolutePath(text.control.socket, files);
  const config = { dataDir: absolutePath(text.data_dir, files), control: { socket }, addressKeys };
  return all.length === 0 ? { ok: true, config } : { ok: false, errors: inOrder(all) };
}

export type ControlConfigLoading =
  /** `socket` null: this user may not read the file. */
  { readonly ok: true; readonly socket: string | null } | { readonly ok: false; readonly errors: readonly YamlError[] };

/** As loadConfig, but only errors of `control` count, and no secret is read. */
export function loadControlConfig(path: string, environment: ConfigEnvironment): ControlConfigLoading {
  const opened = openConfig(path, environment);
  if (!opened.ok) return opened.isForbidden ? { ok: true, socket: null } : opened;
  const { text, errors } = readShape(opened.source);
  const relevant = errors.filter(({ path: place }) => /^control\b/.test(place));
  const report = new ConfigReport(opened.source, []);
  const socket = absolutePath(text.control.socket, { environment, folder: dirname(resolve(path)), report });
  return relevant.length === 0 ? { ok: true, socket } : { ok: false, errors: inOrder(relevant) };
}

export type AuditVerifiersLoading =
  | { readonly ok: true; readonly verifiers: readonly string[] }
  | { readonly ok: false; readonly errors: readonly YamlError[] };

/** Verifier lines of the keys this configuration trusts for the audit, its own first; empty: it names none. */
export function loadAuditVerifiers(path: string, environment: ConfigEnvironment): AuditVerifiersLoading {
  const opened = openConfig(path, environment);
  if (!opened.ok) return opened;
  const { text, errors } = readShape(opened.source);
  const report = new ConfigReport(opened.source, []);
  const files: Files = { environment, folder: dirname(resolve(path)), report };
  const audit = readAudit(text, readHostname(text, files) ?? "", files);
  const relevant = errors.filter(({ path: place }) => /^(?:audit|hostname|keys)\b/.test(place));
  const all = [...relevant, ...report.errors];
  if (all.length > 0) return { ok: false, errors: inOrder(all) };
  const own = noteSignerOf(audit);
  return { ok: true, verifiers: [...(own === null ? [] : [own.verifier]), ...audit.previousKeys] };
}

type Opening =
  | { readonly ok: true; readonly source: YamlSource; readonly bytes: Buffer }
  | { readonly ok: false; readonly errors: readonly YamlError[]; readonly isForbidden: boolean };

const NAME_ANOTHER = "name the right one with --config FILE or $POSTERN_CONFIG";

function openConfig(path: string, environment: ConfigEnvironment): Opening {
  let bytes: Buffer;
  try {
    bytes = environment.readFile(path);
  } catch (error) {
    const why = errorCode(error);
    const message = why === "ENOENT" ? `there is no such file; ${NAME_ANOTHER}` : unreadable(why);
    const isForbidden = why === "EACCES";
    return { ok: false, errors: [{ file: path, line: 1, column: 1, path: "", message }], isForbidden };
  }
  const reading = readYaml(bytes.toString("utf8"), path);
  return reading.ok ? { ok: true, source: reading.source, bytes } : { ...reading, isForbidden: false };
}

type Shape = {
  readonly text: ConfigText;
  readonly errors: readonly YamlError[];
  readonly broken: readonly YamlPath[];
};

/** Where an option is broken its default stands in, so that all others are still checked in the same run. */
function readShape(source: YamlSource): Shape {
  const value = withoutNothing(source.value);
  const whole = checkShape(source, configSchema, value);
  if (whole.ok) return { text: whole.value, errors: [], broken: [] };
  // Taking one entry out of a list would shift the places of the others, so the whole list goes.
  const broken = whole.paths.map(beforeFirstList);
  const sound = configSchema.safeParse({ ...without(value, broken), version: 1 });
  return {
    text: sound.data ?? configSchema.parse({ version: 1 }),
    errors: whole.errors,
    broken: sound.success ? broken : [[]],
  };
}

function beforeFirstList(path: YamlPath): YamlPath {
  const index = path.findIndex((segment) => typeof segment === "number");
  return index === -1 ? path : path.slice(0, index);
}

function without(value: unknown, paths: readonly YamlPath[]): object {
  const copy: unknown = structuredClone(value);
  for (const path of paths) {
    let parent: unknown = copy;
    for (const segment of path.slice(0, -1)) parent = isMapping(parent) ? parent[segment] : undefined;
    const last = path.at(-1);
    if (isMapping(parent) && last !== undefined) delete parent[last];
  }
  return isMapping(copy) ? copy : {};
}

function isMapping(value: unknown): value is Record<string | number, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A key with nothing behind it keeps its default. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== "object" || value === null) return value;
  const filled = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(filled.map(([key, inner]) => [key, withoutNothing(inner)]));
}

function buildConfig(text: ConfigText, files: Files, origin: Pick<Config, "path" | "sha256">): Config {
  const plain = camelCased(text);
  const named = readHostname(text, files);
  const hostname = named ?? "localhost.invalid";
  const postmaster = text.postmaster ?? `postmaster@${text.own_domains[0] ?? hostname}`;
  const { certificate, key } = readListenerTls(text.listen.tls, { hostname: named }, files);
  return {
    ...origin,
    allowed: optOuts(text),
    hostname,
    instanceId: text.instance_id ?? `p${sha256Hex(Buffer.from(hostname)).slice(0, 12)}`,
    dataDir: absolutePath(text.data_dir, files),
    postmaster,
    ownDomains: text.own_domains,
    listen: {
      ...plain.listen,
      tls: {
        certificate,
        key,
        requestClientCertificate: text.listen.tls.request_client_certificate,
        clientCa: readCaFile(text.listen.tls.client_ca_file, ["listen", "tls", "client_ca_file"], files),
      },
    },
    submitters: text.submitters.map((entry, i) =>
      readSubmitter(entry, { index: i, ownDomains: text.own_domains }, files),
    ),
    keys: readKeys(text.keys, files),
    dns: plain.dns,
    policy: readPolicy(text, files),
    dlp: {
      ...plain.dlp,
      ocr: { ...plain.dlp.ocr, dataDir: optionalPath(text.dlp.ocr.data_dir, files) },
      packs: text.dlp.packs.map((pack, i) => findPack(pack, ["dlp", "packs", i], files)),
      edm: readEdm(text, files),
    },
    delivery: {
      ...plain.delivery,
      hostname: text.delivery.hostname ?? hostname,
      smarthosts: readSmarthosts(text, files),
      tls: {
        ca: readCaFile(text.delivery.tls.ca_file, ["delivery", "tls", "ca_file"], files),
        fipsOnly: text.delivery.tls.fips_only,
      },
    },
    mtaSts: { port: text.mta_sts.port, ca: readCaFile(text.mta_sts.ca_file, ["mta_sts", "ca_file"], files) },
    hold: plain.hold,
    review: plain.review,
    monitoring: plain.monitoring,
    alerts: { ...plain.alerts, webhook: readWebhook(text.alerts.webhook, files) },
    tlsReports: readTlsReports(text, { hostname, postmaster }),
    pressure: plain.pressure,
    dkim: text.dkim.map((entry, i) => ({ ...entry, key: readDkimKey(entry.key, ["dkim", i, "key"], files) })),
    stripHeaders: text.strip_headers,
    log: plain.log,
    control: { socket: absolutePath(text.control.socket, files), group: text.control.group ?? null },
    roles: readRoles(text),
    audit: readAudit(text, hostname, files),
    retentionHours: text.retention_hours,
  };
}

function readHostname(text: ConfigText, { environment, report }: Files): string | null {
  if (text.hostname !== undefined) return text.hostname;
  const own = environment.hostname.toLowerCase();
  if (configSchema.shape.hostname.safeParse(own).success) return own;
  report.error(["hostname"], "this machine has no fully qualified name; set the name the gateway has in DNS");
  return null;
}

function readSubmitter(
  entry: ConfigText["submitters"][number],
  facts: { readonly index: number; readonly ownDomains: readonly string[] },
  files: Files,
): Submitter {
  const path = ["submitters", facts.index, "proof"];
  const { auth, client_certificate: certificate, header, dkim } = entry.proof;
  const named = (proof: SubmitterProof): Submitter => ({ name: entry.name, networks: entry.networks, proof });
  if (auth !== undefined) {
    const users = auth.users.map((user, i) => ({
      name: user.name,
      password: readSecret(user.password, [...path, "auth", "users", i, "password"], files),
    }));
    return named({ kind: "auth", users });
  }
  if (certificate !== undefined) return named({ kind: "client-certificate", names: certificate.names });
  if (header !== undefined) {
    const value = readSecretOrLiteral(header.value, [...path, "header", "value"], files);
    return named({ kind: "header", name: header.name, value });
  }
  if (dkim !== undefined) return named({ kind: "dkim", domains: dkim.domains ?? facts.ownDomains });
  return named({ kind: "own-network" });
}

/** Entries of one role add up. */
function readRoles({ roles }: ConfigText): RoleMap {
  const map: { [R in Role]?: RoleMembers } = {};
  for (const { role, users, groups } of roles) {
    const before = map[role];
    map[role] = { users: [...(before?.users ?? []), ...users], groups: [...(before?.groups ?? []), ...groups] };
  }
  return map;
}

function optOuts(text: ConfigText): readonly string[] {
  const withoutSts = text.policy.destinations.flatMap(({ match, tls }) => (tls?.ignore_mta_sts ? [match] : []));
  const lowered = text.policy.destinations.flatMap((rule) => (rule.lower_to ? [rule.match] : []));
  return [
    ...(text.delivery.allow_private_destinations ? ["delivery.allow_private_destinations"] : []),
    ...(text.dns.trust_ad === "always" ? ["dns.trust_ad: always"] : []),
    ...(text.monitoring.allow_remote ? ["monitoring.allow_remote"] : []),
    ...text.listen.plaintext_networks.map((network) => `listen.plaintext_networks: ${network}`),
    ...(text.dlp.packs.length === 0 ? ["dlp.packs is empty: nothing looks for PHI"] : []),
    ...(text.dlp.waiver.subject_tags.length > 0 ? [`dlp.waiver (senders: ${text.dlp.waiver.senders.length})`] : []),
    ...lowered.map((match) => `policy.destinations.lower_to: ${match}`),
    ...withoutSts.map((match) => `policy.destinations.tls.ignore_mta_sts: ${match}`),
  ];
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
