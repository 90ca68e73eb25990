/**
 * accept: the listener that mail comes in by (RFC 5321, 1870, 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531, 8689).
 * Promises: only proven submitters relay; 250 is said only once onSubmission resolved; memory does not grow with a message;
 * no listener without the operator's own certificate. Leaves the Received field and header stripping to protect, content
 * to inspect. Engine of our own: smtp-server cannot be held to BDAT, 555, quoted local parts or RFC 2920 (see replies.ts
 * for every answer it gives).
 */
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { parseMailbox } from "../../parts/smtp/mailbox.ts";
import { networkSet, peerGroup, toPeerAddress } from "../../parts/smtp/network.ts";
import { ListenerError } from "./listener-error.ts";
import type { AcceptOptions, TlsMaterial } from "./options.ts";
import { PeerLedger } from "./peer-ledger.ts";
import { candidatesFor, prepareSubmitters } from "./proof.ts";
import { pressureRefusal, REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";
import { Session } from "./session.ts";
import type { AcceptDeps, Context } from "./session.ts";
import { TlsDoor } from "./tls-door.ts";
import { Wire } from "./wire.ts";

export interface Listener {
  /** Where it really listens. */
  address(): { readonly host: string; readonly port: number };
  /** Connections open now. */
  connectionCount(): number;
  /** Takes no more connections, lets messages under way get their reply, says 421 to the rest. Idempotent. */
  close(): Promise<void>;
  /** For connections to come; throws ListenerError and keeps the old material when the new cannot be used. */
  reloadTls(material: TlsMaterial): void;
}

/** Rejects with ListenerError when the options cannot be served safely, and with the system's error when it cannot listen. */
export async function startListener(options: AcceptOptions, deps: AcceptDeps): Promise<Listener> {
  const listener = new SmtpListener(options, deps);
  await listener.listen();
  return listener;
}

class SmtpListener implements Listener {
  readonly #context: Context;
  readonly #seats: readonly Seat[];
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #wires = new Set<Wire>();
  readonly #perPeer = new Map<string, number>();
  #strangers = 0;
  readonly #background = new Set<Promise<void>>();
  #closing: Promise<void> | null = null;

  constructor(options: AcceptOptions, deps: AcceptDeps) {
    this.#context = {
      options,
      deps,
      candidates: prepareSubmitters(options.submitters),
      door: new TlsDoor(options.tls, {
        requestCert:
          options.requestClientCertificate ||
          options.submitters.some(({ proof }) => proof.kind === "client-certificate"),
        handshakeTimeoutMs: options.limits.handshakeTimeoutMs,
      }),
      plaintext: networkSet(options.plaintextNetworks),
      postmaster: mustBeMailbox(options.postmaster),
      announced: { bytes: 0 },
      ledger: new PeerLedger(options.limits, () => deps.clock.monotonic()),
      isClosing: () => this.#closing !== null,
      supervise: (work) => this.#supervise(work),
    };
    this.#seats = placesOf(options).map((place) => ({ place, server: this.#newServer() }));
  }

  /** A client may close its side right behind QUIT and still read the replies. */
  #newServer(): Server {
    return createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) =>
      this.#onConnection(socket),
    );
  }

  async listen(): Promise<void> {
    try {
      for (const seat of this.#seats) await listenAt(seat);
    } catch (error) {
      for (const { server } of this.#seats) server.close();
      throw error;
    }
    for (const { server } of this.#seats) {
      // Running out of file descriptors, for one: connections wait in the backlog.
      server.on("error", (error: NodeJS.ErrnoException) => {
        this.#context.deps.log.error("accept_listen_error", { error: error.code ?? error.name });
      });
    }
  }

  address(): { readonly host: string; readonly port: number } {
    const [first] = this.#seats.map(({ server }) => tcpAddressOf(server));
    if (first === null || first === undefined) throw new Error("not listening");
    return { host: first.address, port: first.port };
  }

  connectionCount(): number {
    return this.#sessions.size;
  }

  reloadTls(material: TlsMaterial): void {
    this.#context.door.reload(material);
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    const closed = this.#seats.map(({ server }) => new Promise<void>((resolve) => void server.close(() => resolve())));
    for (const session of this.#sessions.keys()) session.interrupt();
    const cut = setTimeout(() => {
      for (const wire of this.#wires) wire.destroy();
    }, this.#context.options.limits.closeTimeoutMs);
    await Promise.all([...closed, ...this.#sessions.values()]);
    clearTimeout(cut);
    await Promise.all(this.#background);
  }

  #onConnection(socket: Socket): void {
    const address = toPeerAddress(socket.remoteAddress ?? "");
    // Gone before we looked.
    if (address === "") {
      socket.destroy();
      return;
    }
    const wire = new Wire(socket, address);
    this.#wires.add(wire);
    socket.once("close", () => this.#wires.delete(wire));
    const refusal = this.#refusalOf(address);
    if (refusal !== null) {
      this.#turnAway(wire, refusal);
      return;
    }
    const session = new Session(this.#context, wire);
    if (session.submitters.length === 0) this.#strangers += 1;
    const run = this.#count(address, session.run()).finally(() => {
      this.#sessions.delete(session);
      if (session.submitters.length === 0) this.#strangers -= 1;
    });
    this.#sessions.set(session, run);
  }

  #refusalOf(address: string): Refusal | null {
    const { connectionsMax, connectionsPerPeerMax, strangerConnectionsMax } = this.#context.options.limits;
    if (this.#closing !== null) return REFUSALS.closing;
    const pressure = this.#context.deps.pressure();
    if (pressure.level === "closed") return pressureRefusal(pressure);
    if (this.#sessions.size >= connectionsMax) return REFUSALS.connectionsMax;
    const isStranger = candidatesFor(this.#context.candidates, address).length === 0;
    if (isStranger && this.#strangers >= strangerConnectionsMax) return REFUSALS.connectionsMax;
    if (this.#context.ledger.isBarred(peerGroup(address), "badCommands")) return REFUSALS.peerBadCommands;
    const ofPeer = this.#perPeer.get(peerGroup(address)) ?? 0;
    return ofPeer >= connectionsPerPeerMax ? REFUSALS.connectionsPerPeerMax : null;
  }

  #turnAway(wire: Wire, refusal: Refusal): void {
    this.#context.deps.log.warn("accept_connection_refused", { peer: wire.remoteAddress, code: refusal.code });
    if (this.#context.options.implicitTls) {
      wire.destroy();
      return;
    }
    wire.reply(refusal.reply);
    wire.end();
  }

  async #count(address: string, run: Promise<void>): Promise<void> {
    const peer = peerGroup(address);
    this.#perPeer.set(peer, (this.#perPeer.get(peer) ?? 0) + 1);
    try {
      await run;
    } finally {
      const left = (this.#perPeer.get(peer) ?? 1) - 1;
      if (left > 0) this.#perPeer.set(peer, left);
      else this.#perPeer.delete(peer);
    }
  }

  #supervise(work: Promise<void>): void {
    const watched = work
      .catch((error: unknown) => {
        this.#context.deps.log.error("accept_late_work_failed", {
          error: error instanceof Error ? error.name : "error",
        });
      })
      .finally(() => this.#background.delete(watched));
    this.#background.add(watched);
  }
}

function mustBeMailbox(address: string): Context["postmaster"] {
  const parsed = parseMailbox(address);
  if (parsed.kind === "bad")
    throw new ListenerError("PST-ACC-033", `the postmaster address is malformed: ${parsed.problem}`);
  return parsed.mailbox;
}

type Place = { readonly host: string; readonly port: number } | { readonly fd: number };
type Seat = { readonly place: Place; readonly server: Server };

function placesOf({ host, port, descriptors = [] }: AcceptOptions): readonly Place[] {
  return descriptors.length === 0 ? [{ host, port }] : descriptors.map((fd) => ({ fd }));
}

async function listenAt({ place, server }: Seat): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(place, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    throw "fd" in place ? unusable(place.fd, error) : error;
  }
  // A socket of the file system has no peer addresses, so that nobody could prove a network.
  if ("fd" in place && tcpAddressOf(server) === null) throw unusable(place.fd);
}

function tcpAddressOf(server: Server): AddressInfo | null {
  const address = server.address();
  return typeof address === "string" ? null : address;
}

function unusable(fd: number, cause?: unknown): ListenerError {
  return new ListenerError("PST-SVC-002", `PST-SVC-002 file descriptor ${fd} is no TCP socket that can listen`, cause);
}
