/** A person at the machine, as the kernel told who it is (src/parts/control/proof.ts). */
export type Actor = {
  /** Name of the account; `uid 1234` where the machine knows none. */
  readonly user: string;
  readonly uid: number;
  /** Whom sudo said it works for: a claim, no proof. */
  readonly sudoUser: string | null;
};

/** How an event names its actor. */
export type ActorFacts = {
  readonly actor: string;
  /** Left out where the act was recorded before users were proved. */
  readonly uid?: number;
  readonly sudoUser?: string;
};

export function actorFacts({ user, uid, sudoUser }: Actor): ActorFacts {
  return { actor: user, uid, ...(sudoUser === null ? {} : { sudoUser }) };
}
