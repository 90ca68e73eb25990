/**
 * Hands a report over by HTTPS (RFC 8460 section 5.4). Promises: a stranger wrote the address, so only https to a name, only to addresses
 * the guard lets through, only to a server that proves that name; no redirect is followed, the answer is not read, and it ends within
 * its time.
 */
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { request } from "node:https";

export type PostOptions = {
  readonly timeoutMs: number;
  /** PEM of the authorities trusted; null: the public ones. */
  readonly ca: readonly string[] | null;
};

export type PostDeps = {
  /** Addresses of a host; null where they could not be learned or there are none. */
  readonly addressesOf: (host: string) => Promise<readonly string[] | null>;
  readonly mayDial: (address: string) => boolean;
  readonly signal: AbortSignal;
};

export type PostEnd =
  | { readonly kind: "posted" }
  /** Trying again may help. */
  | { readonly kind: "failed"; readonly why: string }
  /** It would not. */
  | { readonly kind: "refused"; readonly why: string };

const URL_CHARACTERS_MAX = 2_048;
const ADDRESSES_MAX = 8;
const HEADER_BYTES_MAX = 16_384;
/** As for mail servers: subjectAltName only, and a wildcard stands for the whole first label. */
const NAME_RULES = { subject: "never", partialWildcards: false } as const;

class WrongName extends Error {
  readonly code = "NAME_MISMATCH";
}

export async function postReport(
  target: { readonly url: string; readonly gzip: Buffer },
  options: PostOptions,
  deps: PostDeps,
): Promise<PostEnd> {
  const url = target.url.length > URL_CHARACTERS_MAX ? null : URL.parse(target.url);
  if (url === null || url.protocol !== "https:") return { kind: "refused", why: "not an https address" };
  if (url.username !== "" || url.password !== "") return { kind: "refused", why: "a password in the address" };
  if (isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0) return { kind: "refused", why: "an address without a name" };
  const addresses = await deps.addressesOf(url.hostname);
  if (addresses === null) return { kind: "failed", why: "no address found" };
  const allowed = addresses.filter(deps.mayDial).slice(0, ADDRESSES_MAX);
  if (allowed.length === 0) return { kind: "refused", why: "an address inside" };
  return await post(url, { gzip: target.gzip, addresses: allowed }, { ...options, signal: deps.signal });
}

type Sent = { readonly gzip: Buffer; readonly addresses: readonly string[] };

function post(url: URL, { gzip, addresses }: Sent, options: PostOptions & { signal: AbortSignal }): Promise<PostEnd> {
  const { timeoutMs, ca, signal } = options;
  return new Promise((resolve) => {
    const outgoing = request(
      url,
      {
        method: "POST",
        agent: false,
        maxHeaderSize: HEADER_BYTES_MAX,
        lookup: lookupIn(addresses),
        minVersion: "TLSv1.2",
        checkServerIdentity: (_host, { raw }) =>
          new X509Certificate(raw).checkHost(url.hostname, NAME_RULES) === undefined ? new WrongName() : undefined,
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), signal]),
        ...(ca !== null && { ca: [...ca] }),
        headers: {
          "Content-Type": "application/tlsrpt+gzip",
          "Content-Length": gzip.length,
          "User-Agent": "Postern",
        },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve(endOf(status));
      },
    );
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      resolve({ kind: "failed", why: wordOf(error.code ?? error.name) });
    });
    outgoing.end(gzip);
  });
}

function endOf(status: number): PostEnd {
  if (status >= 200 && status < 300) return { kind: "posted" };
  const why = `status ${status}`;
  // A redirect or a refusal stays one; 408 and 429 ask to come again.
  const isFinal = status >= 300 && status < 500 && status !== 408 && status !== 429;
  return { kind: isFinal ? "refused" : "failed", why };
}

/** Names of errors only: their text may hold what the other side wrote. */
function wordOf(code: string): string {
  return /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : "error";
}

/** The addresses that passed the guard and no others: a second look-up could say something else. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  return (_host, options, callback) => {
    const all = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = all;
    if (options.all === true) callback(null, all);
    else callback(null, first?.address ?? "", first?.family);
  };
}
