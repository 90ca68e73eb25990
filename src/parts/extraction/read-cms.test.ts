/** Signed objects as OpenSSL writes them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { readHere } from "./extraction.samples.ts";
import { zipOf } from "./zip.samples.ts";

const needed = peers("openssl");
const ENTITY = "Content-Type: text/plain\r\n\r\nMRN 00482913 has diabetes\r\n";

describe.skipIf(needed.areMissing)(`opaque S/MIME by OpenSSL${needed.note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-cms-"));
  const openssl = (...args: readonly string[]): Buffer =>
    execFileSync("/usr/bin/openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const signed = (...flags: readonly string[]): Buffer =>
    openssl("cms", "-sign", "-in", "in", "-signer", "c.pem", "-inkey", "k.pem", "-outform", "DER", "-binary", ...flags);

  beforeAll(() => {
    writeFileSync(join(folder, "in"), ENTITY);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "k.pem"];
    openssl("req", "-x509", ...key, "-subj", "/CN=Signer of reports", "-days", "2", "-out", "c.pem");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each<[string, readonly string[]]>([
    ["in one piece", ["-nodetach"]],
    ["streamed, of indefinite length", ["-nodetach", "-stream"]],
    ["without certificates", ["-nodetach", "-nocerts", "-noattr"]],
  ])("what was signed is a message of its own: %s", async (_, flags) => {
    const items = await readHere(signed(...flags));
    expect(items).toContainEqual({ kind: "file", place: "1", name: "signed.eml", bytes: Buffer.from(ENTITY) });
    expect(items.filter(({ kind }) => kind === "unread")).toEqual([]);
  });

  test("a signed file is read as the file it is", async () => {
    writeFileSync(join(folder, "in"), zipOf([{ name: "a.txt", content: "x" }]));
    const items = await readHere(signed("-nodetach"));
    writeFileSync(join(folder, "in"), ENTITY);
    expect(items).toContainEqual({ kind: "file", place: "1>1", name: "a.txt", bytes: Buffer.from("x") });
  });

  test("a signature without content holds none, and its certificate is readable", async () => {
    const items = await readHere(signed());
    expect(items).toEqual([{ kind: "text", place: "", text: expect.stringContaining("Signer of reports") }]);
  });

  test.each([
    ["data", ["-data_create"]],
    ["digested-data", ["-digest_create"]],
  ])("%s is no secret", async (_, flags) => {
    const items = await readHere(openssl("cms", ...flags, "-binary", "-in", "in", "-outform", "DER"));
    expect(items).toContainEqual({ kind: "file", place: "1", name: "signed.eml", bytes: Buffer.from(ENTITY) });
    expect(items.filter(({ kind }) => kind === "unread")).toEqual([]);
  });

  test("data encrypted by a key that both know is told as such", async () => {
    const key = ["-secretkey", "00".repeat(16), "-aes128"];
    const items = await readHere(openssl("cms", "-EncryptedData_encrypt", ...key, "-in", "in", "-outform", "DER"));
    expect(items).toEqual([{ kind: "unread", place: "", reason: "encrypted" }]);
  });

  test("an encrypted one in an archive is told as such", async () => {
    const enveloped = openssl("cms", "-encrypt", "-in", "in", "-outform", "DER", "-aes256", "c.pem");
    expect(await readHere(zipOf([{ name: "a.p7m", content: enveloped }]))).toContainEqual({
      kind: "unread",
      place: "1",
      reason: "encrypted",
    });
  });

  test("a cut one is damaged", async () => {
    expect(await readHere(signed("-nodetach").subarray(0, 300))).toEqual([
      { kind: "unread", place: "", reason: "damaged" },
    ]);
  });
});

test("compressed-data (RFC 3274) is read", async () => {
  const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const oid = (hex: string): Buffer => der(6, Buffer.from(hex, "hex"));
  const content = der(0x30, oid("2a864886f70d010701"), der(0xa0, der(4, deflateSync(ENTITY))));
  const data = der(0x30, der(2, Buffer.from([0])), der(0x30, oid("2a864886f70d0109100308")), content);
  const items = await readHere(der(0x30, oid("2a864886f70d0109100109"), der(0xa0, data)));
  expect(items).toEqual([{ kind: "file", place: "1", name: "signed.eml", bytes: Buffer.from(ENTITY) }]);
});
