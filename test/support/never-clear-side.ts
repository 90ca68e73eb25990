/** One hostile or faulty recipient side for the never-clear suite: its servers, its zone, and how it changes. */
import type { CertificateKind, ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { Zone } from "../../src/cli/loopback/dns-server.ts";
import type { MxBehaviour, MxFault } from "../../src/cli/loopback/mx-behaviour.ts";
import type { ReasonCode } from "../../src/core/reason-codes.ts";
import type { World } from "./world.ts";

export type Peer = Pick<ServerDescription, "tls" | "behaviour"> & { readonly certificate: CertificateKind };

/** Names and addresses a case was given. */
export type Side = {
  readonly domain: string;
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
};

export type HostileCase = {
  readonly name: string;
  /** In order of preference. */
  readonly peers: readonly Peer[];
  /** In place of one MX record for each peer. */
  readonly zone?: (side: Side) => Zone;
  /** After the first attempt. */
  readonly afterFirst?: (side: Side, world: World) => void;
  /** State and code after the first attempt. */
  readonly first: string;
  /** A code that an `attempt`, `unmet`, `deferred` or `held` row must name by the end. */
  readonly why: ReasonCode;
  /** State and code long after lifetime and review deadline. */
  readonly last: string;
};

export const HELD = "held PST-DEC-001";
export const NOBODY_DECIDED = "failed PST-PIP-002";
export const LIFETIME_OVER = "failed PST-PIP-001";

export const PLAIN: Peer = { certificate: "none" };
export const GOOD: Peer = { certificate: "valid" };

export function good(behaviour: MxBehaviour): Peer {
  return { certificate: "valid", behaviour };
}

export function replies(text: string): MxFault {
  return { kind: "reply", text };
}

export function host(side: Side, ordinal: number): Side["hosts"][number] {
  const found = side.hosts[ordinal - 1];
  if (found === undefined) throw new Error("no such host in this case");
  return found;
}

/** MX records for these host names, in this order of preference. */
export function mxOf(names: readonly string[]): { readonly MX: readonly (readonly [number, string])[] } {
  return { MX: names.map((name, index) => [10 * (index + 1), name] as const) };
}
