/** What commands take from the machine: configuration path, user name, the state database beside a running or stopped service. */
import { accessSync, constants } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { nodeConfigEnvironment } from "../parts/config/config-environment.ts";
import { loadConfig, loadControlConfig, loadReadingConfig } from "../parts/config/config.ts";
import type { Config, ReadingConfig } from "../parts/config/config.ts";
import type { ConfigEnvironment } from "../parts/config/secret.ts";
import { formatYamlError } from "../parts/config/yaml-source.ts";
import type { YamlError } from "../parts/config/yaml-source.ts";
import { callControl, callForBytes } from "../parts/control/control-client.ts";
import type { ControlMethod, ControlRequest, ControlResult } from "../parts/control/control-protocol.ts";
import { FieldSealer } from "../parts/keys/field-sealer.ts";
import { KeyRing } from "../parts/keys/key-ring.ts";
import { openQueueReader } from "../parts/store/sqlite-queue-reader.ts";
import type { QueueReader } from "../parts/store/sqlite-queue-reader.ts";
import { REASON_CODES } from "../core/reason-codes.ts";
import { CliError } from "./cli-error.ts";

export const DEFAULT_CONFIG_PATH = "/etc/postern/postern.yaml";

/** For the largest message there is, to a slow disk. */
const BODY_TIMEOUT_MS = 600_000;
/** Shorter where the command has an answer without the service. */
const ANSWER_TIMEOUTS_MS: Partial<Record<ControlMethod, number>> = { "config.changes": 5_000 };
/** As in config-schema.ts. */
const DEFAULT_SOCKET_PATH = "/run/postern/control.sock";

/** Name of the state database within data_dir. */
export const DATABASE_NAME = "gateway.db";

/** --config, else $POSTERN_CONFIG, else the default. */
export function configPathOf(command: Command): string {
  const { config } = command.optsWithGlobals<{ readonly config?: string }>();
  return config ?? process.env["POSTERN_CONFIG"] ?? DEFAULT_CONFIG_PATH;
}

export function configEnvironment(): ConfigEnvironment {
  return nodeConfigEnvironment({ variables: process.env, hostname: hostname(), now: Date.now() });
}

/** Throws CliError with every error of the configuration; `onWarning` gets each warning as a line. */
export function requireConfig(path: string, onWarning: (line: string) => void): Config {
  const loading = loadConfig(path, configEnvironment());
  for (const warning of loading.warnings) onWarning(`warning: ${formatYamlError(warning)}`);
  if (!loading.ok) throw configErrors(path, loading.errors);
  return loading.config;
}

/** Of the configuration only what commands beside the service need. */
export function requireReadingConfig(command: Command): ReadingConfig {
  const path = configPathOf(command);
  const loading = loadReadingConfig(path, configEnvironment());
  if (!loading.ok) throw configErrors(path, loading.errors);
  return loading.config;
}

export function configErrors(path: string, errors: readonly YamlError[]): CliError {
  const count = errors.length === 1 ? "1 error" : `${errors.length} errors`;
  return new CliError(`PST-CFG-001 ${path} has ${count}`, {
    next: REASON_CODES["PST-CFG-001"].next,
    lines: errors.map(formatYamlError),
  });
}

/** Opens the database read-only for the time of `read`; works while the service runs and while it is down. */
export async function withQueueReader<T>(command: Command, read: (reader: QueueReader) => Promise<T>): Promise<T> {
  const { dataDir, addressKeys } = requireReadingConfig(command);
  const [present, ...before] = addressKeys;
  const keyRing = new KeyRing({
    addresses: { name: "keys.addresses", bytes: present.bytes() },
    previous: { addresses: before.map((key, i) => ({ name: `keys.previous.addresses.${i}`, bytes: key.bytes() })) },
  });
  const reader = openQueueReader({ path: join(dataDir, DATABASE_NAME), sealer: new FieldSealer(keyRing) });
  try {
    return await read(reader);
  } finally {
    reader.close();
  }
}

/** Asks the running service; the control socket proves who we are, and sudo says for whom. */
export async function askService<M extends Exclude<ControlMethod, "quarantine.body">>(
  command: Command,
  method: M,
  body: ControlRequest<M>,
): Promise<ControlResult<M>> {
  const { socket } = controlOf(command);
  const timeoutMs = ANSWER_TIMEOUTS_MS[method];
  const sudoUser = process.env["SUDO_USER"] ?? null;
  return callControl({ socketPath: socket, method, body, sudoUser, ...(timeoutMs !== undefined && { timeoutMs }) });
}

/** As askService, for the bytes of a message. */
export async function askForBody(
  command: Command,
  body: ControlRequest<"quarantine.body">,
  sink: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const { socket: socketPath } = controlOf(command);
  const sudoUser = process.env["SUDO_USER"] ?? null;
  await callForBytes({ socketPath, method: "quarantine.body", body, sudoUser, timeoutMs: BODY_TIMEOUT_MS }, sink);
}

/** Who may not read the configuration finds the socket by $POSTERN_SOCKET, or where the default has it. */
function controlOf(command: Command): { readonly socket: string } {
  const path = configPathOf(command);
  const loading = loadControlConfig(path, configEnvironment());
  if (!loading.ok) throw configErrors(path, loading.errors);
  return { socket: loading.socket ?? process.env["POSTERN_SOCKET"] ?? DEFAULT_SOCKET_PATH };
}

/** False where this user may not read configuration, key or database: then the service is asked, and the role decides. */
export function readsDatabase(command: Command): boolean {
  const loading = loadReadingConfig(configPathOf(command), configEnvironment());
  if (!loading.ok) return !isClosed(loading.errors);
  try {
    accessSync(join(loading.config.dataDir, DATABASE_NAME), constants.R_OK);
    return true;
  } catch (error) {
    // What is missing is said by whoever opens it; only what is closed to this user goes another way.
    return !(error instanceof Error && "code" in error && error.code === "EACCES");
  }
}

/** Something is closed to this user. */
export function isClosed(errors: readonly YamlError[]): boolean {
  return errors.some(({ message }) => message.includes("(EACCES)"));
}

/** Who acts in this process, without a service to prove it to: the user behind sudo where there is one. */
export function actorName(): string {
  const sudo = process.env["SUDO_USER"];
  const user = accountName();
  return (sudo === undefined || sudo === "" || user !== "root" ? user : `${sudo} (root)`).slice(0, 64);
}

/** A user without an account, as in a container, is named by number. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
