/** What all peers of a run share: a folder on a real disk, one certificate authority, one DKIM key. */
import { mkdirSync, mkdtempSync, rmSync, chmodSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { dkimKeyPem } from "./mails.ts";

const DAY_MS = 86_400_000;
/** f_type of tmpfs and ramfs: what is synced there was never on a disk. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x0102_1994, 0x8584_58f6];

export type Site = {
  /** Everything of this run; others may walk through, because Postfix's users must. */
  readonly folder: string;
  readonly caPath: string;
  /** P-256, for 127.0.0.1 and localhost. */
  readonly certPath: string;
  readonly keyPath: string;
  readonly dkimKeyPath: string;
  /** An empty folder for one start of one peer. */
  newFolder(name: string): string;
  remove(): void;
};

export async function openSite(parent: string): Promise<Site> {
  mkdirSync(parent, { recursive: true });
  if (MEMORY_FILE_SYSTEMS.includes(statfsSync(parent).type)) {
    throw new Error(`${parent} lies in memory, where a sync costs nothing; name a folder on a disk with --folder`);
  }
  const folder = mkdtempSync(join(parent, "postern-bench-"));
  chmodSync(folder, 0o755);
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 30 * DAY_MS };
  const authority = await issueAuthority({ ...validity, commonName: "Benchmark CA" });
  const server = await issueServerCertificate({
    ...validity,
    commonName: "localhost",
    dnsNames: ["localhost", "gateway.clinic.test"],
    ipAddresses: ["127.0.0.1"],
    issuer: authority,
  });
  const write = (name: string, text: string, mode: number): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  let folders = 0;
  return {
    folder,
    caPath: write("ca.pem", authority.certPem, 0o644),
    certPath: write("server.pem", server.certPem, 0o644),
    keyPath: write("server.key", server.keyPem, 0o600),
    dkimKeyPath: write("dkim.pem", dkimKeyPem(), 0o600),
    newFolder(name) {
      folders += 1;
      const path = join(folder, `${folders}-${name}`);
      mkdirSync(path, { mode: 0o755 });
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
