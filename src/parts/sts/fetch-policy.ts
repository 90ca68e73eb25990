/**
 * Fetches the policy of a domain (RFC 8461 sections 3.3 and 8.3): `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`.
 * Promises: a policy comes only from status 200 without redirect, as text/plain, whole, within 64 KiB, over TLS 1.2 or later, from a
 * server whose certificate is valid for that name in subjectAltName; an answer within the time given, whatever the other side does, and
 * however many wait; no address the guard refuses is dialled, and no proxy or cache is used. Each failure has the type under which
 * TLS reports count it. Never rejects.
 */
import { X509Certificate } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { assertNever } from "../../core/assert-never.ts";
import type { Resolver } from "../../core/dns-answer.ts";
import type { StsFailure, StsFailureType, StsPolicy } from "../../core/sts.ts";
import { trimBlanks } from "../../core/trim-letters.ts";
import { Gate } from "../dns/gate.ts";
import { toHostName } from "../dns/host-name.ts";
import { POLICY_BYTES_MAX, readPolicy } from "./policy.ts";

export type StsFetch =
  { readonly kind: "policy"; readonly policy: StsPolicy } | { readonly kind: "failed"; readonly failure: StsFailure };

/** `timeoutMs`: over all of it, the wait for a free place included. */
export type FetchPolicy = (domain: string, timeoutMs: number, signal: AbortSignal) => Promise<StsFetch>;

export type FetchOptions = {
  readonly port: number;
  /** PEM certificates to trust in place of the ones shipped with the runtime; null keeps those. */
  readonly ca: readonly string[] | null;
  readonly mayDial: (address: string) => boolean;
  /** Fetches under way at once; the others wait. Hosts of some domains that keep silent must not take the places of all. */
  readonly fetchesMax: number;
  /** Addresses of one policy host that are tried. */
  readonly addressesMax: number;
};

export const FETCH_DEFAULTS = { port: 443, ca: null, fetchesMax: 64, addressesMax: 6 } as const;

const PATH = "/.well-known/mta-sts.txt";
const LF = 0x0a;
const HEADER_BYTES_MAX = 16_384;
/** subjectAltName only, and a wildcard stands for the whole first label (RFC 8461 section 3.3, RFC 6125 section 6.4). */
const NAME_RULES = { subject: "never", partialWildcards: false } as const;
/** An error below TLS while the handshake runs: the network, not the certificate. */
const NETWORK_ERRORS: readonly unknown[] = ["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED"];

/** `unreached`: another address of the host may do better. */
type Attempt = StsFetch | { readonly kind: "unreached"; readonly failure: StsFailure };

export function createFetchPolicy(options: FetchOptions, resolver: Pick<Resolver, "addresses">): FetchPolicy {
  const gate = new Gate(options.fetchesMax);
  return async (domain, timeoutMs, signal) => {
    const name = toHostName(`mta-sts.${domain}`);
    if (name === null) return failed("sts-policy-fetch-error", "the domain can have no policy host");
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const work = gate.pass(() => fetchWithin({ name, timeoutMs }, { options, resolver }, deadline));
    return (await beforeAbort(work, deadline)) ?? late();
  };
}

type Target = { readonly name: string; readonly timeoutMs: number };
type Means = { readonly options: FetchOptions; readonly resolver: Pick<Resolver, "addresses"> };

async function fetchWithin(target: Target, { options, resolver }: Means, deadline: AbortSignal): Promise<StsFetch> {
  if (deadline.aborted) return late();
  const answer = await resolver.addresses(target.name, deadline);
  switch (answer.kind) {
    case "found":
      return await tryAddresses(target, { addresses: answer.value, options }, deadline);
    case "absent":
      return failed("sts-policy-fetch-error", "the policy host has no address");
    case "bogus":
      return failed("sts-policy-fetch-error", "the address of the policy host fails DNSSEC validation");
    case "unavailable":
      return failed("sts-policy-fetch-error", "the address of the policy host could not be looked up");
    default:
      return assertNever(answer);
  }
}

/** Each gets its share of the time, so that a silent one does not take all of it. */
async function tryAddresses(
  { name, timeoutMs }: Target,
  { addresses, options }: { readonly addresses: readonly string[]; readonly options: FetchOptions },
  deadline: AbortSignal,
): Promise<StsFetch> {
  const dialled = addresses.filter(options.mayDial).slice(0, options.addressesMax);
  let last = failed("sts-policy-fetch-error", "every address of the policy host is private or reserved");
  for (const address of dialled) {
    const share = AbortSignal.any([deadline, AbortSignal.timeout(Math.ceil(timeoutMs / dialled.length))]);
    const attempt = await askAddress(address, { name, ...options }, share);
    if (attempt.kind !== "unreached") return attempt;
    last = { kind: "failed", failure: attempt.failure };
  }
  return last;
}

type Host = Pick<FetchOptions, "port" | "ca"> & { readonly name: string };

function askAddress(address: string, { name, port, ca }: Host, signal: AbortSignal): Promise<Attempt> {
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const asking = request({
    host: address,
    port,
    servername: name,
    path: PATH,
    agent: false,
    headers: {
      Host: port === 443 ? name : `${name}:${port}`,
      Accept: "text/plain",
      "Accept-Encoding": "identity",
      "User-Agent": "Postern",
    },
    minVersion: "TLSv1.2",
    maxHeaderSize: HEADER_BYTES_MAX,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, { raw }) =>
      new X509Certificate(raw).checkHost(name, NAME_RULES) === undefined ? new WrongName() : undefined,
    ...(ca === null ? {} : { ca: [...ca] }),
    signal,
  });
  const reached = reachedBy(asking);
  asking.on("response", (response) => {
    resolve(readResponse(response).finally(() => asking.destroy()));
  });
  // Errors after the answer find the promise settled.
  asking.on("error", (error) => resolve(signal.aborted ? unreached(late()) : attemptOf(error, reached())));
  asking.on("upgrade", () => asking.destroy(new Error("not asked for")));
  asking.end();
  return promise;
}

type Reached = "nothing" | "server" | "tls";

function reachedBy(asking: ClientRequest): () => Reached {
  let reached: Reached = "nothing";
  asking.on("socket", (socket) => {
    socket.on("connect", () => (reached = "server"));
    socket.on("secureConnect", () => {
      if ((socket as TLSSocket).authorized) reached = "tls";
    });
  });
  return () => reached;
}

class WrongName extends Error {
  readonly code = "NAME_MISMATCH";
}

function attemptOf(error: Error, reached: Reached): Attempt {
  const code = "code" in error ? String(error.code) : "unknown";
  if (reached === "nothing") {
    return unreached(failed("sts-policy-fetch-error", `the policy host takes no connection (${code})`));
  }
  if (reached === "tls") return failed("sts-policy-fetch-error", `the answer broke off or is no HTTP (${code})`);
  return NETWORK_ERRORS.includes(code)
    ? unreached(failed("sts-policy-fetch-error", `the policy host broke off the handshake (${code})`))
    : unreached(failed("sts-webpki-invalid", webPkiText(code)));
}

function webPkiText(code: string): string {
  if (code === "NAME_MISMATCH") return "the certificate of the policy host is not valid for its name";
  return code.startsWith("ERR_SSL") || code === "EPROTO"
    ? `the TLS handshake with the policy host failed (${code})`
    : `the certificate of the policy host is not trusted (${code})`;
}

async function readResponse(response: IncomingMessage): Promise<StsFetch> {
  const { statusCode = 0, headers } = response;
  if (statusCode !== 200) return failed("sts-policy-fetch-error", `the policy host answered ${statusCode}, not 200`);
  // Blanks and tabs alone stand around it (RFC 9110 section 5.6.3).
  const mediaType = trimBlanks(headers["content-type"]?.split(";", 1)[0] ?? "").toLowerCase();
  if (mediaType !== "text/plain") return failed("sts-policy-fetch-error", "the policy is not sent as text/plain");
  if ((headers["content-encoding"] ?? "identity") !== "identity") {
    return failed("sts-policy-fetch-error", "the policy is sent in an encoding that was not asked for");
  }
  const body = await readBody(response);
  if (typeof body === "string") return failed("sts-policy-fetch-error", body);
  const read = readPolicy(body);
  return read.kind === "policy" ? read : failed("sts-policy-invalid", `the policy is ${read.why}`);
}

/** The bytes, or what is wrong with them. */
async function readBody(response: IncomingMessage): Promise<Buffer | string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > POLICY_BYTES_MAX) return `the policy is larger than ${POLICY_BYTES_MAX} bytes`;
      chunks.push(chunk);
    }
  } catch {
    return "the policy was not sent whole in time";
  }
  if (!response.complete) return "the policy was not sent whole";
  const body = Buffer.concat(chunks);
  return mayBeCut(response, body) ? "the policy ends in the middle of a line, and its length was not announced" : body;
}

/**
 * Where only the end of the connection ends the answer, whoever can close the connection can cut it. A number cut short is another number;
 * a policy that lacks whole lines is invalid, or names fewer servers.
 */
function mayBeCut({ headers }: IncomingMessage, body: Buffer): boolean {
  const isAnnounced = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return !isAnnounced && body.at(-1) !== LF;
}

function failed(type: StsFailureType, detail: string): Extract<StsFetch, { kind: "failed" }> {
  return { kind: "failed", failure: { type, detail } };
}

function late(): Extract<StsFetch, { kind: "failed" }> {
  return failed("sts-policy-fetch-error", "no answer in time");
}

function unreached({ failure }: Extract<StsFetch, { kind: "failed" }>): Attempt {
  return { kind: "unreached", failure };
}

/** null where the signal fires first; what was begun ends by the same signal. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) return null;
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = (): void => resolve(null);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
