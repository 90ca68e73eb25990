/**
 * What Postern asks DNS: MX, addresses, TXT and TLSA, through a resolver the operator names (RFC 1035, RFC 7505, RFC 6840).
 * Promises: never rejects for what a server says or does not say; every name that leaves here is a host name in lower case;
 * `secure` only from a server whose AD bit the operator's rule trusts. Keeps no cache (the resolver has one), but a question in
 * flight is asked once. Preference, null MX and implicit MX are left to stages/discover.
 */
import type { TlsaRecord } from "../../core/dane.ts";
import type { DnsAnswer, MxRecord, Resolver } from "../../core/dns-answer.ts";
import type { Log } from "../../core/log.ts";
import type { ValidationState } from "../../core/validation.ts";
import type { DnsRecord } from "./codec.ts";
import type { Exchange, ExchangeOptions } from "./exchange.ts";
import { joinFamilies } from "./families.ts";
import { Gate } from "./gate.ts";
import { toHostName, toQueryName } from "./host-name.ts";
import type { DnsQuestion } from "./reply.ts";
import { SingleFlight } from "./single-flight.ts";
import { readTlsa } from "./tlsa.ts";
import { chooseServers } from "./trust.ts";
import type { ServerChoice, TrustAd } from "./trust.ts";

export type ResolverOptions = {
  /** `127.0.0.1:53` or `[::1]:53`, asked in this order; at least one. */
  readonly servers: readonly string[];
  readonly timeoutMs: number;
  readonly retries: number;
  readonly trustAd: TrustAd;
  /** Questions in flight at once; the others wait. */
  readonly inFlightMax: number;
};

export type ResolverDeps = {
  /** Cryptographic: query ids (RFC 5452 section 9.2). */
  readonly randomBytes: (size: number) => Uint8Array;
  readonly log: Log;
};

export type DnsResolver = Resolver & {
  /** Whether the operator's rule lets the AD bit of these servers count. */
  readonly isAdTrusted: boolean;
  /**
   * Asks every server that is asked at all for a signed name, `.` for the root: do they validate, and are they believed? One that
   * does not is enough to say no: the next answer may be its.
   */
  checkValidation(signedName: string, signal?: AbortSignal): Promise<Validation>;
};

export type Validation = Exclude<ValidationState, "unknown">;

type Records = DnsAnswer<readonly DnsRecord[]>;
type Ask = (question: DnsQuestion, signal?: AbortSignal) => Promise<Records>;

/** Throws where a server is not an address or none is given. */
export function createResolver(options: ResolverOptions, deps: ResolverDeps): DnsResolver {
  const choice = chooseServers(options.servers, options.trustAd);
  for (const server of choice.notAsked) {
    deps.log.warn("dns_server_not_asked", { server, reason: "it does not validate, and another one does" });
  }
  const ask = createAsk(choice, options, deps);
  return {
    mx: (domain, signal) => askMx(ask, domain, signal),
    addresses: (host, signal) => askAddresses(ask, host, signal),
    txt: (name, signal) => askTxt(ask, name, signal),
    tlsa: (name, signal) => askTlsa(ask, name, signal),
    cname: (host, signal) => askCname(ask, host, signal),
    isAdTrusted: choice.isTrusted,
    checkValidation: async (signedName, signal) => {
      if (!choice.isTrusted) return "not-validating";
      const name = signedName === "." ? "" : signedName;
      const each = choice.servers.map((server) => createAsk({ ...choice, servers: [server] }, options, deps));
      return worst(
        await Promise.all(each.map(async (askOne) => verdictOf(await askOne({ name, type: "SOA" }, signal)))),
      );
    },
  };
}

function verdictOf(answer: Records): Validation {
  if (answer.kind === "bogus" || answer.kind === "unavailable") return "unavailable";
  return answer.security === "secure" ? "validating" : "not-validating";
}

function worst(verdicts: readonly Validation[]): Validation {
  if (verdicts.includes("not-validating")) return "not-validating";
  return verdicts.includes("validating") ? "validating" : "unavailable";
}

function createAsk({ servers, isTrusted }: ServerChoice, options: ResolverOptions, deps: ResolverDeps): Ask {
  const { timeoutMs, retries } = options;
  const exchangeOptions: ExchangeOptions = { servers, isTrusted, timeoutMs, retries, randomBytes: deps.randomBytes };
  const flights = new SingleFlight<Records>();
  const gate = new Gate(options.inFlightMax);
  return async (question, signal) => {
    const run = (shared: AbortSignal): Promise<Records> => gate.pass(() => exchange(question, exchangeOptions, shared));
    const answer = await flights.join(`${question.type} ${question.name}`, run, signal);
    return answer ?? { kind: "unavailable", detail: "aborted" };
  };
}

/** The codec comes with a web server of its own: loaded with the first question, after the service listens. */
async function exchange(...asked: Parameters<Exchange>): ReturnType<Exchange> {
  const { exchange: ask } = await import("./exchange.ts");
  return await ask(...asked);
}

/**
 * The null MX "." is delivered with exchange "". Exchanges that are no host names are dropped; where nothing else was there
 * the answer is `found` and empty, which is not the same as having no MX.
 */
async function askMx(ask: Ask, domain: string, signal?: AbortSignal): Promise<DnsAnswer<readonly MxRecord[]>> {
  const name = toQueryName(domain);
  if (name === null) return notAName;
  return mapFound(await ask({ name, type: "MX" }, signal), (record) => {
    if (record.type !== "MX") return [];
    const exchangeName = record.exchange === "" ? "" : toHostName(record.exchange);
    return exchangeName === null ? [] : [{ preference: record.preference, exchange: exchangeName }];
  });
}

async function askTxt(ask: Ask, text: string, signal?: AbortSignal): Promise<DnsAnswer<readonly string[]>> {
  const name = toQueryName(text);
  if (name === null) return notAName;
  const answer = await ask({ name, type: "TXT" }, signal);
  return mapFound(answer, (record) => (record.type === "TXT" ? [record.strings.join("")] : []));
}

async function askTlsa(ask: Ask, text: string, signal?: AbortSignal): Promise<DnsAnswer<readonly TlsaRecord[]>> {
  const name = toQueryName(text);
  if (name === null) return notAName;
  return mapFound(await ask({ name, type: "TLSA" }, signal), (record) => {
    const tlsa = record.type === "TLSA" ? readTlsa(record.rdata) : null;
    return tlsa === null ? [] : [tlsa];
  });
}

async function askCname(ask: Ask, host: string, signal?: AbortSignal): Promise<DnsAnswer<string>> {
  const name = toHostName(host);
  if (name === null) return notAName;
  const answer = await ask({ name, type: "CNAME" }, signal);
  if (answer.kind !== "found") return answer;
  const [record] = answer.value;
  const target = record?.type === "CNAME" ? toQueryName(record.target) : null;
  return target === null ? notAName : { ...answer, value: target };
}

async function askAddresses(ask: Ask, host: string, signal?: AbortSignal): Promise<DnsAnswer<readonly string[]>> {
  const name = toHostName(host);
  if (name === null) return notAName;
  const families = await Promise.all([ask({ name, type: "AAAA" }, signal), ask({ name, type: "A" }, signal)]);
  const [six, four] = families.map((answer) =>
    mapFound(answer, (record) => (record.type === "A" || record.type === "AAAA" ? [record.address] : [])),
  );
  return six === undefined || four === undefined ? notAName : joinFamilies(six, four);
}

const notAName = { kind: "unavailable", detail: "not a name that DNS can be asked for" } as const;

function mapFound<T>(answer: Records, read: (record: DnsRecord) => readonly T[]): DnsAnswer<readonly T[]> {
  return answer.kind === "found" ? { ...answer, value: answer.value.flatMap(read) } : answer;
}
