import { X509Certificate, createPrivateKey } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { describe, expect, test } from "vitest";
import { issueAuthority, issueServerCertificate } from "./issue-certificate.ts";
import type { IssuedCertificate } from "./issue-certificate.ts";

const NOW = Date.now();
const DAY_MS = 86_400_000;
const valid = { notBefore: NOW - DAY_MS, notAfter: NOW + DAY_MS };
const ca = await issueAuthority({ commonName: "Example Root", ...valid });
const server = await issueServerCertificate({
  commonName: "mx.example.test",
  dnsNames: ["mx.example.test", "*.mail.example.test"],
  ipAddresses: ["127.0.0.1", "::1", "2001:db8::25"],
  issuer: ca,
  ...valid,
});

/** What a client that trusts only `ca` says of a server with this certificate. */
async function handshake(certificate: IssuedCertificate, servername: string): Promise<string> {
  const listener = createServer({ key: certificate.keyPem, cert: certificate.certPem }, (socket) => socket.end());
  listener.on("tlsClientError", () => {}); // the client's refusal is what is looked at
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", servername, ca: ca.certPem });
  const verdict = await new Promise<string>((resolve) => {
    socket.once("secureConnect", () => resolve(`${socket.getProtocol()} authorized ${socket.authorized}`));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  });
  socket.destroy();
  listener.close();
  return verdict;
}

describe("an issued server certificate", () => {
  const leaf = new X509Certificate(server.certPem);
  const root = new X509Certificate(ca.certPem);

  test("is signed by its authority, and fits its own key", () => {
    expect(leaf.checkIssued(root)).toBe(true);
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(server.keyPem))).toBe(true);
    expect([root.ca, leaf.ca]).toEqual([true, false]);
    expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: "prime256v1" });
  });

  test("carries the names and addresses asked for, and no others", () => {
    expect(leaf.checkHost("mx.example.test")).toBeDefined();
    expect(leaf.checkHost("a.mail.example.test")).toBeDefined();
    expect(leaf.checkHost("other.example.test")).toBeUndefined();
    for (const address of ["127.0.0.1", "::1", "2001:db8::25"]) expect(leaf.checkIP(address)).toBeDefined();
    expect(leaf.checkIP("127.0.0.2")).toBeUndefined();
  });

  test("carries the validity asked for, in whole seconds, also beyond 2049", async () => {
    expect(leaf.validFromDate.getTime()).toBe(Math.floor(valid.notBefore / 1000) * 1000);
    expect(leaf.validToDate.getTime()).toBe(Math.floor(valid.notAfter / 1000) * 1000);
    const notAfter = Date.UTC(2060, 0, 1);
    const late = await issueServerCertificate({ commonName: "x", dnsNames: ["x"], issuer: ca, ...valid, notAfter });
    expect(new X509Certificate(late.certPem).validToDate.getTime()).toBe(notAfter);
  });

  test("has a serial number of its own", async () => {
    const again = await issueServerCertificate({ commonName: "x", dnsNames: ["x"], issuer: ca, ...valid });
    expect(new X509Certificate(again.certPem).serialNumber).not.toBe(leaf.serialNumber);
  });

  test("says what it is for", async () => {
    const client = await issueServerCertificate({
      commonName: "x",
      dnsNames: ["x"],
      issuer: ca,
      usage: "client",
      ...valid,
    });
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(new X509Certificate(client.certPem).keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  });
});

describe("a TLS handshake", () => {
  const at = { commonName: "mx.example.test", dnsNames: ["mx.example.test"] };

  test("succeeds with the certificate of a trusted authority", async () => {
    expect(await handshake(server, "mx.example.test")).toBe("TLSv1.3 authorized true");
  });

  test("fails for another name", async () => {
    expect(await handshake(server, "other.example.test")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("fails with a self-signed certificate", async () => {
    const self = await issueServerCertificate({ ...at, issuer: "self", ...valid });
    const certificate = new X509Certificate(self.certPem);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(await handshake(self, "mx.example.test")).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
  });

  test("fails with a certificate of a stranger's authority of the same name", async () => {
    const stranger = await issueAuthority({ commonName: "Example Root", ...valid });
    const forged = await issueServerCertificate({ ...at, issuer: stranger, ...valid });
    expect(new X509Certificate(forged.certPem).verify(new X509Certificate(ca.certPem).publicKey)).toBe(false);
    expect(await handshake(forged, "mx.example.test")).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  test("fails with an expired certificate and with one that is not valid yet", async () => {
    const past = { notBefore: NOW - 2 * DAY_MS, notAfter: NOW - DAY_MS };
    const future = { notBefore: NOW + DAY_MS, notAfter: NOW + 2 * DAY_MS };
    const [expired, early] = await Promise.all(
      [past, future].map(async (validity) => await issueServerCertificate({ ...at, issuer: ca, ...validity })),
    );
    expect(await handshake(expired as IssuedCertificate, "mx.example.test")).toBe("CERT_HAS_EXPIRED");
    expect(await handshake(early as IssuedCertificate, "mx.example.test")).toBe("CERT_NOT_YET_VALID");
  });
});

test.each([
  ["no name at all", { dnsNames: [] }, "DNS name or an IP address"],
  ["a name with a space", { dnsNames: ["mx example"] }, "A-label host name"],
  ["an address that is none", { ipAddresses: ["127.0.0.300"] }, "IPv4 or IPv6"],
  ["a common name of 65 characters", { commonName: "x".repeat(65) }, "1 to 64 characters"],
  ["an end before the beginning", { notAfter: NOW - 2 * DAY_MS }, "end after it begins"],
  ["no time", { notAfter: Number.NaN }, "end after it begins"],
])("%s is refused", async (_name, wrong, message) => {
  const request = { commonName: "x", dnsNames: ["x"], issuer: ca, ...valid, ...wrong };
  await expect(issueServerCertificate(request)).rejects.toThrow(message);
});
