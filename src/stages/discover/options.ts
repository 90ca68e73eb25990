/** What an operator may set about discovery. */
import type { TlsRule } from "../../core/tls-rule.ts";

/** A next hop the operator names instead of MX. */
export type Smarthost = {
  /** `example.org` exactly, `.example.org` for everything below it; null: every destination without one of its own. */
  readonly domains: readonly string[] | null;
  /** A host name or an IP address. */
  readonly host: string;
  readonly port: number;
  /** What is asked of the connection to it. */
  readonly tls?: TlsRule | null;
};

export type DiscoverOptions = {
  /** Names this gateway answers to; an MX that carries one of them is a loop. */
  readonly ownNames: readonly string[];
  /** Addresses this gateway listens on from outside, for the same check. */
  readonly ownAddresses: readonly string[];
  readonly smarthosts: readonly Smarthost[];
  /** What deliver dials where no smarthost says otherwise; TLSA records are published by port. */
  readonly port: number;
  /** Hosts of one domain that are looked up and tried. */
  readonly mxHostsMax: number;
  /** Hosts of one domain looked up at once. */
  readonly hostLookupsMax: number;
};

export const DISCOVER_DEFAULTS = {
  ownNames: [],
  ownAddresses: [],
  smarthosts: [],
  port: 25,
  mxHostsMax: 20,
  hostLookupsMax: 5,
} as const satisfies DiscoverOptions;
