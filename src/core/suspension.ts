/** Mail that an operator lets wait: to somebody, or from somebody, until a time. Pure. */
import type { ActorFacts } from "./actor.ts";
import type { Mailbox } from "./envelope.ts";
import { isFrom as isOf } from "./queue-selection.ts";

export const SUSPENDED_SIDES = ["to", "from"] as const;

/** Whom it concerns. */
export type SuspendedMail = {
  readonly side: (typeof SUSPENDED_SIDES)[number];
  /** An address, a domain, `.example.org` for all below it, or `<>` for the null sender. */
  readonly pattern: string;
};

export type Suspension = SuspendedMail & {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
  readonly by: ActorFacts;
  readonly reason: string;
};

export const SUSPENSION_LIMITS = { standingMax: 200, longestMs: 30 * 86_400_000 } as const;

/** Those that make this mail wait. */
export function suspensionsOf(
  mail: { readonly sender: Mailbox | null; readonly recipient: Mailbox },
  { standing, now }: { readonly standing: Iterable<Suspension>; readonly now: number },
): readonly Suspension[] {
  return Array.from(standing).filter(
    ({ side, pattern, until }) => until > now && isOf(side === "to" ? mail.recipient : mail.sender, pattern),
  );
}

/** How the audit names it: domains, never an address. */
export function suspendedFacts({ side, pattern }: SuspendedMail): { readonly side: string; readonly of: string } {
  const at = pattern.lastIndexOf("@");
  return { side, of: at < 0 ? pattern : `an address at ${pattern.slice(at + 1)}` };
}
