/**
 * A small internet on loopback for the demo and the tests: one DNS server, and mail servers that differ, each on a loopback
 * address of its own and all on one port, with certificates of a CA made for the occasion. Not for production.
 */
import { createHash, X509Certificate } from "node:crypto";
import { issueAuthority, issueServerCertificate } from "../../parts/keys/issue-certificate.ts";
import type { IssuedCertificate } from "../../parts/keys/issue-certificate.ts";
import { startLoopbackDns } from "./dns-server.ts";
import type { LoopbackDns, Zone, ZoneEntry } from "./dns-server.ts";
import type { MxBehaviour } from "./mx-behaviour.ts";
import { startMxServer } from "./mx-server.ts";
import type { MxServer, MxTls } from "./mx-server.ts";

/** `stranger`: of a CA nobody trusts. `none`: the server knows no TLS. */
export const CERTIFICATE_KINDS = ["valid", "self-signed", "expired", "wrong-name", "stranger", "none"] as const;
export type CertificateKind = (typeof CERTIFICATE_KINDS)[number];

export type ServerDescription = {
  /** Host name; an A record for it is made where the zone has none. */
  readonly name: string;
  /** In 127.0.0.0/8, one each. */
  readonly address: string;
  readonly certificate: CertificateKind;
  readonly tls?: Pick<MxTls, "minVersion" | "maxVersion" | "ciphers">;
  /** What it shows in place of a certificate made for it: PEM, the certificates of its chain one behind the other. */
  readonly shown?: Pick<MxTls, "key" | "cert">;
  readonly behaviour?: MxBehaviour;
  /** Its address is signed, and it has a TLSA record: of its certificate, or of another one. */
  readonly dane?: "matches" | "differs";
};

export type InternetDescription = {
  readonly zone: Zone;
  readonly servers: readonly ServerDescription[];
};

export type Internet = {
  readonly dns: LoopbackDns;
  /** The port of every mail server. */
  readonly port: number;
  /** By host name. */
  readonly servers: ReadonlyMap<string, MxServer>;
  /** PEM of the CA that signed the `valid` certificates. */
  readonly ca: string;
  /** A certificate of that CA for this name: for the gateway's own listener. */
  readonly issue: (name: string) => Promise<IssuedCertificate>;
  readonly close: () => Promise<void>;
};

const DAY_MS = 86_400_000;
const PORT_TRIES_MAX = 20;

/** `now`: milliseconds since the epoch, the middle of the certificates' validity. */
export async function startInternet(description: InternetDescription, now: number): Promise<Internet> {
  const issuer = await Issuer.create(now);
  const tls = await Promise.all(description.servers.map((server) => issuer.tlsOf(server)));
  const servers = await startServers(description.servers, tls);
  const port = [...servers.values()][0]?.port ?? 0;
  const hosts = description.servers.flatMap((server, index) => recordsOf(server, { port, cert: tls[index]?.cert }));
  const dns = await startLoopbackDns({ ...Object.fromEntries(hosts), ...description.zone });
  return {
    dns,
    port,
    servers,
    ca: issuer.ca,
    issue: (name) => issuer.issueValid(name),
    async close() {
      await Promise.all([dns.close(), ...[...servers.values()].map((server) => server.close())]);
    },
  };
}

type Served = { readonly port: number; readonly cert: string | undefined };

function recordsOf({ name, address, dane }: ServerDescription, { port, cert }: Served): [string, ZoneEntry][] {
  if (dane === undefined || cert === undefined) return [[name, { A: [address] }]];
  const digest = dane === "matches" ? spkiDigest(cert) : "0".repeat(64);
  return [
    [name, { A: [address], authenticated: true }],
    [`_${port}._tcp.${name}`, { TLSA: [`3 1 1 ${digest}`], authenticated: true }],
  ];
}

/** The first certificate of `pem`, by its key (RFC 6698: selector 1, matching type 1). */
function spkiDigest(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

class Issuer {
  readonly #now: number;
  readonly #authority: IssuedCertificate;
  readonly #stranger: IssuedCertificate;

  private constructor(now: number, authorities: readonly [IssuedCertificate, IssuedCertificate]) {
    this.#now = now;
    [this.#authority, this.#stranger] = authorities;
  }

  static async create(now: number): Promise<Issuer> {
    const validity = { notBefore: now - DAY_MS, notAfter: now + 30 * DAY_MS };
    const authority = await issueAuthority({ ...validity, commonName: "Loopback CA" });
    const stranger = await issueAuthority({ ...validity, commonName: "Stranger CA" });
    return new Issuer(now, [authority, stranger]);
  }

  get ca(): string {
    return this.#authority.certPem;
  }

  issueValid(name: string): Promise<IssuedCertificate> {
    return this.#issue(name, this.#authority);
  }

  async tlsOf({ name, certificate, tls, shown }: ServerDescription): Promise<MxTls | undefined> {
    if (shown !== undefined) return { ...shown, ...tls };
    if (certificate === "none") return undefined;
    const issued = await this.#issueKind(name, certificate);
    return { key: issued.keyPem, cert: issued.certPem, ...tls };
  }

  #issueKind(name: string, kind: Exclude<CertificateKind, "none">): Promise<IssuedCertificate> {
    switch (kind) {
      case "valid":
        return this.#issue(name, this.#authority);
      case "self-signed":
        return this.#issue(name, "self");
      case "stranger":
        return this.#issue(name, this.#stranger);
      case "wrong-name":
        return this.#issue(`not-${name}`, this.#authority);
      default:
        return this.#issue(name, this.#authority, { notBefore: this.#now - 3 * DAY_MS, notAfter: this.#now - DAY_MS });
    }
  }

  #issue(
    name: string,
    issuer: IssuedCertificate | "self",
    validity = { notBefore: this.#now - DAY_MS, notAfter: this.#now + 30 * DAY_MS },
  ): Promise<IssuedCertificate> {
    return issueServerCertificate({ ...validity, commonName: name, dnsNames: [name], issuer });
  }
}

/** All on the port the first one got; another try where some address has that port taken. */
async function startServers(
  descriptions: readonly ServerDescription[],
  tls: readonly (MxTls | undefined)[],
): Promise<ReadonlyMap<string, MxServer>> {
  for (let attempt = 1; ; attempt += 1) {
    const servers = new Map<string, MxServer>();
    try {
      let port = 0;
      for (const [index, { name, address, behaviour }] of descriptions.entries()) {
        const own = tls[index];
        const server = await startMxServer({
          host: address,
          port,
          name,
          ...(own === undefined ? {} : { tls: own }),
          ...(behaviour === undefined ? {} : { behaviour }),
        });
        servers.set(name, server);
        port = server.port;
      }
      return servers;
    } catch (error) {
      await Promise.all([...servers.values()].map((server) => server.close()));
      if (attempt === PORT_TRIES_MAX) throw error;
    }
  }
}
