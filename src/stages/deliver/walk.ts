/**
 * Walks the hosts of a route in order and the addresses of each, until every recipient is settled (RFC 5321 section 5.1).
 * Promises: an address the guard refuses is never dialled, nor a host of which it is not known what it is asked, or which the
 * operator's rule or the domain's policy shuts out; a host counts as having answered when any of its addresses did; exactly one
 * outcome for each recipient.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { MxHost } from "../../core/capabilities.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { AttemptFacts, Outcome } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { DeliveryRecipient, DeliveryRequest } from "../../core/stages.ts";
import { mayDial } from "../../parts/dns/address-guard.ts";
import type { AttemptContext } from "./attempt.ts";
import { attempt } from "./attempt.ts";
import { admit } from "./host-demand.ts";
import type { Admission, AskedHost } from "./host-demand.ts";
import type { Deferral, HostResult, HostVerdict } from "./verdicts.ts";
import { outcomeOfHosts } from "./verdicts.ts";

export type NotDialled = { readonly host: string; readonly code: ReasonCode };

export type WalkEnd = {
  readonly attempts: readonly AttemptFacts[];
  readonly outcomes: ReadonlyMap<RecipientId, Outcome>;
  /** Hosts that break what is asked of them and were not even dialled. */
  readonly notDialled: readonly NotDialled[];
  readonly isAborted: boolean;
};

type Walk = {
  readonly request: DeliveryRequest;
  readonly context: AttemptContext;
  readonly pending: Map<RecipientId, DeliveryRecipient>;
  readonly outcomes: Map<RecipientId, Outcome>;
  readonly attempts: AttemptFacts[];
  readonly notDialled: NotDialled[];
};

export async function walk(
  request: DeliveryRequest,
  recipients: readonly DeliveryRecipient[],
  context: AttemptContext,
): Promise<WalkEnd> {
  const pending = new Map(recipients.map((recipient) => [recipient.id, recipient]));
  const state: Walk = { request, context, pending, outcomes: new Map(), attempts: [], notDialled: [] };
  const results: HostResult[] = [];
  const hosts = request.route.hosts.map((host) => ({ ...host, admission: admit(host) }));
  // RFC 8461 section 5.1: whom the rule or the policy does not name is no mail server of the domain, and fails nothing while another is.
  const others = hosts.filter(({ admission }) => admission.kind !== "not-named");
  for (const host of others.length > 0 ? others : hosts) {
    const verdict = await tryHost(state, host);
    if (verdict !== null) results.push({ host: host.name, verdict });
    if (pending.size === 0 || verdict?.kind === "lane" || verdict?.kind === "stop") break;
  }
  const rest = outcomeOfHosts(results, request.parcel.minRung);
  for (const id of pending.keys()) state.outcomes.set(id, rest);
  const isAborted = results.some(({ verdict }) => verdict.kind === "stop");
  return { attempts: state.attempts, outcomes: state.outcomes, notDialled: state.notDialled, isAborted };
}

/** null when the host has nothing to say about those still pending: it took or settled all, or it does not exist. */
async function tryHost(state: Walk, host: MxHost & { readonly admission: Admission }): Promise<HostVerdict | null> {
  const { addresses, admission } = host;
  switch (addresses.kind) {
    case "found":
      switch (admission.kind) {
        case "admitted":
          return await tryAddresses(state, admission.host, addresses.value);
        case "unknown":
          return { kind: "trouble", code: admission.code, status: admission.status, reply: null, ...admission.why };
        case "not-named":
        case "refused":
          state.notDialled.push({ host: host.name, code: admission.verdict.code });
          return admission.verdict;
        default:
          return assertNever(admission);
      }
    case "absent":
      return null;
    case "bogus":
    case "unavailable":
      return { kind: "trouble", code: "PST-DLV-032", status: "4.4.3", reply: null, detail: addresses.detail };
    default:
      return assertNever(addresses);
  }
}

async function tryAddresses(state: Walk, host: AskedHost, addresses: readonly string[]): Promise<HostVerdict | null> {
  const { options } = state.context;
  let violated: HostVerdict | null = null;
  let answered: HostVerdict | null = null;
  let trouble: Deferral | null = null;
  for (const address of addresses) {
    if (state.attempts.length >= options.connectionsPerDeliveryMax) {
      return { kind: "lane", code: "PST-DLV-037", status: "4.4.1", reply: null };
    }
    const verdict = mayDial(address, state.context.options)
      ? await tryAddress(state, host, address)
      : ({ kind: "trouble", code: "PST-DLV-030", status: "4.4.4", reply: null } as const);
    if (state.pending.size === 0) return null;
    if (verdict?.kind === "lane" || verdict?.kind === "stop") return verdict;
    if (verdict?.kind === "violated") violated ??= verdict;
    else if (verdict?.kind === "below") answered ??= verdict;
    else trouble = verdict ?? trouble;
  }
  return violated ?? answered ?? trouble;
}

/** At most three connections: a kept one, a fresh one, and for the floor `plain`, where nothing is asked of the host, one without TLS. */
async function tryAddress(state: Walk, host: AskedHost, address: string): Promise<HostVerdict | null> {
  const { request, context, pending } = state;
  const settle = (recipient: DeliveryRecipient, outcome: Outcome): void => {
    if (!pending.delete(recipient.id)) throw new Error("a recipient was settled twice");
    state.outcomes.set(recipient.id, outcome);
  };
  let mayReuse = true;
  let tryTls = true;
  for (;;) {
    const recipients = [...pending.values()];
    const end = await attempt({ request, host, address, recipients, settle, mayReuse, tryTls }, context);
    state.attempts.push(end.facts);
    if (end.retry === null) return end.verdict;
    mayReuse = false;
    if (end.retry === "clear") tryTls = false;
  }
}
