/**
 * Admission of deliveries per destination: concurrency windows, a cap over all, and rest for a dead destination.
 * Promises: windows grow on success and shrink on failure to connect, never on what a server says about one mail; a lane that
 * failed several times in a row is closed for a growing time, then one probe may go; waiting is first come first served in a
 * lane, and lanes take turns; every wait ends with an admission.
 */
import type { Chance, Clock } from "../../core/clock.ts";
import type { Rung } from "../../core/rung.ts";
import type { DeliveryRequest } from "../../core/stages.ts";
import { meetsRung } from "../../core/rung.ts";
import type { DeliverOptions } from "./options.ts";

/** What an operator may see of a lane. */
export type LaneView = {
  readonly hosts: readonly string[];
  readonly minRung: Rung;
  /** The recipient domain, where the lane belongs to one. */
  readonly domain: string | null;
  readonly active: number;
  readonly waiting: number;
  readonly window: number;
  readonly failuresInRow: number;
  /** Milliseconds until a probe may go; null while the lane is open. */
  readonly closedForMs: number | null;
};

/** `reached`: a server was spoken to. `unreached`: none could be. `unknown`: it says nothing about the destination. */
export type LaneResult = "reached" | "unreached" | "unknown";

export type Admission =
  | { readonly kind: "go"; readonly release: (result: LaneResult) => void }
  | { readonly kind: "closed" }
  | { readonly kind: "full" }
  | { readonly kind: "stopped" };

type Identity = Pick<LaneView, "hosts" | "minRung" | "domain">;
type Waiting = { readonly grant: (admission: Admission) => void };
type Lane = {
  readonly identity: Identity;
  window: number;
  active: number;
  failuresInRow: number;
  /** How long the last closing lasted. */
  closedMs: number;
  /** Monotonic time of the end of the closing; null while open. */
  closedUntil: number | null;
  isProbing: boolean;
  readonly waiting: Set<Waiting>;
};

const LANES_REMEMBERED_MAX = 10_000;

/** The lane of a request: the host set, and the domain too where a verdict about the peer belongs to it. */
export function laneIdentityOf(request: DeliveryRequest): Identity {
  const { minRung } = request.parcel;
  return {
    hosts: request.route.hosts.map(({ name }) => name).toSorted(),
    minRung,
    domain: meetsRung(minRung, "pkix") ? request.domain : null,
  };
}

export class Lanes {
  readonly #options: DeliverOptions;
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with someone waiting; the first is next in turn. */
  readonly #turn = new Set<Lane>();
  #active = 0;
  #isStopped = false;
  #onQuiet: (() => void) | null = null;

  constructor(options: DeliverOptions, deps: { readonly clock: Clock; readonly chance: Chance }) {
    this.#options = options;
    this.#clock = deps.clock;
    this.#chance = deps.chance;
  }

  /** Resolves when the delivery may begin or surely may not. An abort while waiting is `stopped`. */
  async admit(identity: Identity, signal: AbortSignal): Promise<Admission> {
    if (this.#isStopped || signal.aborted) return { kind: "stopped" };
    const lane = this.#laneOf(identity);
    if (this.#isClosed(lane)) return { kind: "closed" };
    if (lane.waiting.size >= this.#options.laneWaitingMax) return { kind: "full" };
    const { promise, resolve } = Promise.withResolvers<Admission>();
    const waiting: Waiting = { grant: resolve };
    const abort = (): void => {
      if (lane.waiting.delete(waiting)) resolve({ kind: "stopped" });
    };
    signal.addEventListener("abort", abort, { once: true });
    lane.waiting.add(waiting);
    this.#turn.add(lane);
    this.#pump();
    const admission = await promise;
    signal.removeEventListener("abort", abort);
    return admission;
  }

  view(): readonly LaneView[] {
    const now = this.#clock.monotonic();
    return [...this.#lanes.values()].map((lane) => ({
      ...lane.identity,
      active: lane.active,
      waiting: lane.waiting.size,
      window: Math.floor(lane.window),
      failuresInRow: lane.failuresInRow,
      closedForMs: lane.closedUntil === null ? null : Math.max(0, lane.closedUntil - now),
    }));
  }

  /** Turns away who waits and who comes; resolves when nobody is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const lane of this.#lanes.values()) this.#turnAway(lane, { kind: "stopped" });
    if (this.#active === 0) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#onQuiet = () => resolve(undefined);
    await promise;
  }

  #laneOf(identity: Identity): Lane {
    const key = JSON.stringify([identity.hosts, identity.minRung, identity.domain]);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    if (this.#lanes.size >= LANES_REMEMBERED_MAX) this.#forgetQuietLanes();
    const lane: Lane = {
      identity,
      window: this.#options.laneWindowInitial,
      active: 0,
      failuresInRow: 0,
      closedMs: 0,
      closedUntil: null,
      isProbing: false,
      waiting: new Set(),
    };
    this.#lanes.set(key, lane);
    return lane;
  }

  #isClosed(lane: Lane): boolean {
    if (lane.closedUntil === null) return false;
    return lane.isProbing || this.#clock.monotonic() < lane.closedUntil;
  }

  #pump(): void {
    let isMoving = true;
    while (isMoving && this.#active < this.#options.connectionsMax) {
      isMoving = false;
      for (const lane of Array.from(this.#turn)) {
        if (this.#active >= this.#options.connectionsMax) break;
        isMoving = this.#admitNext(lane) || isMoving;
      }
    }
  }

  /** Lets the first who waits in this lane go, and puts the lane at the end of the turn. */
  #admitNext(lane: Lane): boolean {
    const [next] = lane.waiting;
    this.#turn.delete(lane);
    if (next === undefined) return false;
    this.#turn.add(lane);
    if (lane.active >= Math.max(1, Math.floor(lane.window))) return false;
    if (this.#isClosed(lane)) {
      this.#turnAway(lane, { kind: "closed" });
      return false;
    }
    lane.waiting.delete(next);
    lane.isProbing = lane.closedUntil !== null;
    lane.active += 1;
    this.#active += 1;
    next.grant({ kind: "go", release: this.#releaseOnce(lane) });
    return true;
  }

  #releaseOnce(lane: Lane): (result: LaneResult) => void {
    let isReleased = false;
    return (result) => {
      if (isReleased) return;
      isReleased = true;
      lane.active -= 1;
      this.#active -= 1;
      this.#learn(lane, result);
      this.#pump();
      if (this.#active === 0) this.#onQuiet?.();
    };
  }

  /** Window feedback as in Postfix: a success adds 1/window, a failure takes as much. */
  #learn(lane: Lane, result: LaneResult): void {
    const wasProbing = lane.isProbing;
    lane.isProbing = false;
    if (result === "reached") {
      lane.failuresInRow = 0;
      lane.closedMs = 0;
      if (lane.closedUntil !== null) lane.window = this.#options.laneWindowInitial;
      lane.closedUntil = null;
      lane.window = Math.min(this.#options.laneWindowMax, lane.window + 1 / lane.window);
    } else if (result === "unreached") {
      lane.failuresInRow += 1;
      lane.window = Math.max(1, lane.window - 1 / lane.window);
      const isClosing = lane.closedUntil === null && lane.failuresInRow >= this.#options.laneFailuresMax;
      if (wasProbing || isClosing) this.#close(lane);
    }
  }

  #close(lane: Lane): void {
    const { laneClosedFirstMs, laneClosedMaxMs } = this.#options;
    lane.closedMs = lane.closedMs === 0 ? laneClosedFirstMs : Math.min(laneClosedMaxMs, 2 * lane.closedMs);
    // Up to a tenth longer, so that lanes closed together do not probe together.
    lane.closedUntil = this.#clock.monotonic() + Math.round(lane.closedMs * (1 + this.#chance() / 10));
    lane.window = 1;
    this.#turnAway(lane, { kind: "closed" });
  }

  #turnAway(lane: Lane, admission: Admission): void {
    for (const waiting of lane.waiting) waiting.grant(admission);
    lane.waiting.clear();
    this.#turn.delete(lane);
  }

  #forgetQuietLanes(): void {
    for (const [key, lane] of this.#lanes) {
      if (lane.active === 0 && lane.waiting.size === 0 && !this.#isClosed(lane)) this.#lanes.delete(key);
    }
  }
}
