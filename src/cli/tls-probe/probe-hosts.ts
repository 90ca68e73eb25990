/**
 * Looks at the mail servers of a route, one connection at a time and in the order of delivery.
 * Promises: dials what a delivery would dial and nothing else: no address the guard refuses, no host of which DNS does not say what it
 * asks; at most ADDRESSES_PER_HOST_MAX addresses of each, and none for longer than PROBE_TIMEOUTS says.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { MxHost } from "../../core/capabilities.ts";
import type { Clock } from "../../core/clock.ts";
import { mayDial } from "../../parts/dns/address-guard.ts";
import { admit } from "../../stages/deliver/host-demand.ts";
import type { DeliverOptions, DeliverTimeouts } from "../../stages/deliver/options.ts";
import { probe } from "../../stages/deliver/probe.ts";
import type { HostsRoute, Seen } from "./seen.ts";

export const ADDRESSES_PER_HOST_MAX = 4;

const SECOND_MS = 1_000;

/** Shorter than a delivery's: a person waits. */
export const PROBE_TIMEOUTS = {
  dialMs: 10 * SECOND_MS,
  greetingMs: 30 * SECOND_MS,
  ehloMs: 15 * SECOND_MS,
  starttlsMs: 15 * SECOND_MS,
  handshakeMs: 15 * SECOND_MS,
  blockMs: 15 * SECOND_MS,
  totalMs: 60 * SECOND_MS,
} as const satisfies Partial<DeliverTimeouts>;

export type ProbeDeps = { readonly options: DeliverOptions; readonly clock: Clock; readonly signal: AbortSignal };

/** Each as soon as it is known. */
export async function* probeHosts(domain: string, route: HostsRoute, deps: ProbeDeps): AsyncGenerator<Seen> {
  const patient = { ...deps, options: { ...deps.options, timeouts: shortened(deps.options.timeouts) } };
  for (const host of route.hosts) yield* probeHost(domain, { host, route }, patient);
}

async function* probeHost(
  domain: string,
  { host, route }: { readonly host: MxHost; readonly route: HostsRoute },
  { options, clock, signal }: ProbeDeps,
): AsyncGenerator<Seen> {
  const { addresses } = host;
  const seen = { domain, way: route, host, port: host.port ?? options.port };
  switch (addresses.kind) {
    case "absent":
      yield { ...seen, address: null, probe: null, notDialled: "PST-DLV-031" };
      return;
    case "bogus":
    case "unavailable":
      yield { ...seen, address: null, probe: null, notDialled: "PST-DLV-032" };
      return;
    case "found":
      break;
    default:
      assertNever(addresses);
  }
  const admission = admit(host);
  if (admission.kind !== "admitted") {
    const { code } = admission.kind === "unknown" ? admission : admission.verdict;
    yield { ...seen, address: null, probe: null, notDialled: code };
    return;
  }
  for (const address of addresses.value.slice(0, ADDRESSES_PER_HOST_MAX)) {
    yield mayDial(address, options)
      ? {
          ...seen,
          address,
          probe: await probe({ host: admission.host, address, choice: route, signal }, { options, clock }),
        }
      : { ...seen, address, probe: null, notDialled: "PST-DLV-030" };
  }
}

/** What is configured, where that is shorter still. */
function shortened(timeouts: DeliverTimeouts): DeliverTimeouts {
  const least = (name: keyof typeof PROBE_TIMEOUTS): number => Math.min(timeouts[name], PROBE_TIMEOUTS[name]);
  return {
    ...timeouts,
    dialMs: least("dialMs"),
    greetingMs: least("greetingMs"),
    ehloMs: least("ehloMs"),
    starttlsMs: least("starttlsMs"),
    handshakeMs: least("handshakeMs"),
    blockMs: least("blockMs"),
    totalMs: least("totalMs"),
  };
}
