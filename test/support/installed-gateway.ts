/**
 * The packaged gateway in a throw-away root: configured as an operator does it, and run by the command line, the user and the
 * credentials its unit names, behind sockets that systemd-socket-activate holds.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import type { Internet } from "../../src/cli/loopback/internet.ts";
import { ActivatedGateway } from "./activated-gateway.ts";
import type { ThrowawayRoot } from "./throwaway-root.ts";

const UNIT = "usr/lib/systemd/system/postern.service";
const CREDENTIALS = "/run/credentials/postern.service";

/** Certificate, key and a postern.yaml for the loopback internet; data, keys and socket stay where the package has them. */
export async function configure(
  root: ThrowawayRoot,
  internet: Internet,
  changes: Readonly<Record<string, unknown>>,
): Promise<void> {
  const draft = mkdtempSync(join(tmpdir(), "postern-draft-"));
  const { configPath } = await writeGatewayFolder(draft, internet, { packs: ["dlp/us-hipaa.yaml"], changes });
  const config = JSON.parse(readFileSync(configPath, "utf8")) as Record<string, Record<string, unknown>>;
  delete config["data_dir"];
  delete config["control"];
  config["keys"] = { spool: "credential:spool.key", addresses: "credential:addresses.key" };
  config["listen"] = { tls: { certificate: "file:certs/smtp.pem", key: "file:certs/smtp.key" } };
  writeFileSync(root.path("etc/postern/postern.yaml"), JSON.stringify(config, null, 2));
  copyFileSync(join(draft, "ca.pem"), root.path("etc/postern/ca.pem"));
  copyFileSync(join(draft, "smtp.pem"), root.path("etc/postern/certs/smtp.pem"));
  copyFileSync(join(draft, "keys/smtp.key"), root.path("etc/postern/certs/smtp.key"));
  chownSync(root.path("etc/postern/certs/smtp.key"), 0, root.userId("postern"));
  chmodSync(root.path("etc/postern/certs/smtp.key"), 0o640);
  rmSync(draft, { recursive: true });
}

/** Starts what the unit's ExecStart= says, with a copy of what its LoadCredential= lines name. */
export async function serveInstalled(root: ThrowawayRoot, ports: readonly number[]): Promise<ActivatedGateway> {
  const unit = readFileSync(root.path(UNIT), "utf8");
  const command = /^ExecStart=(.+)$/m.exec(unit)?.[1]?.split(" ") ?? [];
  const user = root.userId(/^User=(.+)$/m.exec(unit)?.[1] ?? "");
  rmSync(root.path(CREDENTIALS), { recursive: true, force: true });
  mkdirSync(root.path(CREDENTIALS), { recursive: true });
  for (const [, name = "", from = ""] of unit.matchAll(/^LoadCredential=([^:]+):(.+)$/gm)) {
    const to = root.path(join(CREDENTIALS, name));
    cpSync(root.path(from), to);
    chownSync(to, user, user);
    chmodSync(to, 0o400);
  }
  chownSync(root.path(CREDENTIALS), user, user);
  return ActivatedGateway.open({
    listen: ports.map((port) => `127.0.0.1:${port}`),
    variables: { CREDENTIALS_DIRECTORY: CREDENTIALS, PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
    command: ["chroot", `--userspec=${user}:${user}`, "--groups=", root.folder, ...command],
  });
}
