/**
 * What peers got wrong lately, over all their connections: who guesses passwords or floods with bad commands is turned away for a
 * while, however often it connects anew. Promises: bounded memory, the longest unheard of is forgotten first; after the window
 * a peer begins afresh. A peer is an IPv4 address or an IPv6 /64.
 */
import type { AcceptLimits } from "./options.ts";

export type Offence = "badCommands" | "authFailures";

type Entry = { readonly since: number; readonly counts: Record<Offence, number> };

const PEERS_MAX = 10_000;

export class PeerLedger {
  readonly #limits: AcceptLimits;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();

  /** `now`: monotonic milliseconds. */
  constructor(limits: AcceptLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  note(peer: string, offence: Offence): void {
    const entry = this.#current(peer) ?? { since: this.#now(), counts: { badCommands: 0, authFailures: 0 } };
    entry.counts[offence] += 1;
    // Set anew: the map keeps the order in which peers were last heard of.
    this.#entries.delete(peer);
    this.#entries.set(peer, entry);
    const [eldest] = this.#entries.keys();
    if (this.#entries.size > PEERS_MAX && eldest !== undefined) this.#entries.delete(eldest);
  }

  /** Too many of these within the window. */
  isBarred(peer: string, offence: Offence): boolean {
    const { badCommandsPerPeerMax, authFailuresPerPeerMax } = this.#limits;
    const max = offence === "badCommands" ? badCommandsPerPeerMax : authFailuresPerPeerMax;
    return (this.#current(peer)?.counts[offence] ?? 0) >= max;
  }

  #current(peer: string): Entry | null {
    const entry = this.#entries.get(peer);
    return entry !== undefined && this.#now() - entry.since < this.#limits.peerWindowMs ? entry : null;
  }
}
