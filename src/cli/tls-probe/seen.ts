/** What a probe saw of one mail server, and what that is worth to a message. */
import type { MxHost, Route } from "../../core/capabilities.ts";
import { PROFILES } from "../../core/policy.ts";
import type { ProfileName } from "../../core/policy.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { meetsRung, RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import { floorOf } from "../../stages/decide/profile.ts";
import type { Probe } from "../../stages/deliver/probe.ts";

export type HostsRoute = Extract<Route, { kind: "hosts" }>;

/** One address, or one host that is not dialled at all. */
export type Seen = {
  readonly domain: string;
  readonly way: Pick<HostsRoute, "via" | "security">;
  readonly host: MxHost;
  readonly port: number;
} & (
  | { readonly address: string; readonly probe: Probe }
  | { readonly address: string | null; readonly probe: null; readonly notDialled: ReasonCode }
);

/** The rung that mail could make use of there; null where no mail would be handed over at all. */
export function rungOf({ probe }: Seen): Rung | null {
  if (probe === null) return null;
  if (probe.verdict === null) return probe.facts.rung;
  return probe.verdict.kind === "below" ? probe.verdict.rung : null;
}

export function isAuthenticated(seen: Seen): boolean {
  const rung = rungOf(seen);
  return rung !== null && meetsRung(rung, "pkix");
}

/** The profiles under which mail could go there by transport alone; never `content`, whatever the rung. */
export function profilesOf(seen: Seen): readonly ProfileName[] {
  const rung = rungOf(seen);
  return PROFILES.filter((profile) => {
    const { minRung } = floorOf(profile);
    return rung !== null && minRung !== null && meetsRung(rung, minRung);
  });
}

/** Without the addresses this machine has no way to, where the host was reached at another one. */
export function counted(all: readonly Seen[]): readonly Seen[] {
  const isReached = ({ probe }: Seen): boolean => probe !== null && !probe.isUnroutable;
  const reached = new Set(all.filter(isReached).map(({ host }) => host.name));
  return all.filter(({ host, probe }) => probe?.isUnroutable !== true || !reached.has(host.name));
}

/** Strongest first; the order of discovery among equals. */
export function ranked(all: readonly Seen[]): readonly Seen[] {
  const rankOf = (seen: Seen): number => {
    const rung = rungOf(seen);
    return rung === null ? RUNGS.length : RUNGS.indexOf(rung);
  };
  return all.toSorted((a, b) => rankOf(a) - rankOf(b));
}
