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
import type { KeyMaterial, RingMaterial } from "../keys/key-ring.ts";
import { errorCode, resolveReference, Secret, SECRET_REFERENCE } from "./secret.ts";
import type { ReferenceContext } from "./secret.ts";
import type { YamlPath } from "./yaml-source.ts";

export type Files = ReferenceContext & { readonly report: ConfigReport };

const RSA_BITS_MIN = 2048;

/** Stands for what could not be read; it never leaves loadConfig, which then fails. */
const NOTHING = new Secret(Buffer.alloc(0));

export function optionalPath(path: string | null, files: Files): string | null {
  return path === null ? null : absolutePath(path, files);
}

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

const KEY_ROLES = ["spool", "addresses"] as const;
type KeyRole = (typeof KEY_ROLES)[number];

type ByRole<T> = { readonly [Role in KeyRole]: T };
export type KeyReferences = ByRole<string> & { readonly previous: ByRole<readonly string[]> };
export type RoleKeys = ByRole<Secret> & { readonly previous: ByRole<readonly Secret[]> };

/** The key encryption keys, one for each role with those of before, as parts/keys takes them. */
export function readKeys(references: KeyReferences, files: Files): RoleKeys {
  const present = (role: KeyRole): Secret => readKey(references[role], ["keys", role], files);
  const before = (role: KeyRole): readonly Secret[] =>
    references.previous[role].map((reference, i) => readKey(reference, ["keys", "previous", role, i], files));
  const keys: RoleKeys = {
    spool: present("spool"),
    addresses: present("addresses"),
    previous: { spool: before("spool"), addresses: before("addresses") },
  };
  const given = namedKeys(keys).filter(({ secret }) => secret !== NOTHING);
  const usable = given.filter((key) => tryKeys([key], files));
  if (usable.length > 0 && usable.length === given.length) tryKeys(usable, files);
  return keys;
}

function readKey(reference: string, path: YamlPath, files: Files): Secret {
  const reading = resolveReference(reference, files);
  if (reading.ok) return new Secret(reading.bytes);
  // Only where nothing is: a new key in the place of one that cannot be read would lose what the old one sealed.
  const isNew = reading.isMissing === true && !path.includes("previous");
  files.report.error(path, `${reading.message}${isNew ? `; ${MAKE_KEY}` : ""}`);
  return NOTHING;
}

type NamedKey = { readonly role: KeyRole; readonly path: YamlPath; readonly secret: Secret };

function namedKeys(keys: RoleKeys): readonly NamedKey[] {
  return [
    ...KEY_ROLES.map((role) => ({ role, path: ["keys", role], secret: keys[role] })),
    ...KEY_ROLES.flatMap((role) =>
      keys.previous[role].map((secret, i) => ({ role, path: ["keys", "previous", role, i], secret })),
    ),
  ];
}

/** As a ring takes them: the configuration's path is the name in errors. */
export function ringMaterial(keys: RoleKeys): RingMaterial {
  const material = (role: KeyRole): readonly KeyMaterial[] =>
    keys.previous[role].map((secret, i) => ({ name: `keys.previous.${role}.${i}`, bytes: secret.bytes() }));
  return {
    spool: { name: "keys.spool", bytes: keys.spool.bytes() },
    addresses: { name: "keys.addresses", bytes: keys.addresses.bytes() },
    previous: { spool: material("spool"), addresses: material("addresses") },
  };
}

/** Each alone, then all together: the last one tried is the one complained of. */
function tryKeys(keys: readonly NamedKey[], { report }: Files): boolean {
  const [first, ...more] = keys.map(({ path, secret }) => ({ name: path.join("."), bytes: secret.bytes() }));
  if (first === undefined) return true;
  try {
    return new KeyRing({ spool: first, previous: { spool: more } }) instanceof KeyRing;
  } catch (error) {
    if (!(error instanceof KeyUnusableError)) throw error;
    report.error(keys.at(-1)?.path ?? ["keys"], error.message);
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
