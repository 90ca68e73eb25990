/** What the operator demands. Frozen at load; a reload swaps the whole value. */
import type { TlsRule } from "./tls-rule.ts";

/**
 * Named floors, weakest first. `opportunistic` is for mail that needs no protection. With `content` no transport is enough, with
 * `portal` no encryption to the recipient's own key either: the message stays here, and is read here.
 */
export const PROFILES = ["opportunistic", "minimum", "standard", "strict", "content", "portal"] as const;
export type ProfileName = (typeof PROFILES)[number];

/** What follows where a destination cannot meet the floor. */
export const FALLBACKS = ["portal", "defer", "fail"] as const;
export type Fallback = (typeof FALLBACKS)[number];

/** Whether MAIL carries REQUIRETLS (RFC 8689) with mail that needs protection. */
export const REQUIRETLS_WISHES = ["off", "prefer", "require"] as const;
export type RequireTlsWish = (typeof REQUIRETLS_WISHES)[number];

/** A rule for some destinations. An exact domain wins over a suffix, the longest suffix over shorter ones. */
export type DestinationRule = {
  /** `example.org` exactly, or `.example.org` for everything below it. */
  readonly match: string;
  /** Raises the floor of every message to at least this profile; null leaves it. */
  readonly raiseTo: ProfileName | null;
  /** Lowers the floor of mail that needs protection; only with a recorded reason and an expiry. */
  readonly lowerTo: { readonly profile: ProfileName; readonly reason: string; readonly expiresAt: number } | null;
  /** No transport is enough there: mail that needs protection needs its content protected. */
  readonly requireContentProtection: boolean;
  readonly fallback: Fallback;
  /** null: as anywhere else. */
  readonly requireTls: RequireTlsWish | null;
  /** Of the connection itself, whatever the mail; null: nothing. */
  readonly tls: TlsRule | null;
  /** The domain's MTA-STS policy is not asked for until then; null: it binds. */
  readonly ignoreSts: { readonly reason: string; readonly expiresAt: number } | null;
};

/** Senders who may say that a message needs no protection, by a tag in its subject. */
export type SenderWaiver = {
  /** Patterns of core/address-pattern.ts. */
  readonly senders: readonly string[];
  /** Held until a reviewer releases it. */
  readonly needsApproval: boolean;
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
  /** For mail that needs protection, where no destination rule says otherwise. */
  readonly requireTls: RequireTlsWish;
  readonly destinations: readonly DestinationRule[];
  /** How long protected mail keeps what a domain proved before, from the first sight of its fall on. */
  readonly keepProvenMs: number;
  /** Left out: nobody may. */
  readonly waiver?: SenderWaiver;
};
