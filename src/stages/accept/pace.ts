/**
 * How fast one message is read: as the disk can take it. While pressure is `slow` nothing more is read, so that TCP slows
 * the peer; that lasts at most pauseMsMax in all, below the patience of clients (RFC 5321 section 4.5.3.2.5), then, and where
 * nothing can be written down any more, the message is refused and the peer keeps it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { pressureRefusalOfMessage, REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";
import type { Session } from "./session.ts";

const LOOK_MS = 50;

export class Pace {
  readonly #session: Session;
  #pausedMs = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Resolves when what was read may be written and more be read: to null, or to why the message is not taken. */
  async next(): Promise<Refusal | null> {
    const { deps, options, isClosing } = this.#session.context;
    for (;;) {
      const pressure = deps.pressure();
      if (pressure.level !== "slow") return pressureRefusalOfMessage(pressure);
      if (this.#pausedMs >= options.limits.pauseMsMax) return REFUSALS.pausedTooLong;
      if (this.#session.wire.isGone || isClosing()) return null;
      const before = deps.clock.monotonic();
      await sleep(LOOK_MS);
      this.#pausedMs += Math.max(LOOK_MS, deps.clock.monotonic() - before);
    }
  }
}
