/**
 * To be run in a network namespace of its own (namespace.ts): a resolver on port 53, mail servers, and two judges about each: Postfix's
 * posttls-finger, which asks the system's resolver, and what `postern tls probe` sees. One JSON object a case.
 * `node judged-site.ts vectors` serves a table from a resolver that signs in name; `zones` has unbound validate the signed zones; `certificates` is without DNSSEC.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLoopbackDns } from "../../src/cli/loopback/dns-server.ts";
import type { Zone, ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { CERTIFICATE_KINDS, startInternet } from "../../src/cli/loopback/internet.ts";
import { startMxServer } from "../../src/cli/loopback/mx-server.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import { probeHosts } from "../../src/cli/tls-probe/probe-hosts.ts";
import { rungOf } from "../../src/cli/tls-probe/seen.ts";
import type { Rung } from "../../src/core/rung.ts";
import { createResolver } from "../../src/parts/dns/dns.ts";
import { createDiscover } from "../../src/stages/discover/discover.ts";
import { DELIVER_DEFAULTS } from "../../src/stages/deliver/options.ts";
import { DISCOVER_DEFAULTS } from "../../src/stages/discover/options.ts";
import { runCli } from "./child-gateway.ts";
import { NO_RULES } from "./rules.ts";
import { daneVectors } from "./dane-rig.ts";
import { SILENT_LOG, TEST_OPTIONS } from "./deliver-rig.ts";
import { JUDGED_PORT, judgedCases } from "./judged-cases.ts";
import type { JudgedCase, Verdict } from "./judged-cases.ts";
import { NO_STS } from "./no-sts.ts";
import { posttlsFinger } from "./posttls-finger.ts";
import { signedZones, Unbound } from "./peers-unbound.ts";
import { systemClock } from "./real-clock.ts";

const RESOLVER = { host: "127.0.0.1", port: 53 };
const PATIENCE_MS = 5_000;

export type Judged = { readonly id: string; readonly ours: Verdict; readonly theirs: Verdict };

function tell(judged: Judged): void {
  console.log(JSON.stringify(judged));
}

function verdictOf(rung: Rung | null, hadTls: boolean): Verdict {
  if (rung === "dane" || rung === "pkix") return "Verified";
  if (rung === "dane-insecure-mx") return "Trusted";
  return hadTls ? "Untrusted" : "none";
}

/** A server that proves nothing is spoken to all the same, and told so. */
async function theirsOf(
  destination: string,
  level: readonly string[] = ["dane"],
  names: readonly string[] = [],
): Promise<Verdict> {
  const word = await posttlsFinger(["-t", "5", "-L", "summary,certmatch", "-l", ...level, destination, ...names]);
  return (word ?? "none") as Verdict;
}

async function serve(host: string, chain: readonly string[], behaviour: JudgedCase["behaviour"]): Promise<MxServer> {
  const { certificates, testKeys } = daneVectors();
  const cert = chain.map((name) => certificates[name] ?? "").join("\n");
  const tls = { key: testKeys[chain[0] ?? ""] ?? "", cert };
  return startMxServer({ host, port: JUDGED_PORT, tls, ...(behaviour !== undefined && { behaviour }) });
}

type Site = { readonly port: number; readonly ca: readonly string[] | null };

/** As the command sees it, without a process for each. */
async function oursOf(domain: string, { port, ca }: Site = { port: JUDGED_PORT, ca: null }): Promise<Verdict> {
  const servers = [`${RESOLVER.host}:${RESOLVER.port}`];
  const options = { servers, timeoutMs: PATIENCE_MS, retries: 0, trustAd: "loopback", inFlightMax: 8 } as const;
  const resolver = createResolver(options, { randomBytes, log: SILENT_LOG });
  const deps = { resolver, chance: () => 0, log: SILENT_LOG, sts: NO_STS, ...NO_RULES };
  const discover = createDiscover({ ...DISCOVER_DEFAULTS, port }, deps);
  const { route } = await discover({ address: `p@${domain}`, localPart: "p", domain, isUtf8: false });
  if (route.kind !== "hosts") return "none";
  const delivery = { ...TEST_OPTIONS, timeouts: DELIVER_DEFAULTS.timeouts, port, ca };
  for await (const seen of probeHosts(domain, route, {
    options: delivery,
    clock: systemClock,
    signal: new AbortController().signal,
  })) {
    return verdictOf(rungOf(seen), seen.probe !== null && seen.probe.facts.tls !== null);
  }
  return "none";
}

async function judgeVectors(): Promise<void> {
  for (const { id, domain, zone, chain, behaviour } of judgedCases()) {
    // The root is not signed here: Postfix looks at it once before it believes anything.
    const root: Zone = { "": { authenticated: true } };
    const dns = await startLoopbackDns({ ...root, ...zone }, RESOLVER);
    const server = await serve("127.0.0.1", chain, behaviour);
    const ours = await oursOf(domain);
    const theirs = await theirsOf(`${domain}:${JUDGED_PORT}`);
    tell({ id, ours, theirs });
    await Promise.all([server.close(), dns.close()]);
  }
}

/** What the zones make of these domains; the command itself, as an operator runs it. */
const DOMAINS = [
  "secure.test",
  "insecure.test",
  "bogus.test",
  "toinsec.secure.test",
  "nomx.secure.test",
  "alias.secure.test",
];

async function judgeZones(): Promise<void> {
  const unbound = await Unbound.start({ ...signedZones(), port: RESOLVER.port });
  const servers = [await serve("127.0.0.1", ["leaf"], undefined), await serve("127.0.0.2", ["leaf"], undefined)];
  const internet = await startInternet({ zone: {}, servers: [] }, Date.now());
  const folder = mkdtempSync(join(tmpdir(), "postern-judged-"));
  const changes = {
    dns: { servers: [unbound.address], trust_ad: "loopback", timeout_ms: PATIENCE_MS },
    delivery: { port: JUDGED_PORT },
  };
  const { configPath } = await writeGatewayFolder(folder, internet, { packs: [], changes });
  for (const domain of DOMAINS) {
    const { output } = await runCli(["tls", "probe", domain, "--json", "--config", configPath]);
    const [first] = output.split("\n");
    const seen = JSON.parse(first ?? "") as { readonly rung?: Rung | null; readonly tls?: object | null };
    const ours = verdictOf(seen.rung ?? null, (seen.tls ?? null) !== null);
    tell({ id: domain, ours, theirs: await theirsOf(`${domain}:${JUDGED_PORT}`) });
  }
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([internet.close(), unbound.stop(), ...servers.map((server) => server.close())]);
}

/** Without DNSSEC: what the certificate proves to whoever trusts its authority, for the name of the server. */
async function judgeCertificates(): Promise<void> {
  const kinds = CERTIFICATE_KINDS.map((kind, index) => ({
    name: `mx.${kind}.test`,
    certificate: kind,
    address: `127.0.6.${index + 1}`,
  }));
  const internet = await startInternet({ zone: {}, servers: kinds }, Date.now());
  const zone = kinds.flatMap(({ name, address }): (readonly [string, ZoneEntry])[] => [
    [name.slice("mx.".length), { MX: [[10, name]] }],
    [name, { A: [address] }],
  ]);
  const dns = await startLoopbackDns(Object.fromEntries(zone), RESOLVER);
  const folder = mkdtempSync(join(tmpdir(), "postern-judged-"));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, internet.ca);
  for (const { name, certificate } of kinds) {
    const domain = name.slice("mx.".length);
    const ours = await oursOf(domain, { port: internet.port, ca: [internet.ca] });
    const theirs = await theirsOf(`${domain}:${internet.port}`, ["secure", "-F", ca], ["hostname"]);
    // An authority that is known and a name that is another: Postfix has a word for it, mail would wait all the same.
    tell({ id: certificate, ours, theirs: theirs === "Trusted" ? "Untrusted" : theirs });
  }
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([internet.close(), dns.close()]);
}

const JUDGEMENTS: Readonly<Record<string, () => Promise<void>>> = {
  vectors: judgeVectors,
  zones: judgeZones,
  certificates: judgeCertificates,
};
await JUDGEMENTS[process.argv[2] ?? ""]?.();
