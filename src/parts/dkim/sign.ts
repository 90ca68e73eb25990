/**
 * DKIM signing (RFC 6376, RFC 8301) of a message that streams by, and which signatures a change of headers breaks.
 * Promises: the same message, key and time give the same field; a key that cannot sign rejects instead of letting mail
 * leave unsigned. Does not decide whether to sign; see stages/protect. Verifying is verify.ts.
 */
import { Readable } from "node:stream";
import { dkimSign } from "mailauth/lib/dkim/sign.js";

export type DkimKey = {
  /** Signing domain (d=), A-label. */
  readonly domain: string;
  readonly selector: string;
  /** RSA or Ed25519, PKCS#8 or PKCS#1. */
  readonly privateKeyPem: string;
};

export type FoundSignature = {
  /** d=, lower case; empty where it cannot be read. */
  readonly domain: string;
  /** Names in h=, lower case. */
  readonly signedNames: ReadonlySet<string>;
  /** Byte range of the field in the header section. */
  readonly start: number;
  readonly end: number;
};

/** The DKIM-Signature field with its line break, to stand before `message`. */
export async function signMessage(args: {
  readonly message: AsyncIterable<Uint8Array>;
  readonly key: DkimKey;
  /** Milliseconds since the epoch; becomes t=. */
  readonly at: number;
}): Promise<Buffer> {
  const { key } = args;
  const identity = { signingDomain: key.domain, selector: key.selector, privateKey: key.privateKeyPem };
  const signed = await dkimSign(Readable.from(args.message, { objectMode: false }), {
    ...identity,
    // The library signs for what stands here only; its types ask for the same above.
    signatureData: [identity],
    canonicalization: "relaxed/relaxed",
    signTime: new Date(args.at),
    strict: true,
  });
  if (signed.signatures === "") {
    throw new Error(`the DKIM key ${key.selector}._domainkey.${key.domain} could not sign`, {
      cause: signed.errors?.[0]?.err,
    });
  }
  return Buffer.from(signed.signatures, "latin1");
}

/** The key of that domain, or of the nearest domain above it: aligned in the relaxed mode of RFC 7489 section 3.1.1. */
export function keyFor(keys: readonly DkimKey[], domain: string): DkimKey | null {
  const aligned = keys.filter((key) => isSameOrBelow(domain, key.domain));
  return aligned.toSorted((a, b) => b.domain.length - a.domain.length)[0] ?? null;
}

/** True for the same domain and for anything below `parent`; case does not matter. */
export function isSameOrBelow(domain: string, parent: string): boolean {
  const [a, b] = [domain.toLowerCase(), parent.toLowerCase()];
  return a === b || a.endsWith(`.${b}`);
}

/** What a DKIM-Signature field claims; `value` is the unfolded field body. */
export function readSignature(field: {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}): FoundSignature {
  const tags = new Map<string, string>();
  for (const tag of field.value.split(";")) {
    const equals = tag.indexOf("=");
    if (equals > 0) tags.set(tag.slice(0, equals).trim(), tag.slice(equals + 1).replace(/\s+/g, ""));
  }
  const names = (tags.get("h") ?? "").toLowerCase().split(":");
  return {
    domain: (tags.get("d") ?? "").toLowerCase(),
    signedNames: new Set(names.filter((name) => name !== "")),
    start: field.start,
    end: field.end,
  };
}
