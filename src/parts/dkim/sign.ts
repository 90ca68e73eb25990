/**
 * DKIM signing (RFC 6376, RFC 8301, RFC 8463) of a message that streams by, and which signatures a change of headers breaks.
 * Promises: the same message, key and time give the same field, the one mailauth's own signer would give; a key that cannot
 * sign rejects instead of letting mail leave unsigned. Does not decide whether to sign; see stages/protect. Verifying is
 * verify.ts.
 */
import { createHash, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { RelaxedBodyHash } from "./relaxed-body-hash.ts";

export type DkimKey = {
  /** Signing domain (d=), A-label. */
  readonly domain: string;
  readonly selector: string;
  /** RSA or Ed25519. Read once: what OpenSSL computes from it for the first signature halves the cost of the next. */
  readonly privateKey: KeyObject;
};

/** By domain, lower case. */
export type DkimKeys = ReadonlyMap<string, DkimKey>;

export type FoundSignature = {
  /** d=, lower case; empty where it cannot be read. */
  readonly domain: string;
  /** Names in h=, lower case. */
  readonly signedNames: ReadonlySet<string>;
  /** Byte range of the field in the header section. */
  readonly start: number;
  readonly end: number;
};

/** RFC 8460 section 5.3 and RFC 8689 section 5: whoever reads a TLS report wants them covered. */
const REPORT_FIELDS = ["TLS-Report-Domain", "TLS-Report-Submitter", "TLS-Required"];
const CR = 0x0d;
const LF = 0x0a;

let library: ReturnType<typeof loadLibrary> | null = null;

/** Large, and most mail keeps the signatures it came with. */
async function loadLibrary() {
  const [tools, header] = await Promise.all([
    import("mailauth/lib/tools.js"),
    import("mailauth/lib/dkim/header/index.js"),
  ]);
  return { ...tools, ...header };
}

/** The DKIM-Signature field with its line break, to stand before `message`. */
export async function signMessage(args: {
  readonly message: AsyncIterable<Uint8Array>;
  readonly key: DkimKey;
  /** Milliseconds since the epoch; becomes t=. */
  readonly at: number;
}): Promise<Buffer> {
  const { key, at } = args;
  const { header, bodyHash } = await readMessage(args.message);
  const { defaultDKIMFieldNames, parseHeaders, getSigningHeaderLines, ...format } = await (library ??= loadLibrary());
  const { generateCanonicalizedHeader, formatSignatureHeaderLine } = format;
  const fields = getSigningHeaderLines(
    parseHeaders(header).parsed,
    [defaultDKIMFieldNames, ...REPORT_FIELDS].join(":"),
  );
  // Nobody believes a signature without it (RFC 6376 section 5.4).
  if (!fields.headers.some(({ key: name }) => name === "from")) throw unable(key, "a message without From");
  const { canonicalizedHeader, dkimHeaderOpts } = generateCanonicalizedHeader("DKIM", fields, {
    signingDomain: key.domain,
    selector: key.selector,
    algorithm: `${key.privateKey.asymmetricKeyType}-sha256`,
    canonicalization: "relaxed/relaxed",
    bodyHash,
    timestamp: Math.floor(at / 1000),
    strict: true,
  });
  const signature = await signatureOf(canonicalizedHeader, key);
  const field = formatSignatureHeaderLine("DKIM", { ...dkimHeaderOpts, b: signature.toString("base64") }, true);
  return Buffer.from(`${field}\r\n`, "latin1");
}

/** Header section with its blank line, and the hash of what follows. */
async function readMessage(
  message: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: Buffer; readonly bodyHash: string }> {
  const body = new RelaxedBodyHash();
  let header: Buffer = Buffer.alloc(0);
  let isInHeader = true;
  for await (const bytes of message) {
    if (!isInHeader) {
      body.update(bytes);
      continue;
    }
    const seen = header.length === 0 ? bytes : Buffer.concat([header, bytes]);
    const end = endOfHeader(seen, Math.max(0, header.length - 2));
    header = Buffer.from(end === -1 ? seen : seen.subarray(0, end));
    if (end === -1) continue;
    isInHeader = false;
    body.update(seen.subarray(end));
  }
  return { header, bodyHash: body.digest() };
}

/** First byte behind the blank line, or -1 where none has come yet; none ends before `from`. */
function endOfHeader(bytes: Uint8Array, from: number): number {
  if (bytes[0] === LF) return 1;
  if (bytes[0] === CR && bytes[1] === LF) return 2;
  for (let lf = bytes.indexOf(LF, from); lf !== -1; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf + 1] === LF) return lf + 2;
    if (bytes[lf + 1] === CR && bytes[lf + 2] === LF) return lf + 3;
  }
  return -1;
}

/** RSA takes a third of a millisecond: it is done on the thread pool. */
async function signatureOf(data: Buffer, key: DkimKey): Promise<Buffer> {
  const [algorithm, input] =
    key.privateKey.asymmetricKeyType === "rsa"
      ? ["sha256", data]
      : // RFC 8463 section 3: Ed25519 signs the hash.
        [null, createHash("sha256").update(data).digest()];
  return await new Promise((resolve, reject) => {
    sign(algorithm, input, key.privateKey, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(unable(key, "the signature failed", error));
    });
  });
}

function unable(key: DkimKey, why: string, cause?: unknown): Error {
  return new Error(`the DKIM key ${key.selector}._domainkey.${key.domain} could not sign: ${why}`, { cause });
}

/** The first key of each domain by its name in lower case. */
export function keysByDomain(keys: readonly DkimKey[]): DkimKeys {
  return new Map(keys.toReversed().map((key) => [key.domain.toLowerCase(), key]));
}

/** The key of that domain, or of the nearest domain above it: aligned in the relaxed mode of RFC 7489 section 3.1.1. */
export function keyFor(keys: DkimKeys, domain: string): DkimKey | null {
  const labels = domain.toLowerCase().split(".");
  for (let first = 0; first < labels.length; first++) {
    const key = keys.get(labels.slice(first).join("."));
    if (key !== undefined) return key;
  }
  return null;
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
  let domain = "";
  let names = "";
  for (const tag of field.value.split(";")) {
    const equals = tag.indexOf("=");
    const name = tag.slice(0, Math.max(0, equals)).trim();
    if (name === "d") domain = valueOf(tag, equals);
    else if (name === "h") names = valueOf(tag, equals);
  }
  return {
    domain,
    signedNames: new Set(names.split(":").filter((name) => name !== "")),
    start: field.start,
    end: field.end,
  };
}

/** Lower case and without white space, which means nothing in what is read here. */
function valueOf(tag: string, equals: number): string {
  return tag
    .slice(equals + 1)
    .replace(/\s+/g, "")
    .toLowerCase();
}
