/**
 * Our judgement of chains beside OpenSSL's own DANE, on real handshakes. Promises: what we take OpenSSL takes too; where we refuse what it
 * takes, the reason is written down here.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startMxServer } from "../../src/cli/loopback/mx-server.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import { CHAINS, HOST, REQUESTS } from "../support/dane-chains.ts";
import { tlsaOf } from "../support/dane-rig.ts";
import { issueChain } from "../support/peers-issuer.ts";
import { handshake } from "../support/peers-openssl.ts";
import { peers } from "../support/peers.ts";

const openssl = peers("openssl");

/** Ours alone: OpenSSL understands name constraints, and takes more names and longer chains. */
const STRICTER: ReadonlySet<string> = new Set([
  "name constraints, which are not understood",
  "a wildcard for a part of a label",
  "more certificates than anybody needs",
]);

describe.skipIf(openssl.areMissing)(`the verdict of openssl s_client${openssl.note}`, () => {
  let issued: Awaited<ReturnType<typeof issueChain>> = new Map();
  const servers: MxServer[] = [];
  beforeAll(async () => {
    issued = await issueChain(REQUESTS);
  }, 30_000);
  afterAll(async () => {
    for (const server of servers) await server.close();
  });

  test.each(CHAINS)("%s", async (what, chain, verdict) => {
    const pem = (name: string): string => issued.get(name)?.cert ?? "";
    const [leaf = ""] = chain;
    const server = await startMxServer({
      host: "127.0.0.2",
      port: 0,
      tls: { key: issued.get(leaf)?.key ?? "", cert: chain.map(pem).join("\n"), ciphers: "DEFAULT@SECLEVEL=0" },
    });
    servers.push(server);
    const { usage, selector, matching, data } = tlsaOf("2 1 1", pem("root"));
    const record = `${usage} ${selector} ${matching} ${Buffer.from(data).toString("hex")}`;
    const dane = ["-dane_tlsa_domain", HOST, "-dane_tlsa_rrdata", record, "-verify_return_error"];
    const { exitCode, stderr } = await handshake(server, [
      ...dane,
      "-no-CAfile",
      "-no-CApath",
      "-no-CAstore",
      "-brief",
    ]);
    const isTaken = exitCode === 0 && stderr.includes("Verification: OK");
    expect(isTaken).toBe(verdict === "matched" || STRICTER.has(what));
  });
});
