/**
 * Admission of deliveries per destination: concurrency windows, a cap over all, and rest for a dead destination.
 * Promises: windows grow on success and shrink on failure to connect, never on what a server says about one mail; a lane that
 * failed several times in a row is closed for a growing time, then one probe may go; nobody waits long behind a server that takes
 * connections and says nothing; waiting is first come first served in a
 * lane, and lanes take turns; every wait ends with an admission. Lanes that lead to the same servers (many domains, one provider)
 * share health and bounds: a dead or slow server that many domains name costs no more than one, and others stay served.
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

export type LaneState = {
  /** Deliveries that may run side by side. */
  readonly window: number;
  /** No delivery begins before so long has passed; null while the lane is open. */
  readonly restMs: number | null;
};

/** `reached`: a server was spoken to. `unreached`: none could be. `unknown`: it says nothing about the destination. */
export type LaneResult = "reached" | "unreached" | "unknown";

export type Admission =
  | {
      readonly kind: "go";
      /** A session is open: whatever becomes of it, somebody is there. */
      readonly spoken: () => void;
      readonly release: (result: LaneResult) => void;
    }
  | { readonly kind: "closed" }
  | { readonly kind: "full" }
  | { readonly kind: "stopped" };

type Identity = Pick<LaneView, "hosts" | "minRung" | "domain">;
type Waiting = { readonly grant: (admission: Admission) => void };
/** What lanes of one floor to the same servers have in common, whatever the domain. */
type Site = {
  readonly key: string;
  readonly lanes: Set<Lane>;
  active: number;
  failuresInRow: number;
  /** How long the last closing lasted. */
  closedMs: number;
  /** Monotonic time of the end of the closing; null while open. */
  closedUntil: number | null;
  isProbing: boolean;
  /** Somebody was spoken with there, and no delivery failed to since. */
  isProven: boolean;
  /** Those who went there hear nothing, too long for others to wait behind them. */
  isSilent: boolean;
  /** Deliveries whose session was opened. */
  speaking: number;
  /** Runs while somebody is there, nobody has a session, and it is not proven. */
  silence: NodeJS.Timeout | null;
};
type Lane = {
  readonly identity: Identity;
  readonly site: Site;
  window: number;
  active: number;
  readonly waiting: Set<Waiting>;
};

const LANES_REMEMBERED_MAX = 10_000;
/** The share of all connections that lanes to the same servers may hold together, unless one lane alone may hold more. */
const SITE_SHARE = 1 / 4;
/** The share of the free connections that lanes to the same servers may hold together. */
const FREE_SHARE = 1 / 2;
/**
 * Of all connections, for servers that nobody spoke with since the last failure: up to the first share they may have several
 * each, up to the second one each, and up to the third only those that have not failed yet.
 */
const UNPROVEN_SHARES = { several: 1 / 4, one: 1 / 2, untried: 3 / 4 } as const;

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
  readonly #sites = new Map<string, Site>();
  /** Lanes with someone waiting; the first is next in turn. */
  readonly #turn = new Set<Lane>();
  #active = 0;
  /** Of these, to sites that are not proven. */
  #unproven = 0;
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
    if (this.#isClosed(lane.site)) return { kind: "closed" };
    if (waitingAt(lane.site) >= this.#options.laneWaitingMax) return { kind: "full" };
    const { promise, resolve } = Promise.withResolvers<Admission>();
    const waiting: Waiting = { grant: resolve };
    const abort = (): void => {
      if (lane.waiting.delete(waiting)) resolve({ kind: "stopped" });
    };
    lane.waiting.add(waiting);
    this.#turn.add(lane);
    this.#pump();
    if (!lane.waiting.has(waiting)) return await promise;
    signal.addEventListener("abort", abort, { once: true });
    const admission = await promise;
    signal.removeEventListener("abort", abort);
    return admission;
  }

  state(identity: Identity): LaneState {
    const { site, window } = this.#laneOf(identity);
    const windowNow = Math.max(1, Math.floor(window));
    // While somebody is there without an answer, nobody knows: as long as after a first failure.
    if (site.isSilent || site.isProbing) return { window: windowNow, restMs: this.#options.laneClosedFirstMs };
    if (site.closedUntil === null) return { window: windowNow, restMs: null };
    return { window: windowNow, restMs: Math.max(1, site.closedUntil - this.#clock.monotonic()) };
  }

  view(): readonly LaneView[] {
    const now = this.#clock.monotonic();
    return [...this.#lanes.values()].map((lane) => ({
      ...lane.identity,
      active: lane.active,
      waiting: lane.waiting.size,
      window: Math.floor(lane.window),
      failuresInRow: lane.site.failuresInRow,
      closedForMs: lane.site.closedUntil === null ? null : Math.max(0, lane.site.closedUntil - now),
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
    const site = this.#siteOf(identity);
    const lane: Lane = { identity, site, window: this.#options.laneWindowInitial, active: 0, waiting: new Set() };
    site.lanes.add(lane);
    this.#lanes.set(key, lane);
    return lane;
  }

  #siteOf({ hosts, minRung }: Identity): Site {
    const key = JSON.stringify([hosts, minRung]);
    const known = this.#sites.get(key);
    if (known !== undefined) return known;
    const health = { failuresInRow: 0, closedMs: 0, closedUntil: null, isProbing: false, isProven: false };
    const site: Site = { key, lanes: new Set(), active: 0, ...health, isSilent: false, speaking: 0, silence: null };
    this.#sites.set(key, site);
    return site;
  }

  #isClosed(site: Site): boolean {
    if (site.isSilent) return true;
    if (site.closedUntil === null) return false;
    return site.isProbing || this.#clock.monotonic() < site.closedUntil;
  }

  /**
   * A site may hold a share of what is free, so that many slow ones leave room for the next; and those nobody was found at
   * since they were last tried share a part of all connections, so that the dead hold up neither the living nor the untried.
   */
  #hasRoom({ active, window, site }: Lane): boolean {
    const { connectionsMax, laneWindowMax } = this.#options;
    if (!site.isProven && this.#unproven >= this.#unprovenMax(site)) return false;
    const siteMax = Math.max(laneWindowMax, Math.floor(connectionsMax * SITE_SHARE));
    const freeShare = Math.max(1, Math.floor((connectionsMax - this.#active) * FREE_SHARE));
    return active < Math.max(1, Math.floor(window)) && site.active < Math.min(siteMax, freeShare);
  }

  #unprovenMax({ active, failuresInRow }: Site): number {
    const ofOne = failuresInRow === 0 ? UNPROVEN_SHARES.untried : UNPROVEN_SHARES.one;
    const share = active > 0 ? UNPROVEN_SHARES.several : ofOne;
    return Math.max(1, Math.floor(this.#options.connectionsMax * share));
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
    if (!this.#hasRoom(lane)) return false;
    if (this.#isClosed(lane.site)) {
      this.#turnAway(lane, { kind: "closed" });
      return false;
    }
    lane.waiting.delete(next);
    lane.site.isProbing = lane.site.closedUntil !== null;
    lane.site.active += 1;
    lane.active += 1;
    this.#active += 1;
    if (!lane.site.isProven) this.#unproven += 1;
    this.#listen(lane.site);
    next.grant(this.#goTo(lane));
    return true;
  }

  #goTo(lane: Lane): Admission {
    const { site } = lane;
    let state: "begun" | "speaking" | "released" = "begun";
    const spoken = (): void => {
      if (state !== "begun") return;
      state = "speaking";
      site.speaking += 1;
      this.#hear(site);
    };
    const release = (result: LaneResult): void => {
      if (state === "released") return;
      if (state === "speaking") site.speaking -= 1;
      state = "released";
      lane.active -= 1;
      site.active -= 1;
      this.#active -= 1;
      if (!site.isProven) this.#unproven -= 1;
      this.#learn(lane, result);
      this.#listenAnew(site);
      this.#pump();
      if (this.#active === 0) this.#onQuiet?.();
    };
    return { kind: "go", spoken, release };
  }

  #hear(site: Site): void {
    if (site.isProven) return;
    this.#prove(site, true);
    this.#listenAnew(site);
    this.#pump();
  }

  /** Whoever waits behind those who hear nothing goes back to the queue, where waiting costs nothing. */
  #listen(site: Site): void {
    if (site.isProven || site.active === 0 || site.speaking > 0) return;
    site.silence ??= setTimeout(() => {
      site.isSilent = true;
      for (const lane of site.lanes) this.#turnAway(lane, { kind: "closed" });
    }, this.#options.laneSilentMs).unref();
  }

  /** Somebody came back: what that says counts, and the silence of the others begins anew. */
  #listenAnew(site: Site): void {
    if (site.silence !== null) clearTimeout(site.silence);
    Object.assign(site, { silence: null, isSilent: false });
    this.#listen(site);
  }

  /** Window feedback as in Postfix: a success adds 1/window, a failure takes as much. */
  #learn(lane: Lane, result: LaneResult): void {
    const { site } = lane;
    const wasProbing = site.isProbing;
    site.isProbing = false;
    if (result === "reached") {
      this.#prove(site, true);
      if (site.closedUntil !== null) lane.window = this.#options.laneWindowInitial;
      Object.assign(site, { failuresInRow: 0, closedMs: 0, closedUntil: null });
      lane.window = Math.min(this.#options.laneWindowMax, lane.window + 1 / lane.window);
    } else if (result === "unreached") {
      this.#prove(site, false);
      site.failuresInRow += 1;
      lane.window = Math.max(1, lane.window - 1 / lane.window);
      const isClosing = site.closedUntil === null && site.failuresInRow >= this.#options.laneFailuresMax;
      if (wasProbing || isClosing) this.#close(site);
    }
  }

  #prove(site: Site, isProven: boolean): void {
    if (site.isProven === isProven) return;
    site.isProven = isProven;
    this.#unproven += isProven ? -site.active : site.active;
  }

  #close(site: Site): void {
    const { laneClosedFirstMs, laneClosedMaxMs } = this.#options;
    site.closedMs = site.closedMs === 0 ? laneClosedFirstMs : Math.min(laneClosedMaxMs, 2 * site.closedMs);
    // Up to a tenth longer, so that sites closed together do not probe together.
    site.closedUntil = this.#clock.monotonic() + Math.round(site.closedMs * (1 + this.#chance() / 10));
    for (const lane of site.lanes) {
      lane.window = 1;
      this.#turnAway(lane, { kind: "closed" });
    }
  }

  #turnAway(lane: Lane, admission: Admission): void {
    for (const waiting of lane.waiting) waiting.grant(admission);
    lane.waiting.clear();
    this.#turn.delete(lane);
  }

  #forgetQuietLanes(): void {
    for (const [key, lane] of this.#lanes) {
      if (lane.active > 0 || lane.waiting.size > 0 || this.#isClosed(lane.site)) continue;
      this.#lanes.delete(key);
      lane.site.lanes.delete(lane);
      if (lane.site.lanes.size === 0) this.#sites.delete(lane.site.key);
    }
  }
}

function waitingAt(site: Site): number {
  let waiting = 0;
  for (const lane of site.lanes) waiting += lane.waiting.size;
  return waiting;
}
