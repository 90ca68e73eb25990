/** What the operator demands. Frozen at load; a reload swaps the whole value. */

/** Named floors, weakest first. `opportunistic` is for mail that needs no protection. */
export const PROFILES = ["opportunistic", "minimum", "standard", "strict", "content"] as const;
export type ProfileName = (typeof PROFILES)[number];

/** A rule for some destinations. An exact domain wins over a suffix, the longest suffix over shorter ones. */
export type DestinationRule = {
  /** `example.org` exactly, or `.example.org` for everything below it. */
  readonly match: string;
  /** Raises the floor of every message to at least this profile; null leaves it. */
  readonly raiseTo: ProfileName | null;
  /** Lowers the floor of mail that needs protection; only with a recorded reason and an expiry. */
  readonly lowerTo: { readonly profile: ProfileName; readonly reason: string; readonly expiresAt: number } | null;
};

export type Policy = {
  /** Floor for verdict `phi` of tier low, and for sender triggers. */
  readonly phi: ProfileName;
  /** Floor for tier high. */
  readonly sensitive: ProfileName;
  /** Floor for what could not be inspected. */
  readonly uninspectable: ProfileName;
  /** Floor for mail the sender's client encrypted already. */
  readonly alreadyProtected: ProfileName;
  readonly destinations: readonly DestinationRule[];
  /** How long protected mail keeps what a domain proved before, from the first sight of its fall on. */
  readonly keepProvenMs: number;
};
