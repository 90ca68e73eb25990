/** What `postern tls report` tells: rungs, hosts, codes and the domains of destinations; no address of a person. */
import type { EventBody } from "./event.ts";
import type { Rung } from "./rung.ts";

export type RungLine = { readonly rung: Rung; readonly destinations: number; readonly delivered: number };

/** Times are milliseconds since the epoch. `keptUntil`: protected mail keeps asking for `was` until then. */
export type BelowLine = {
  readonly domain: string;
  readonly was: Rung;
  readonly now: Rung;
  readonly since: number;
  readonly server: string;
  readonly keptUntil: number | null;
};

export type DowngradeLine = { readonly at: number } & Omit<Extract<EventBody, { kind: "downgrade" }>, "kind">;

/** Attempts on one server that ended with the same code. */
export type FailureLine = {
  readonly server: string;
  readonly code: string;
  readonly times: number;
  readonly last: number;
};

export type TlsReport = {
  readonly since: number;
  readonly rungs: readonly RungLine[];
  readonly below: readonly BelowLine[];
  readonly downgrades: readonly DowngradeLine[];
  readonly failures: readonly FailureLine[];
  readonly leftOut: {
    readonly below: number;
    readonly downgrades: number;
    readonly failures: number;
    /** Domains of which it cannot be read what they proved. */
    readonly unreadable: number;
  };
};
