/**
 * DKIM as a proof of who submits (RFC 6376, RFC 8301): is there a valid signature of one of these domains?
 * Promises: DNS is asked for keys of those domains only; a key that could not be fetched is "unavailable", never
 * "unsigned"; a signature over part of the body (l=) proves nothing. Streams: memory does not grow with the message.
 */
import { Readable } from "node:stream";
import { assertNever } from "../../core/assert-never.ts";
import type { Resolver } from "../../core/dns-answer.ts";

export type DkimProof =
  /** A valid signature; `domain` is the one of `domains` that signed. */
  | { readonly kind: "signed"; readonly domain: string }
  | { readonly kind: "unsigned" }
  /** No valid signature was seen, and DNS or the message could not be read: it may have one. */
  | { readonly kind: "unavailable" };

type Options = {
  /** Lower case A-labels, compared exactly with d=. */
  readonly domains: readonly string[];
  readonly resolver: Pick<Resolver, "txt">;
  /** Milliseconds since the epoch, for t= and x=. */
  readonly now: number;
};

/** RFC 8301 section 3.2. */
const KEY_BITS_MIN = 1_024;
/** More key look-ups than this for one message are an attack on DNS. */
const LOOKUPS_MAX = 10;

export async function verifyDkim(message: AsyncIterable<Uint8Array>, options: Options): Promise<DkimProof> {
  const keys = new KeyLookups(options);
  try {
    // Large, and most gateways ask for another proof.
    const { dkimVerify } = await import("mailauth/lib/dkim/verify.js");
    const { results } = await dkimVerify(Readable.from(message, { objectMode: false }), {
      resolver: (name: string, type: string) => keys.resolve(name, type),
      minBitLength: KEY_BITS_MIN,
      rejectRsaSha1: true,
      curTime: new Date(options.now),
    });
    for (const result of results) {
      const domain = result.signingDomain?.toLowerCase() ?? "";
      const isWhole = result.canonBodyLengthLimited !== true;
      if (result.status.result === "pass" && isWhole && options.domains.includes(domain))
        return { kind: "signed", domain };
    }
  } catch {
    // The stored body could not be read to its end, or the verifier failed: nothing is known.
    return { kind: "unavailable" };
  }
  return { kind: keys.hasFailed ? "unavailable" : "unsigned" };
}

/** mailauth's resolver over ours. Throws errors in the form mailauth knows from node:dns. */
class KeyLookups {
  readonly #options: Options;
  #count = 0;
  #hasFailed = false;

  constructor(options: Options) {
    this.#options = options;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  async resolve(name: string, type: string): Promise<string[][]> {
    const isOwn = this.#options.domains.some((domain) => name.toLowerCase().endsWith(`._domainkey.${domain}`));
    if (type !== "TXT" || !isOwn || ++this.#count > LOOKUPS_MAX) throw dnsError("ENOTFOUND");
    const answer = await this.#options.resolver.txt(name);
    switch (answer.kind) {
      case "found":
        return answer.value.map((text) => [text]);
      case "absent":
        throw dnsError("ENOTFOUND");
      case "bogus":
      case "unavailable":
        this.#hasFailed = true;
        throw dnsError("ESERVFAIL");
      default:
        return assertNever(answer);
    }
  }
}

function dnsError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
