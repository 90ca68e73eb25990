/**
 * Makes a private certificate authority and issues certificates from it (RFC 5280; P-256 with SHA-256).
 * For the demo, the tests and the first set-up; a public name deserves a certificate of a public authority.
 * Promises: keys are fresh and leave only as PEM; times are what the caller says, so that an expired one can be made.
 * Loading pkijs takes a while: import this file where it is needed, not at the start of the service.
 */
import { createHash, createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";

export type IssuedCertificate = {
  /** PKCS #8. */
  readonly keyPem: string;
  /** The certificate alone, without its issuer. */
  readonly certPem: string;
};

export type Validity = {
  /** Milliseconds since the epoch; certificates keep whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
};

export type AuthorityRequest = Validity & { readonly commonName: string };

export type ServerCertificateRequest = Validity & {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** An authority made here, or `self` for a certificate that vouches for itself only. */
  readonly issuer: IssuedCertificate | "self";
  /** Default `server`; `client` for a submitter that proves itself by certificate. */
  readonly usage?: "server" | "client";
};

type Blueprint = Validity & {
  readonly commonName: string;
  readonly issuer: IssuedCertificate | "self";
  readonly isAuthority: boolean;
  readonly usage: "server" | "client";
  readonly names: readonly pkijs.GeneralName[];
};

const OID = {
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
} as const;
const KEY_USAGE = { digitalSignature: 0x80, certSignAndCrlSign: 0x06 } as const;
const COMMON_NAME_CHARACTERS_MAX = 64; // RFC 5280 appendix A, ub-common-name
const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

// The cast: the library's class lacks the platform's newest methods, none of which is used here.
const engine = new pkijs.CryptoEngine({ name: "node", crypto: webcrypto }) as unknown as pkijs.ICryptoEngine;

/** A root that signs itself and may issue end certificates only. */
export async function issueAuthority(request: AuthorityRequest): Promise<IssuedCertificate> {
  return await issue({ ...request, issuer: "self", isAuthority: true, usage: "server", names: [] });
}

/** Throws RangeError for a name, an address or a validity that no certificate can carry. */
export async function issueServerCertificate(request: ServerCertificateRequest): Promise<IssuedCertificate> {
  const names = [...request.dnsNames.map(dnsName), ...(request.ipAddresses ?? []).map(ipAddress)];
  if (names.length === 0) throw new RangeError("a server certificate needs a DNS name or an IP address");
  return await issue({ ...request, isAuthority: false, usage: request.usage ?? "server", names });
}

async function issue(blueprint: Blueprint): Promise<IssuedCertificate> {
  checkBlueprint(blueprint);
  const keys = await webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const issuer = blueprint.issuer === "self" ? null : readCertificate(blueprint.issuer.certPem);

  const certificate = new pkijs.Certificate();
  certificate.version = 2; // v3
  certificate.serialNumber = new asn1js.Integer({ valueHex: serialNumber() });
  certificate.notBefore = timeOf(blueprint.notBefore);
  certificate.notAfter = timeOf(blueprint.notAfter);
  certificate.subject.typesAndValues.push(
    new pkijs.AttributeTypeAndValue({
      type: OID.commonName,
      value: new asn1js.Utf8String({ value: blueprint.commonName }),
    }),
  );
  certificate.issuer = issuer === null ? certificate.subject : issuer.subject;
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey, engine);
  certificate.extensions = extensionsOf(blueprint, keyIdOf(certificate), keyIdOf(issuer ?? certificate));

  const signer = blueprint.issuer === "self" ? keys.privateKey : await importSigner(blueprint.issuer.keyPem);
  await certificate.sign(signer, "SHA-256", engine);
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    keyPem: pem("PRIVATE KEY", Buffer.from(key)),
    certPem: pem("CERTIFICATE", Buffer.from(certificate.toSchema(true).toBER())),
  };
}

function checkBlueprint(blueprint: Blueprint): void {
  const { commonName, notBefore, notAfter } = blueprint;
  if (commonName.length === 0 || commonName.length > COMMON_NAME_CHARACTERS_MAX) {
    throw new RangeError(`a common name has 1 to ${COMMON_NAME_CHARACTERS_MAX} characters`);
  }
  if (!(notAfter > notBefore)) throw new RangeError("a certificate must end after it begins");
}

function extensionsOf(blueprint: Blueprint, ownKeyId: Buffer, issuerKeyId: Buffer): pkijs.Extension[] {
  const { isAuthority, names } = blueprint;
  const constraints = isAuthority
    ? new pkijs.BasicConstraints({ cA: true, pathLenConstraint: 0 })
    : new pkijs.BasicConstraints({ cA: false });
  const authorityKey = new pkijs.AuthorityKeyIdentifier({ keyIdentifier: octets(issuerKeyId) });
  const extensions = [
    extension(OID.basicConstraints, constraints.toSchema(), true),
    extension(OID.subjectKeyIdentifier, octets(ownKeyId), false),
    extension(OID.authorityKeyIdentifier, authorityKey.toSchema(), false),
  ];
  // A certificate that vouches for itself is no authority, yet signs; it says nothing of key usage, as is usual.
  if (isAuthority || blueprint.issuer !== "self") extensions.push(extension(OID.keyUsage, keyUsage(isAuthority), true));
  if (isAuthority) return extensions;
  const extended = new pkijs.ExtKeyUsage({ keyPurposes: [OID[blueprint.usage]] });
  const altName = new pkijs.AltName({ altNames: [...names] });
  return [
    ...extensions,
    extension(OID.extendedKeyUsage, extended.toSchema(), false),
    extension(OID.subjectAltName, altName.toSchema(), false),
  ];
}

function extension(extnID: string, value: asn1js.AsnType, critical: boolean): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER(false) });
}

function keyUsage(isAuthority: boolean): asn1js.BitString {
  const bits = isAuthority ? KEY_USAGE.certSignAndCrlSign : KEY_USAGE.digitalSignature;
  return new asn1js.BitString({ valueHex: arrayBuffer(Buffer.of(bits)), unusedBits: isAuthority ? 1 : 7 });
}

function dnsName(name: string): pkijs.GeneralName {
  if (!/^(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/.test(name) || name.length > 253) {
    throw new RangeError("a DNS name of a certificate is an A-label host name, at most 253 characters");
  }
  return new pkijs.GeneralName({ type: 2, value: name });
}

function ipAddress(address: string): pkijs.GeneralName {
  if (isIP(address) === 0) throw new RangeError("an IP address of a certificate is an IPv4 or IPv6 literal");
  return new pkijs.GeneralName({ type: 7, value: octets(isIPv6(address) ? ipv6Bytes(address) : ipv4Bytes(address)) });
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes every form of IPv6 literal as hexadecimal groups.
  const [left = "", right] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const before = left.split(":").filter((group) => group !== "");
  const after = (right ?? "").split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const groups = [...before, ...zeros, ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after; whole seconds. */
function timeOf(timeMs: number): pkijs.Time {
  const value = new Date(Math.floor(timeMs / 1000) * 1000);
  const isUtcTime = value.getUTCFullYear() >= 1950 && value.getUTCFullYear() < 2050;
  return new pkijs.Time({ type: isUtcTime ? pkijs.TimeType.UTCTime : pkijs.TimeType.GeneralizedTime, value });
}

/** Positive, 127 bits of chance (RFC 5280 section 4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return arrayBuffer(bytes);
}

/** RFC 5280 section 4.2.1.2, method 1. */
function keyIdOf(certificate: pkijs.Certificate): Buffer {
  const bits = certificate.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView;
  return createHash("sha1").update(bits).digest();
}

function readCertificate(certPem: string): pkijs.Certificate {
  const base64 = certPem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
  return pkijs.Certificate.fromBER(arrayBuffer(Buffer.from(base64, "base64")));
}

async function importSigner(keyPem: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(keyPem).export({ type: "pkcs8", format: "der" });
  return await webcrypto.subtle.importKey("pkcs8", arrayBuffer(pkcs8), P256, false, ["sign"]);
}

function octets(bytes: Buffer): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: arrayBuffer(bytes) });
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
