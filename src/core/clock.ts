/** Time and chance as collaborators, so that tests own both. */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch: due times, audit, headers. */
  now(): number;
  /** Monotonic milliseconds from an arbitrary origin: durations and timeouts. */
  monotonic(): number;
}

/** A number in [0, 1), for jitter and for shuffling equal MX preferences. */
export type Chance = () => number;
