/**
 * Reads and checks the files and secrets postern.yaml refers to: certificate and key of the listener, keys at rest, DKIM
 * keys, passwords, rule packs, CA bundle. Promises: every reading either gives a value or leaves an error with the place
 * of the reference. What a pack says is checked where it is compiled, not here.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { FOURTEEN_DAYS_MS } from "./config-checks.ts";
import type { ConfigReport } from "./config-report.ts";
import { KeyUnusableError } from "../keys/key-errors.ts";
import { KeyRing } from "../keys/key-ring.ts";
import { errorCode, resolveReference, Secret, SECRET_REFERENCE } from "./secret.ts";
import type { ReferenceContext } from "./secret.ts";
import type { YamlPath } from "./yaml-source.ts";

export type Files = ReferenceContext & { readonly report: ConfigReport };

const RSA_BITS_MIN = 2048;

/** Stands for what could not be read; it never leaves loadConfig, which then fails. */
const NOTHING = new Secret(Buffer.alloc(0));

/** Path against the folder of the configuration. */
export function absolutePath(path: string, files: Files): string {
  return resolve(files.folder, path);
}

export function readSecret(reference: string, path: YamlPath, files: Files): Secret {
  const reading = resolveReference(reference, files);
  if (reading.ok) return new Secret(reading.bytes);
  files.report.error(path, reading.message);
  return NOTHING;
}

/** A header value may be written out: it is a tenant's id more often than a secret. */
export function readSecretOrLiteral(text: string, path: YamlPath, files: Files): Secret {
  return SECRET_REFERENCE.test(text) ? readSecret(text, path, files) : new Secret(Buffer.from(text));
}

const MAKE_KEY = "make one with: openssl rand -hex 32";

export type KeyReferences = { readonly spool: string; readonly addresses: string };
export type RoleKeys = { readonly spool: Secret; readonly addresses: Secret };

/** The key encryption keys, one for each role, as parts/keys takes them. */
export function readKeys(references: KeyReferences, files: Files): RoleKeys {
  const read = (role: keyof KeyReferences): Secret => {
    const reading = resolveReference(references[role], files);
    if (reading.ok) return new Secret(reading.bytes);
    // Only where nothing is: a new key in the place of one that cannot be read would lose what the old one sealed.
    const remedy = reading.isMissing === true ? `; ${MAKE_KEY}` : "";
    files.report.error(["keys", role], `${reading.message}${remedy}`);
    return NOTHING;
  };
  const keys = { spool: read("spool"), addresses: read("addresses") };
  const usable = (["spool", "addresses"] as const).filter(
    (role) => keys[role] !== NOTHING && tryKeys(keys, [role], files),
  );
  if (usable.length === 2) tryKeys(keys, usable, files);
  return keys;
}

function tryKeys(keys: RoleKeys, roles: readonly (keyof RoleKeys)[], { report }: Files): boolean {
  const material = roles.map((role) => [role, { name: `keys.${role}`, bytes: keys[role].bytes() }]);
  try {
    return new KeyRing(Object.fromEntries(material)) instanceof KeyRing;
  } catch (error) {
    if (!(error instanceof KeyUnusableError)) throw error;
    report.error(["keys", roles.at(-1) ?? "spool"], error.message);
    return false;
  }
}

/** A private key in PEM, RSA of at least 2048 bits or Ed25519. */
export function readDkimKey(reference: string, path: YamlPath, files: Files): Secret {
  const secret = readSecret(reference, path, files);
  if (secret === NOTHING) return NOTHING;
  const key = privateKeyOf(secret);
  if (key === null) {
    files.report.error(path, "is not a private key in PEM without a passphrase");
    return NOTHING;
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType === "rsa" && bits < RSA_BITS_MIN) {
    files.report.error(path, `is an RSA key of ${bits} bits; RFC 8301 asks for at least ${RSA_BITS_MIN} here`);
  } else if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "ed25519") {
    files.report.error(path, "is neither an RSA nor an Ed25519 key (RFC 8463)");
  }
  return secret;
}

function privateKeyOf(secret: Secret): KeyObject | null {
  try {
    return createPrivateKey(secret.bytes());
  } catch {
    // OpenSSL's message may tell about the key; that it is unusable is all we say.
    return null;
  }
}

export type ListenerTls = { readonly certificate: string; readonly key: Secret };

/** Certificate chain and key of the listener: readable, matching, valid now, made for this host name. */
export function readListenerTls(
  references: { readonly certificate: string; readonly key: string },
  facts: { readonly hostname: string | null },
  files: Files,
): ListenerTls {
  const path: YamlPath = ["listen", "tls"];
  const reading = resolveReference(references.certificate, files, true);
  if (!reading.ok) {
    const hint = "without a certificate there is no STARTTLS; certs/README.md shows how to get one";
    files.report.error([...path, "certificate"], `${reading.message}; ${hint}`);
  }
  const key = readSecret(references.key, [...path, "key"], files);
  const privateKey = key === NOTHING ? null : privateKeyOf(key);
  if (key !== NOTHING && privateKey === null) {
    files.report.error([...path, "key"], "is not a private key in PEM without a passphrase");
  }
  if (reading.ok) checkCertificate(reading.bytes, { ...facts, privateKey }, files);
  return { certificate: reading.ok ? reading.bytes.toString("latin1") : "", key };
}

function checkCertificate(
  pem: Buffer,
  facts: { readonly hostname: string | null; readonly privateKey: KeyObject | null },
  { report, environment }: Files,
): void {
  const path: YamlPath = ["listen", "tls", "certificate"];
  const certificate = certificateOf(pem);
  if (certificate === null) {
    report.error(path, "is not a certificate in PEM");
    return;
  }
  if (facts.privateKey !== null && !certificate.checkPrivateKey(facts.privateKey)) {
    report.error(["listen", "tls", "key"], "does not belong to listen.tls.certificate");
  }
  const endsIn = certificate.validToDate.getTime() - environment.now;
  const day = certificate.validToDate.toISOString().slice(0, 10);
  if (endsIn <= 0) report.error(path, `expired on ${day}; renew it`);
  else if (endsIn < FOURTEEN_DAYS_MS) report.warn(path, `expires on ${day}, in less than 14 days`);
  if (certificate.validFromDate.getTime() > environment.now) report.error(path, "is not valid yet; check the clock");
  if (facts.hostname !== null && certificate.checkHost(facts.hostname) === undefined) {
    report.warn(path, `does not name ${facts.hostname}; clients that verify the name will refuse it`);
  }
}

function certificateOf(pem: Buffer): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    // What OpenSSL could not read is named by its place in the configuration.
    return null;
  }
}

/** PEM bundle of CA certificates; null when none is named. */
export function readCaFile(file: string | undefined, path: YamlPath, files: Files): string | null {
  if (file === undefined) return null;
  try {
    const pem = files.environment.readFile(absolutePath(file, files));
    if (certificateOf(pem) !== null) return pem.toString("latin1");
    files.report.error(path, "holds no certificate in PEM");
  } catch (error) {
    files.report.error(path, `${absolutePath(file, files)} cannot be read (${errorCode(error)})`);
  }
  return null;
}

/** Absolute path of a rule pack, whose file must be readable. */
export function findPack(file: string, path: YamlPath, files: Files): string {
  const absolute = absolutePath(file, files);
  try {
    files.environment.readFile(absolute);
  } catch (error) {
    files.report.error(path, `the rule pack ${absolute} cannot be read (${errorCode(error)})`);
  }
  return absolute;
}
