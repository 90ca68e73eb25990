/** What the demo looks at when all rows are there: who saw PHI, whether the audit chain is whole, how many reports went out. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { verifyChain } from "../../stages/audit/verify.ts";
import { OWN_DOMAIN } from "../loopback/gateway-folder.ts";
import type { DemoGateway } from "./demo-gateway.ts";
import { mxOf, TRUSTED_SERVERS } from "./demo-internet.ts";
import type { SampleMail } from "./sample-mails.ts";

export type Checks = {
  /** Where a number of a protected mail was seen that must not be seen there; empty: nowhere. */
  readonly leaks: readonly string[];
  readonly auditRows: number;
  readonly auditFaults: number;
  /** Failure reports and notices that reached the senders' own server. */
  readonly reports: number;
};

export async function checkDemo(gateway: DemoGateway, folder: string, mails: readonly SampleMail[]): Promise<Checks> {
  const canaries = mails.flatMap(({ canary }) => canary ?? []);
  const { rows, faults } = await verifyChain(gateway.postern.store);
  return {
    leaks: [...leakyServers(gateway, canaries), ...leakyFiles(folder, canaries)],
    auditRows: rows,
    auditFaults: faults.length,
    reports: gateway.internet.servers.get(mxOf(OWN_DOMAIN))?.transactions.length ?? 0,
  };
}

/** In the clear nobody may see one; under TLS only servers whose certificate is verified. */
function leakyServers({ internet }: DemoGateway, canaries: readonly string[]): readonly string[] {
  return [...internet.servers].flatMap(([name, server]) => {
    const bytes = TRUSTED_SERVERS.includes(name) ? server.plaintextSeen : server.allSeen;
    return hasAny(bytes, canaries) ? [name] : [];
  });
}

/** Log, database and spool. */
function leakyFiles(folder: string, canaries: readonly string[]): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && hasAny(readFileSync(path), canaries));
}

function hasAny(bytes: Buffer, canaries: readonly string[]): boolean {
  return canaries.some((canary) => bytes.includes(canary));
}
