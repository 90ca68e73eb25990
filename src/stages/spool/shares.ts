/**
 * Who has how much in flight, and who may have more. Promises: whatever one destination, one sender or many of them take,
 * some places stay free for the others. The bound is a share of what is free, not of the whole (dynamic thresholds), so it
 * grows tighter as more take part and no place is kept for nobody.
 */
import type { Clock } from "../../core/clock.ts";
import type { ClaimShares, MessageShares, StoredRecipient } from "../../core/queue-store.ts";

export type ShareOptions = {
  readonly inFlightRecipientsMax: number;
  /** Of the places, kept for mail that just arrives: what is claimed from the queue leaves them free. */
  readonly arrivalsShare: number;
  /**
   * What one lane may have in flight, and one sender by each way, as a share of the places that are free. The ways are counted
   * apart, so that neither a sender's backlog nor its new mail keeps the other waiting.
   */
  readonly laneShare: number;
  readonly senderShare: number;
  /** Recipients of a lane in flight for each delivery that may run beside others. */
  readonly recipientsPerDelivery: number;
  /** Deliveries side by side to a lane nothing is known of. */
  readonly windowInitial: number;
  /** Recipients of one lane that one claim hands out at most. */
  readonly perLaneMax: number;
  /**
   * What is claimed for lanes of which nobody knows whether they answer: of one, and of all of them together that have not waited
   * `unknownMs` yet. Each that waits for a dead server takes memory, and each that is turned away there costs a pass; but those
   * that hear nothing keep nobody else from a place for longer, until all of them have `unknownShare` of what may be claimed:
   * the rest is for lanes that answer.
   */
  readonly perUnknownLaneMax: number;
  readonly unknownMax: number;
  readonly unknownMs: number;
  readonly unknownShare: number;
};

/** How a recipient came in flight: with its message, or from the queue. */
export type Way = "arrived" | "claimed";

/** Monotonic time since when a lane has had any. */
type Claimed = { count: number; readonly since: number };
/** Lanes remembered because they answered: each claim names them all. */
const KNOWN_MAX = 1_000;

type Keys = Pick<StoredRecipient, "lane" | "sender">;

export class Shares {
  readonly #options: ShareOptions;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #lanes = new Map<string, number>();
  readonly #claimed = new Map<string, Claimed>();
  readonly #senders: Readonly<Record<Way, Map<string, number>>> = { arrived: new Map(), claimed: new Map() };
  /** Of lanes with something in flight; see Destination. */
  readonly #windows = new Map<string, number>();
  /** Answered when last tried, the one of longest ago first. */
  readonly #known = new Set<string>();
  #inFlight = 0;

  constructor(options: ShareOptions, clock: Pick<Clock, "monotonic">) {
    this.#options = options;
    this.#clock = clock;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get free(): number {
    return this.#options.inFlightRecipientsMax - this.#inFlight;
  }

  /** Places a claim may fill. */
  get claimable(): number {
    return Math.max(0, this.#claimableMax - this.#inFlight);
  }

  get #claimableMax(): number {
    const { inFlightRecipientsMax, arrivalsShare } = this.#options;
    return inFlightRecipientsMax - Math.floor(inFlightRecipientsMax * arrivalsShare);
  }

  add({ lane, sender }: Keys, way: Way): void {
    const senders = this.#senders[way];
    this.#inFlight += 1;
    this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
    senders.set(sender, (senders.get(sender) ?? 0) + 1);
    if (way === "claimed") this.#addClaimed(lane);
  }

  remove({ lane, sender }: Keys, way: Way): void {
    this.#inFlight -= 1;
    if (takeOne(this.#lanes, lane)) this.#windows.delete(lane);
    takeOne(this.#senders[way], sender);
    if (way === "claimed") this.#removeClaimed(lane);
  }

  /** So many deliveries to the lane may run side by side. */
  learn(lane: string, window: number): void {
    if (this.#lanes.has(lane)) this.#windows.set(lane, window);
    this.#known.delete(lane);
    const [oldest] = this.#known;
    if (oldest !== undefined && this.#known.size >= KNOWN_MAX) this.#known.delete(oldest);
    this.#known.add(lane);
  }

  /** Nobody answers there now. */
  unlearn(lane: string): void {
    this.#known.delete(lane);
  }

  /** Whether a message that arrives may go on at once. */
  fits({ sender, lanes }: MessageShares): boolean {
    if (lanes.length > this.free) return false;
    if ((this.#senders.arrived.get(sender) ?? 0) + lanes.length > this.#senderMax()) return false;
    const wanted = new Map<string, number>();
    for (const lane of lanes) wanted.set(lane, (wanted.get(lane) ?? 0) + 1);
    return [...wanted].every(([lane, count]) => (this.#lanes.get(lane) ?? 0) + count <= this.#laneMax(lane));
  }

  forClaim(): ClaimShares {
    const senderMax = this.#senderMax();
    const fullLanes = [...this.#lanes].filter(([lane, count]) => count >= this.#claimMax(lane)).map(([lane]) => lane);
    const fullSenders = [...this.#senders.claimed].filter(([, count]) => count >= senderMax).map(([sender]) => sender);
    const perLaneMax = Math.min(this.#options.perLaneMax, this.#freeShare(this.#options.laneShare));
    const unknownMax = this.#unknownMax();
    const { perUnknownLaneMax } = this.#options;
    const knownLanes = [...this.#known];
    return { fullLanes, fullSenders, perLaneMax, perSenderMax: senderMax, knownLanes, unknownMax, perUnknownLaneMax };
  }

  #senderMax(): number {
    return this.#freeShare(this.#options.senderShare);
  }

  #addClaimed(lane: string): void {
    const claimed = this.#claimed.get(lane);
    if (claimed === undefined) this.#claimed.set(lane, { count: 1, since: this.#clock.monotonic() });
    else claimed.count += 1;
  }

  #removeClaimed(lane: string): void {
    const claimed = this.#claimed.get(lane);
    if (claimed === undefined) return;
    claimed.count -= 1;
    if (claimed.count <= 0) this.#claimed.delete(lane);
  }

  #unknownMax(): number {
    const { unknownMax, unknownMs, unknownShare } = this.#options;
    const begin = this.#clock.monotonic() - unknownMs;
    let recent = 0;
    let all = 0;
    for (const [lane, { count, since }] of this.#claimed) {
      if (this.#known.has(lane)) continue;
      all += count;
      if (since > begin) recent += count;
    }
    return Math.max(0, Math.min(unknownMax - recent, Math.floor(this.#claimableMax * unknownShare) - all));
  }

  #claimMax(lane: string): number {
    return this.#known.has(lane) ? this.#laneMax(lane) : this.#options.perUnknownLaneMax;
  }

  #laneMax(lane: string): number {
    const { laneShare, recipientsPerDelivery, windowInitial } = this.#options;
    const startable = (this.#windows.get(lane) ?? windowInitial) * recipientsPerDelivery;
    return Math.min(this.#freeShare(laneShare), startable);
  }

  #freeShare(share: number): number {
    return Math.max(1, Math.floor(Math.max(0, this.free) * share));
  }
}

/** True where that was the last. */
function takeOne(counts: Map<string, number>, key: string): boolean {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
  return left <= 0;
}
