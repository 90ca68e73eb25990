/**
 * Learns where a recipient's domain takes its mail (RFC 5321 section 5.1, RFC 7505; docs/security-levels.md).
 * Promises: never dials a mail server and never rejects for what DNS says; a failed MX look-up is `unavailable` or `bogus`,
 * never an implicit MX; a host whose addresses or TLSA records could not be learned stays in the list with that answer, so that
 * deliver defers. Leaves to deliver: which addresses may be dialled, TLS, and every proof of a rung. S/MIME, OpenPGP and the portal
 * are not built: they are reported as absent, and so is what was proven before, which others remember.
 */
import { isIP } from "node:net";
import { assertNever } from "../../core/assert-never.ts";
import type { Capabilities, MxHost, Route } from "../../core/capabilities.ts";
import type { Chance, Clock } from "../../core/clock.ts";
import type { DnsAnswer, DnsSecurity, MxRecord, Resolver } from "../../core/dns-answer.ts";
import { findDestinationRule, isStsIgnored } from "../../core/destination-rule.ts";
import type { Log } from "../../core/log.ts";
import type { DestinationRule, Policy } from "../../core/policy.ts";
import type { Discover } from "../../core/stages.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import { Gate } from "../../parts/dns/gate.ts";
import { toHostName, toQueryName } from "../../parts/dns/host-name.ts";
import { canonicalAddress, readAddressLiteral } from "./address-literal.ts";
import { lookUpDane } from "./dane.ts";
import { orderMx, withoutSelf } from "./mx-order.ts";
import type { DiscoverOptions, Smarthost } from "./options.ts";
import { findSmarthost } from "./smarthost.ts";
import { isNoneNamed, NO_POLICY, policyDomain, underPolicy } from "./sts-route.ts";
import type { StsLookup } from "./sts.ts";

export type DiscoverDeps = {
  readonly resolver: Resolver;
  readonly chance: Chance;
  readonly log: Log;
  readonly sts: StsLookup;
  /** In force now: a reload changes it. */
  readonly policy: () => Pick<Policy, "destinations">;
  readonly clock: Pick<Clock, "now">;
};

type FoundMx = Extract<DnsAnswer<readonly MxRecord[]>, { kind: "found" }>;

/** How the hosts were found. */
type Way = {
  readonly via: "mx" | "implicit-mx";
  readonly security: DnsSecurity;
  /** See `DaneTarget`. */
  readonly domainNames: readonly string[];
};

type World = {
  readonly options: DiscoverOptions;
  readonly deps: DiscoverDeps;
  readonly ownNames: ReadonlySet<string>;
  readonly ownAddresses: ReadonlySet<string>;
};

export function createDiscover(options: DiscoverOptions, deps: DiscoverDeps): Discover {
  const world: World = {
    options,
    deps,
    ownNames: new Set(options.ownNames.map((name) => name.toLowerCase())),
    ownAddresses: new Set(options.ownAddresses.map(canonicalAddress)),
  };
  return async ({ domain }): Promise<Capabilities> => {
    const rule = findDestinationRule(deps.policy().destinations, domain);
    const asked = isStsIgnored(rule, deps.clock.now()) ? null : policyDomain(domain, world.options);
    const [found, policy] = await Promise.all([
      discoverRoute(domain, world),
      asked === null ? NO_POLICY : deps.sts.policyOf(asked),
    ]);
    const isUnnamed = asked !== null && isNoneNamed(found, policy);
    const sts = isUnnamed ? await deps.sts.fetchedAgain(asked) : policy;
    const route = withRule(underPolicy(found, sts), ruleFor(domain, rule, world));
    const absent = { kind: "absent" } as const;
    return { domain, route, sts, smime: absent, openpgp: absent, proven: absent, portal: absent };
  };
}

/** What the operator asks of the servers: of the smarthost where the mail goes by one, else of the destination's own. */
function ruleFor(domain: string, rule: DestinationRule | null, { options }: World): TlsRule | null {
  const smarthost = findSmarthost(options.smarthosts, domain);
  return (smarthost === null ? rule?.tls : smarthost.tls) ?? null;
}

function withRule(route: Route, rule: TlsRule | null): Route {
  if (route.kind !== "hosts" || rule === null) return route;
  return { ...route, hosts: route.hosts.map((host) => ({ ...host, rule })) };
}

async function discoverRoute(domain: string, world: World): Promise<Route> {
  const smarthost = findSmarthost(world.options.smarthosts, domain);
  if (smarthost !== null) return routeBySmarthost(smarthost, world);
  if (domain.startsWith("[")) return routeByLiteral(domain, world);
  const name = toQueryName(domain);
  if (name === null) return { kind: "unusable", code: "PST-DSC-003" };
  const mx = await world.deps.resolver.mx(name);
  switch (mx.kind) {
    case "found":
      return routeByMx(name, mx, world);
    case "absent":
      if (mx.reason === "nxdomain") return { kind: "no-such-domain" };
      // Old domains with an underscore may have an MX; a host of that name cannot be.
      if (toHostName(name) === null) return { kind: "unusable", code: "PST-DSC-004" };
      return routeByHosts(
        [{ preference: 0, exchange: name }],
        { via: "implicit-mx", security: mx.security, domainNames: [] },
        world,
      );
    case "bogus":
      return { kind: "bogus", code: "PST-DSC-002", detail: mx.detail };
    case "unavailable":
      return { kind: "unavailable", code: "PST-DSC-001", detail: mx.detail };
    default:
      return assertNever(mx);
  }
}

async function routeByMx(domain: string, mx: FoundMx, world: World): Promise<Route> {
  // RFC 7505 section 3: a null MX beside others is an error of the zone; the others count.
  const named = mx.value.filter(({ exchange }) => exchange !== "");
  const { security } = mx;
  const domainNames = security === "secure" ? [domain, mx.expandedName ?? domain] : [];
  if (named.length > 0) return routeByHosts(named, { via: "mx", security, domainNames }, world);
  return mx.value.length > 0 ? { kind: "null-mx" } : { kind: "unusable", code: "PST-DSC-005" };
}

/** Ourselves by name is seen before any look-up and among all records; ourselves by address among the hosts looked up. */
async function routeByHosts(
  records: readonly MxRecord[],
  { via, security, domainNames }: Way,
  world: World,
): Promise<Route> {
  const others = withoutSelf(orderMx(records, world.deps.chance), ({ exchange }) => world.ownNames.has(exchange));
  const tried = others.slice(0, world.options.mxHostsMax);
  const hosts = withoutSelf(await lookUpHosts(tried, domainNames, world), (host) => isOwnHost(host, world));
  if (hosts.length === 0) return { kind: "loop" };
  return hosts.every(({ addresses }) => addresses.kind === "absent")
    ? { kind: "unusable", code: "PST-DSC-004" }
    : { kind: "hosts", hosts, via, security };
}

function lookUpHosts(
  records: readonly MxRecord[],
  domainNames: readonly string[],
  { options, deps: { resolver } }: World,
): Promise<readonly MxHost[]> {
  const gate = new Gate(options.hostLookupsMax);
  const lookUp = async ({ exchange: host, preference }: MxRecord): Promise<MxHost> => {
    const addresses = await resolver.addresses(host);
    const dane = await lookUpDane({ host, addresses, port: options.port, domainNames }, resolver);
    return { name: host, preference, addresses, dane, sts: { kind: "none" } };
  };
  return Promise.all(records.map((record) => gate.pass(() => lookUp(record))));
}

function isOwnHost({ addresses }: MxHost, { ownAddresses }: World): boolean {
  return addresses.kind === "found" && addresses.value.some((address) => ownAddresses.has(canonicalAddress(address)));
}

function routeByLiteral(domain: string, world: World): Route {
  const address = readAddressLiteral(domain);
  if (address === null) return { kind: "unusable", code: "PST-DSC-003" };
  if (world.ownAddresses.has(address)) return { kind: "loop" };
  return toSingleHost(
    { name: domain, preference: 0, addresses: given(address), dane: { kind: "none" }, sts: { kind: "none" } },
    "address-literal",
  );
}

/**
 * The operator's word replaces MX, and the host is resolved like any other. A smarthost without an address is a fault on our side:
 * the mail waits (`unavailable`) until the operator repairs it, and nobody's mail is refused for it.
 */
async function routeBySmarthost({ host, port }: Smarthost, { deps: { resolver, log } }: World): Promise<Route> {
  const isAddress = isIP(host) !== 0;
  const name = isAddress ? host : host.toLowerCase();
  const addresses = isAddress ? given(host) : await resolver.addresses(name);
  if (addresses.kind === "absent") {
    log.error("smarthost_without_address", { host });
    return { kind: "unavailable", code: "PST-DSC-007" };
  }
  const dane = await lookUpDane({ host: name, addresses, port, domainNames: [] }, resolver);
  return toSingleHost({ name, preference: 0, addresses, port, dane, sts: { kind: "none" } }, "smarthost");
}

/** Neither a literal nor a configured name was found through MX, so `secure` MX is nothing they can claim. */
function toSingleHost(host: MxHost, via: "address-literal" | "smarthost"): Route {
  return { kind: "hosts", hosts: [host], via, security: "insecure" };
}

function given(address: string): DnsAnswer<readonly string[]> {
  return { kind: "found", value: [canonicalAddress(address)], security: "insecure" };
}
