/** Policy hosts of MTA-STS on loopback: one HTTPS server for many names, with certificates of a CA of its own, that misbehaves on request. */
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import type { SecureContext, SecureContextOptions } from "node:tls";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import type { IssuedCertificate } from "../../src/parts/keys/issue-certificate.ts";

export type PolicyAnswer = {
  readonly status?: number;
  /** null: none. */
  readonly contentType?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `silent`: no answer. `drip`: without end, a byte now and then. `truncate`: less than was announced. */
  readonly way?: "silent" | "drip" | "truncate";
};

/** For `mta-sts.` and the domain, unless said; `no-san`: the name stands in the common name alone. */
export type Shown = "valid" | "wrong-san" | "no-san" | "stranger" | "expired";

export type PolicyHost = {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  /** Names asked for, as the request said them, without port. */
  readonly asked: readonly string[];
  /** For `https://mta-sts.DOMAIN`; domains without an answer get 404. */
  readonly serve: (domain: string, answer: PolicyAnswer | null) => void;
  readonly show: (domain: string, shown: Shown) => void;
  readonly close: () => Promise<void>;
};

export type PolicyHostOptions = {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: Pick<SecureContextOptions, "minVersion" | "maxVersion">;
};

const DAY_MS = 86_400_000;
const DRIP_MS = 50;

export const POLICY_PATH = "/.well-known/mta-sts.txt";

export function policyText(mode: string, mx: readonly string[], maxAge = 604_800): string {
  return ["version: STSv1", `mode: ${mode}`, ...mx.map((name) => `mx: ${name}`), `max_age: ${maxAge}`, ""].join("\r\n");
}

export async function startPolicyHost(options: PolicyHostOptions = {}): Promise<PolicyHost> {
  const certificates = await Certificates.create();
  const answers = new Map<string, PolicyAnswer>();
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({
    ...options.tls,
    SNICallback: (name, done) => {
      void answerWith(certificates, name, { tls: options.tls, done });
    },
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => {
    const name = request.headers.host?.replace(/:\d+$/, "") ?? "";
    asked.push(name);
    const answer = request.url === POLICY_PATH ? answers.get(name.replace(/^mta-sts\./, "")) : undefined;
    reply(response, answer ?? { status: 404 });
  });
  await listening(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    ca: certificates.ca,
    asked,
    serve(domain, answer) {
      if (answer === null) answers.delete(domain);
      else answers.set(domain, answer);
    },
    show: (domain, shown) => certificates.show(`mta-sts.${domain}`, shown),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

type Asked = {
  readonly tls: PolicyHostOptions["tls"];
  readonly done: (error: Error | null, context?: SecureContext) => void;
};

async function answerWith(certificates: Certificates, name: string, { tls, done }: Asked): Promise<void> {
  try {
    const { certPem, keyPem } = await certificates.for(name);
    done(null, createSecureContext({ cert: certPem, key: keyPem, ...tls }));
  } catch (error) {
    done(error as Error);
  }
}

function listening(server: Server, { host = "127.0.0.1", port = 0 }: PolicyHostOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function reply(response: ServerResponse, answer: PolicyAnswer): void {
  const { status = 200, contentType = "text/plain", headers = {}, body = "", way } = answer;
  if (way === "silent") return;
  const length = Buffer.byteLength(body) + (way === "truncate" ? 10 : 0);
  response.writeHead(status, {
    ...(contentType === null ? {} : { "Content-Type": contentType }),
    ...(way === "drip" ? {} : { "Content-Length": length }),
    ...headers,
  });
  if (way === "drip") {
    const timer = setInterval(() => response.write("x"), DRIP_MS);
    response.on("close", () => clearInterval(timer));
  } else if (way === "truncate") response.write(body, () => response.destroy());
  else response.end(body);
}

class Certificates {
  readonly #authority: IssuedCertificate;
  readonly #stranger: IssuedCertificate;
  readonly #shown = new Map<string, Shown>();
  readonly #issued = new Map<string, Promise<IssuedCertificate>>();

  private constructor(authority: IssuedCertificate, stranger: IssuedCertificate) {
    this.#authority = authority;
    this.#stranger = stranger;
  }

  static async create(): Promise<Certificates> {
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 30 * DAY_MS };
    const authority = await issueAuthority({ ...validity, commonName: "Policy CA" });
    return new Certificates(authority, await issueAuthority({ ...validity, commonName: "Stranger CA" }));
  }

  get ca(): string {
    return this.#authority.certPem;
  }

  show(name: string, shown: Shown): void {
    this.#shown.set(name, shown);
    this.#issued.delete(name);
  }

  for(name: string): Promise<IssuedCertificate> {
    const known = this.#issued.get(name);
    if (known !== undefined) return known;
    const issuing = this.#issue(name, this.#shown.get(name) ?? "valid");
    this.#issued.set(name, issuing);
    return issuing;
  }

  #issue(name: string, shown: Shown): Promise<IssuedCertificate> {
    const now = Date.now();
    const notAfter = shown === "expired" ? now - DAY_MS : now + 30 * DAY_MS;
    return issueServerCertificate({
      notBefore: now - 2 * DAY_MS,
      notAfter,
      commonName: name,
      dnsNames: shown === "no-san" ? [] : [shown === "wrong-san" ? `not-${name}` : name],
      ...(shown === "no-san" ? { ipAddresses: ["192.0.2.1"] } : {}),
      issuer: shown === "stranger" ? this.#stranger : this.#authority,
    });
  }
}
