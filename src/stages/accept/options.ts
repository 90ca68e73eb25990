/** What accept is told: where to listen, who may submit with which proof, and the limits. Values only; no defaults hide in code below. */
import type { Password } from "./password.ts";

export type AuthUser = { readonly name: string; readonly password: Password };

/** How a submitter proves which tenant it is, beyond coming from its networks. */
export type Proof =
  | { readonly kind: "auth"; readonly users: readonly AuthUser[] }
  /** DNS names; the client's certificate must chain to `tls.clientCa` (or a public CA) and carry one of them exactly. */
  | { readonly kind: "client-certificate"; readonly names: readonly string[] }
  /** Exactly one header of this name with exactly this value. The name belongs on the strip list of the way out. */
  | { readonly kind: "header"; readonly name: string; readonly value: string }
  /** A valid DKIM signature whose d= is one of these. */
  | { readonly kind: "dkim"; readonly domains: readonly string[] }
  /** The network is the operator's own: being there is the proof. Refused for ranges that many tenants share. */
  | { readonly kind: "own-network" };

export type Submitter = {
  readonly name: string;
  /** CIDR. */
  readonly networks: readonly string[];
  readonly proof: Proof;
};

export type TlsMaterial = {
  /** PEM: the leaf first, then its chain. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** PEM of the CAs that client certificates must chain to; null: the public ones Node ships. */
  readonly clientCa: string | null;
};

export type AcceptLimits = {
  readonly messageBytesMax: number;
  readonly headerBytesMax: number;
  /** Hard limit of one message line without CRLF. */
  readonly lineBytesMax: number;
  readonly recipientsMax: number;
  /** Received fields. */
  readonly hopsMax: number;
  readonly connectionsMax: number;
  /** Per IPv4 address or IPv6 /64. */
  readonly connectionsPerPeerMax: number;
  /** Of all peers in no submitter network: they may not relay, nor take the places of those who may. */
  readonly strangerConnectionsMax: number;
  /** Per connection; beyond: 421. */
  readonly commandsMax: number;
  readonly badCommandsMax: number;
  readonly authFailuresMax: number;
  /** Of one peer over all its connections within peerWindowMs; beyond: 421 until the window is over. */
  readonly badCommandsPerPeerMax: number;
  readonly authFailuresPerPeerMax: number;
  readonly peerWindowMs: number;
  /** RFC 5321 section 4.5.3.2.7: at least 5 minutes. */
  readonly commandTimeoutMs: number;
  /** RFC 5321 section 4.5.3.2.5: silence between two blocks of a message. */
  readonly dataBlockTimeoutMs: number;
  /** A whole message, however steadily it trickles. */
  readonly dataTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  /** From end of data to durable; beyond: 451. Below the 10 minutes a client waits. */
  readonly handlerTimeoutMs: number;
  /** How long one message waits in all while the disk cannot keep up; beyond: 452. */
  readonly pauseMsMax: number;
  /** How long close() lets dialogs finish. */
  readonly closeTimeoutMs: number;
  /** Pause before the greeting for peers in no submitter network; who talks in it is refused. */
  readonly greetingPauseMs: number;
};

export const ACCEPT_LIMIT_DEFAULTS: AcceptLimits = {
  messageBytesMax: 150 * 1024 * 1024,
  headerBytesMax: 256 * 1024,
  lineBytesMax: 100 * 1024,
  recipientsMax: 1_000,
  hopsMax: 30,
  connectionsMax: 500,
  connectionsPerPeerMax: 100,
  strangerConnectionsMax: 50,
  commandsMax: 100_000,
  badCommandsMax: 20,
  authFailuresMax: 3,
  badCommandsPerPeerMax: 500,
  authFailuresPerPeerMax: 30,
  peerWindowMs: 600_000,
  commandTimeoutMs: 300_000,
  dataBlockTimeoutMs: 180_000,
  dataTimeoutMs: 3_600_000,
  handshakeTimeoutMs: 30_000,
  handlerTimeoutMs: 240_000,
  pauseMsMax: 120_000,
  closeTimeoutMs: 30_000,
  greetingPauseMs: 100,
};

export type AcceptOptions = {
  readonly host: string;
  /** 0 takes any free port; see Listener.address(). */
  readonly port: number;
  /** Sockets that listen already, as the service manager hands them over: used in the place of host and port. */
  readonly descriptors?: readonly number[];
  /** TLS from the first byte (RFC 8314 section 3.3) instead of STARTTLS. */
  readonly implicitTls: boolean;
  /** Name in greeting and EHLO reply. */
  readonly hostname: string;
  /** Where a bare `<postmaster>` goes, `local@domain`. */
  readonly postmaster: string;
  readonly tls: TlsMaterial;
  /** Ask for a client certificate even where no submitter needs one; never demanded. */
  readonly requestClientCertificate: boolean;
  /** CIDR: peers that may submit without TLS. */
  readonly plaintextNetworks: readonly string[];
  readonly submitters: readonly Submitter[];
  /** This instance's id: a message whose X-Postern-Loop carries it came round. */
  readonly loopMarker: string;
  /** Offer REQUIRETLS (RFC 8689); only where the way out keeps it. */
  readonly offerRequireTls: boolean;
  readonly limits: AcceptLimits;
};

/** Names of the headers that serve as proof: secrets or tenant ids that must not leave. */
export function proofHeaderNames(submitters: readonly Submitter[]): string[] {
  const names = submitters.map(({ proof }) => (proof.kind === "header" ? proof.name : null));
  return [...new Set(names.filter((name) => name !== null))];
}
