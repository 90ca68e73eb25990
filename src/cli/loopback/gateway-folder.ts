/**
 * A complete gateway configuration in a folder of its own: keys, certificate, CA, rule packs and postern.yaml, for a gateway
 * that faces the loopback internet. Used by the demo and the tests; `postern.yaml` there is ordinary and can be edited.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Internet } from "./internet.ts";

export const GATEWAY_NAME = "gateway.clinic.test";
export const OWN_DOMAIN = "clinic.test";

export type GatewayFolder = { readonly folder: string; readonly configPath: string };

type Tree = { readonly [key: string]: unknown };

/** `changes` are laid over the configuration, mapping by mapping; `packs` are absolute paths. */
export async function writeGatewayFolder(
  folder: string,
  internet: Internet,
  options: { readonly packs: readonly string[]; readonly changes?: Tree; readonly port?: number },
): Promise<GatewayFolder> {
  mkdirSync(join(folder, "keys"), { recursive: true, mode: 0o700 });
  const certificate = await internet.issue(GATEWAY_NAME);
  writePrivate(join(folder, "keys", "spool.key"), randomBytes(32).toString("hex"));
  writePrivate(join(folder, "keys", "addresses.key"), randomBytes(32).toString("hex"));
  writePrivate(join(folder, "keys", "audit.key"), randomBytes(32).toString("hex"));
  writePrivate(join(folder, "keys", "smtp.key"), certificate.keyPem);
  writeFileSync(join(folder, "smtp.pem"), certificate.certPem);
  writeFileSync(join(folder, "ca.pem"), internet.ca);
  const config = merged(baseConfig(internet, options), options.changes ?? {});
  const configPath = join(folder, "postern.yaml");
  // JSON is YAML 1.2, and needs no quoting rules of its own.
  writeFileSync(configPath, `${JSON.stringify(config, null, 2)}\n`);
  return { folder, configPath };
}

function baseConfig(internet: Internet, options: { readonly packs: readonly string[]; readonly port?: number }): Tree {
  return {
    version: 1,
    hostname: GATEWAY_NAME,
    data_dir: "data",
    own_domains: [OWN_DOMAIN],
    listen: {
      address: "127.0.0.1",
      port: options.port ?? 2525,
      tls: { certificate: "file:smtp.pem", key: "file:keys/smtp.key" },
    },
    submitters: [{ name: "local", networks: ["127.0.0.0/8"], proof: { own_network: true } }],
    keys: { spool: "file:keys/spool.key", addresses: "file:keys/addresses.key", audit: "file:keys/audit.key" },
    dns: { servers: [internet.dns.address], timeout_ms: 500, retries: 1, trust_ad: "never" },
    dlp: { packs: options.packs },
    delivery: { port: internet.port, tls: { ca_file: "ca.pem" }, allow_private_destinations: true },
    // A machine for trying things out may be nearly full.
    pressure: { disk_free_percent_min: 0, disk_free_bytes_min: 67_108_864, inodes_free_percent_min: 0 },
    log: { level: "info" },
    control: { socket: "control.sock" },
  };
}

function merged(base: Tree, changes: Tree): Tree {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const before = result[key];
    result[key] = isTree(before) && isTree(value) ? merged(before, value) : value;
  }
  return result;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function writePrivate(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
}
