/**
 * What DNS says about the certificate of one mail server (RFC 7672 section 2.2). Promises: TLSA is asked for only where the address, or the
 * alias that leads to it, is vouched for, because name servers of unsigned zones often fail on such questions; a question that fails
 * is `unavailable`, never `none`. What the records prove on a connection is left to deliver.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { DaneState, TlsaRecord } from "../../core/dane.ts";
import type { DnsAnswer, Resolver } from "../../core/dns-answer.ts";
import { isUsable } from "../../parts/dane/usable.ts";
import { toHostName } from "../../parts/dns/host-name.ts";

export type DaneTarget = {
  readonly host: string;
  /** As the resolver answered about `host`. */
  readonly addresses: DnsAnswer<readonly string[]>;
  /** The one deliver will dial. */
  readonly port: number;
  /** Names of the recipient's domain, where a secure look-up led from there to the host (RFC 7672 section 3.2.2). */
  readonly domainNames: readonly string[];
};

type DaneResolver = Pick<Resolver, "tlsa" | "cname">;

const NONE: DaneState = { kind: "none" };

export async function lookUpDane(target: DaneTarget, resolver: DaneResolver): Promise<DaneState> {
  const { host, addresses } = target;
  if (addresses.kind !== "found") return NONE;
  if (addresses.security === "secure") {
    const expanded = toHostName(addresses.expandedName ?? "");
    // RFC 7672 section 2.2.2: the end of the chain first, then the name in the MX record.
    return askAt(expanded === null ? [host] : [expanded, host], target, resolver);
  }
  return addresses.expandedName === undefined ? NONE : askAtAlias(target, resolver);
}

/** Somewhere behind the alias DNSSEC ends; the alias itself may be signed, and its owner may publish TLSA beside it. */
async function askAtAlias(target: DaneTarget, resolver: DaneResolver): Promise<DaneState> {
  const alias = await resolver.cname(target.host);
  switch (alias.kind) {
    case "found":
      return alias.security === "secure" ? askAt([target.host], target, resolver) : NONE;
    case "absent":
      return NONE;
    case "bogus":
    case "unavailable":
      return failed(alias);
    default:
      return assertNever(alias);
  }
}

/** The first base name with records that are vouched for decides. */
async function askAt(
  bases: readonly [string, ...string[]],
  target: DaneTarget,
  resolver: DaneResolver,
): Promise<DaneState> {
  for (const base of bases) {
    const answer = await resolver.tlsa(`_${target.port}._tcp.${base}`);
    switch (answer.kind) {
      case "found":
        if (answer.security === "insecure") break;
        return stateOf(answer.value, base, [...bases, ...target.domainNames]);
      case "absent":
        break;
      case "bogus":
      case "unavailable":
        return failed(answer);
      default:
        return assertNever(answer);
    }
  }
  return NONE;
}

function failed({ kind, detail }: Extract<DnsAnswer<unknown>, { kind: "bogus" | "unavailable" }>): DaneState {
  return { kind: "unavailable", code: kind === "bogus" ? "PST-DSC-009" : "PST-DSC-008", detail };
}

function stateOf(records: readonly TlsaRecord[], baseName: string, names: readonly string[]): DaneState {
  const [first, ...others] = records.filter(isUsable);
  if (first === undefined) return { kind: "unusable" };
  const otherNames = new Set(names.filter((name) => name !== baseName));
  return { kind: "usable", records: [first, ...others], baseName, names: [baseName, ...otherNames] };
}
