/**
 * Keeps verified sessions for a few seconds so that the next mail of the same policy needs no new handshake.
 * Promises: a session is handed out only for the very key it was kept under; one that ended or spoke meanwhile never is.
 */
import type { Rung } from "../../core/rung.ts";
import type { DeliverOptions } from "./options.ts";
import type { Session } from "./session.ts";

/** Verdicts belong to (recipient domain, MX host, connection): all of it is the key. */
export type PoolKey = {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly domain: string;
  /** What DNS asks of the host, SNI among it; another answer of DNS makes another key. */
  readonly dane: string;
  /** The policy of the domain, and whether it names the host. */
  readonly sts: string;
  /** What the operator asks of the host; a changed rule makes another key. */
  readonly rule: string;
  /** How the host was found, which is half of what a certificate proves. */
  readonly choice: string;
  readonly minRung: Rung;
  readonly requireTls: boolean;
};

type Kept = { readonly key: string; readonly session: Session; readonly timer: NodeJS.Timeout };

export class ConnectionPool {
  readonly #options: DeliverOptions;
  /** In the order they were kept, oldest first. */
  readonly #kept = new Set<Kept>();

  constructor(options: DeliverOptions) {
    this.#options = options;
  }

  /** The session kept last under this key. */
  take(key: PoolKey): Session | null {
    const text = textOf(key);
    let kept: Kept | null = null;
    for (const candidate of this.#kept) if (candidate.key === text) kept = candidate;
    if (kept === null) return null;
    this.#forget(kept);
    return kept.session.connection.isOpen ? kept.session : null;
  }

  /** Keeps it, or says QUIT where it served enough or no more may be kept. */
  put(key: PoolKey, session: Session): void {
    const { idleConnectionMs, idleConnectionsMax, messagesPerConnectionMax } = this.#options;
    if (session.messages >= messagesPerConnectionMax || idleConnectionsMax === 0 || idleConnectionMs === 0) {
      this.#quit(session);
      return;
    }
    const [oldest] = this.#kept;
    if (oldest !== undefined && this.#kept.size >= idleConnectionsMax) this.#end(oldest);
    const kept: Kept = { key: textOf(key), session, timer: setTimeout(() => this.#end(kept), idleConnectionMs) };
    kept.timer.unref();
    this.#kept.add(kept);
    session.connection.watchIdle(() => {
      this.#forget(kept);
      session.connection.drop();
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  close(): void {
    for (const kept of this.#kept) this.#end(kept);
  }

  #end(kept: Kept): void {
    this.#forget(kept);
    this.#quit(kept.session);
  }

  #forget(kept: Kept): void {
    clearTimeout(kept.timer);
    kept.session.connection.watchIdle(null);
    this.#kept.delete(kept);
  }

  #quit(session: Session): void {
    session.connection.quit(this.#options.timeouts.quitMs);
  }
}

function textOf(key: PoolKey): string {
  const { address, port, host, domain, dane, sts, rule, choice, minRung, requireTls } = key;
  return JSON.stringify([address, port, host, domain, dane, sts, rule, choice, minRung, requireTls]);
}
