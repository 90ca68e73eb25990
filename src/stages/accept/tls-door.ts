/**
 * TLS for accepted sockets, by STARTTLS (RFC 3207) or from the first byte (RFC 8314).
 * Promises: TLS 1.2 or later, the operator's certificate or none at all; a client certificate is asked for where a
 * submitter proves itself by one, and judged by Node's own server code. New material holds for handshakes to come.
 */
import type { Socket } from "node:net";
import { createSecureContext, createServer } from "node:tls";
import type { Server, TLSSocket } from "node:tls";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { ListenerError } from "./listener-error.ts";
import type { TlsMaterial } from "./options.ts";

export type TlsPeer = { readonly protocol: string; readonly cipher: string };

type Pending = { readonly resolve: (socket: TLSSocket) => void; readonly reject: (error: Error) => void };

export class TlsDoor {
  readonly #server: Server;
  /** Handshakes under way, by the four numbers that name a TCP connection. */
  readonly #pending = new Map<string, Pending>();

  constructor(material: TlsMaterial, options: { readonly requestCert: boolean; readonly handshakeTimeoutMs: number }) {
    this.#server = createServer({
      ...contextOf(material),
      requestCert: options.requestCert,
      // Who has no or another certificate may prove itself otherwise; see proof.ts.
      rejectUnauthorized: false,
      handshakeTimeout: options.handshakeTimeoutMs,
    });
    this.#server.on("secureConnection", (socket) => this.#settle(socket, null));
    this.#server.on("tlsClientError", (error, socket) => this.#settle(socket, error));
  }

  /** Throws ListenerError and keeps the old material when the new cannot be used. */
  reload(material: TlsMaterial): void {
    this.#server.setSecureContext(contextOf(material));
  }

  /** Resolves after the handshake; rejects, with the socket destroyed, when it fails, times out or the peer goes. */
  async upgrade(socket: Socket): Promise<TLSSocket> {
    const key = keyOf(socket);
    // Half a connection has no use in a handshake: a peer that goes is missed at once, not at the timeout.
    socket.allowHalfOpen = false;
    try {
      const secured = await new Promise<TLSSocket>((resolve, reject) => {
        this.#pending.set(key, { resolve, reject });
        socket.once("close", () => reject(new Error("closed during the handshake")));
        // Documented for tls.Server: a connection may be handed in by hand.
        this.#server.emit("connection", socket);
      });
      secured.allowHalfOpen = true;
      return secured;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      this.#pending.delete(key);
    }
  }

  #settle(socket: TLSSocket, error: Error | null): void {
    const pending = this.#pending.get(keyOf(socket));
    if (pending === undefined) socket.destroy();
    else if (error === null) pending.resolve(socket);
    else pending.reject(error);
  }
}

export function tlsPeerOf(socket: TLSSocket): TlsPeer {
  const cipher = socket.getCipher();
  return { protocol: socket.getProtocol() ?? "unknown", cipher: cipher.standardName ?? cipher.name };
}

/** True when the client's certificate chains to a trusted CA and carries one of the names exactly. */
export function clientCertificateNames(socket: TLSSocket, names: readonly string[]): boolean {
  if (!socket.authorized) return false;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return false;
  const rules = { subject: "never", wildcards: false, partialWildcards: false } as const;
  return names.some((name) => certificate.checkHost(name, rules) !== undefined);
}

function contextOf(material: TlsMaterial): { cert: string; key: string; ca?: string; minVersion: "TLSv1.2" } {
  const { certificate, key, clientCa } = material;
  if (certificate.trim() === "" || key.trim() === "") {
    throw new ListenerError("PST-ACC-031", "the listener has no certificate or no key");
  }
  const context = {
    cert: certificate,
    key,
    ...(clientCa === null ? {} : { ca: clientCa }),
    minVersion: "TLSv1.2",
  } as const;
  try {
    createSecureContext(context);
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
      throw new Error("key of another certificate");
  } catch (error) {
    throw new ListenerError(
      "PST-ACC-031",
      "certificate or key of the listener cannot be used, or do not belong together",
      error,
    );
  }
  return context;
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}
