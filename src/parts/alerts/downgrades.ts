/**
 * Notices servers whose transport protection fell below what they proved before. Only while this process lives, and of servers
 * seen in the last MEMORY_MS: enough to see an attack or a broken certificate at once, no proof that there was none.
 */
import type { AttemptFacts } from "../../core/outcome.ts";
import { PHASES } from "../../core/outcome.ts";
import { meetsRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";

export type Downgrade = { readonly from: Rung; readonly to: Rung };

const SERVERS_MAX = 10_000;
const MEMORY_MS = 30 * 86_400_000;

export class Downgrades {
  readonly #best = new Map<string, { readonly rung: Rung; readonly at: number }>();

  get size(): number {
    return this.#best.size;
  }

  /** The fall, where this attempt shows one. */
  see(attempt: AttemptFacts, at: number): Downgrade | null {
    const seen = rungSeen(attempt);
    if (seen === null) return null;
    const known = this.#best.get(attempt.host);
    const before = known !== undefined && at - known.at < MEMORY_MS ? known.rung : null;
    if (before !== null && !meetsRung(seen, before)) return { from: before, to: seen };
    this.#best.delete(attempt.host);
    this.#best.set(attempt.host, { rung: seen, at });
    if (this.#best.size > SERVERS_MAX) {
      const [oldest] = this.#best.keys();
      if (oldest !== undefined) this.#best.delete(oldest);
    }
    return null;
  }
}

/** What the live socket showed; a server that no longer offers STARTTLS is at `plain`, whether or not mail was given to it. */
function rungSeen({ rung, phase, starttlsOffered }: AttemptFacts): Rung | null {
  if (rung !== null) return rung;
  const hasGreeted = PHASES.indexOf(phase) > PHASES.indexOf("ehlo");
  return hasGreeted && !starttlsOffered ? "plain" : null;
}
