import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { signMessage } from "../../src/parts/dkim/sign.ts";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { RelayPath } from "../support/peers-path.ts";
import type { RelayPathOptions } from "../support/peers-path.ts";
import { addedFields, onTheWire, TRACE_OF_POSTERN } from "../support/peers-trace.ts";
import { peers } from "../support/peers.ts";
import { eventually, mail } from "../support/world.ts";

const postfix = peers("postfix");
const DAY_MS = 86_400_000;
const FROM = "nurse@clinic.test";
const TENANT = "0f5a7e1c-55aa-4d0c-9d7e-clinic";

const paths: RelayPath[] = [];

/** A path whose only submitter is Postfix A's network with this proof. */
async function pathWith(proof: object, more: RelayPathOptions = {}): Promise<RelayPath> {
  const submitters = [{ name: "relay", networks: ["127.0.0.1/32"], proof }];
  const path = await RelayPath.start({ ...more, config: { ...more.config, submitters } });
  paths.push(path);
  return path;
}

/** Postern's answer, as Postfix A noted it. */
function answerFor(path: RelayPath, to: string): Promise<string> {
  return eventually(async () => {
    const lines = path.front.log.split("\n");
    return lines.find((line) => line.includes(`to=<${to}>`) && line.includes("status=bounced")) ?? null;
  });
}

describe.skipIf(postfix.areMissing)(`a Postfix in front that has to prove who it is${postfix.note}`, () => {
  let folder: string;
  let chainFor: (name: string) => Promise<string>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "postern-proof-"));
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
    const issuer = await issueAuthority({ ...validity, commonName: "Client CA" });
    writeFileSync(join(folder, "client-ca.pem"), issuer.certPem);
    chainFor = async (name) => {
      const wanted = { ...validity, commonName: name, dnsNames: [name], issuer, usage: "client" } as const;
      const { keyPem, certPem } = await issueServerCertificate(wanted);
      return keyPem + certPem;
    };
  });
  afterEach(async () => {
    for (const path of paths.splice(0)) await path.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function pathWithCertificate(name: string | null): Promise<RelayPath> {
    const tls = { request_client_certificate: true, client_ca_file: join(folder, "client-ca.pem") };
    const settings = { smtp_tls_chain_files: name === null ? "" : "$config_directory/client.key" };
    const files = name === null ? {} : { "client.key": await chainFor(name) };
    const proof = { client_certificate: { names: ["mail.clinic.test"] } };
    return pathWith(proof, { config: { listen: { tls } }, front: { settings, files } });
  }

  test("relays with the certificate that was agreed", async () => {
    const path = await pathWithCertificate("mail.clinic.test");
    const bytes = mail([`From: ${FROM}`, "Subject: Lunch", "", "Noon."]);
    await path.send({ mailFrom: FROM, rcptTo: ["cert@verified.test"], bytes });
    const [delivery] = await path.arrived("cert@verified.test");
    expect(addedFields(onTheWire(delivery), bytes)).toEqual(expect.arrayContaining([...TRACE_OF_POSTERN]));
  });

  test.each([
    { name: "a certificate of another name", certificate: "mail.elsewhere.test" },
    { name: "no certificate", certificate: null },
  ])("does not relay with $name", async ({ certificate }) => {
    const path = await pathWithCertificate(certificate);
    await path.send({ mailFrom: FROM, rcptTo: ["cert@verified.test"], bytes: mail(["Subject: Lunch", "", "Noon."]) });
    expect(await answerFor(path, "cert@verified.test")).toContain("550 5.7.1 Relaying denied");
  });

  test("relays what carries the agreed header once, and the header stays here", async () => {
    const path = await pathWith(
      { header: { name: "X-Tenant", value: TENANT } },
      {
        front: {
          settings: { smtp_header_checks: "regexp:$config_directory/tenant" },
          files: { tenant: `/^Subject: Tenant/ PREPEND X-Tenant: ${TENANT}\n` },
        },
      },
    );
    const send = (to: string, lines: readonly string[]): Promise<unknown> =>
      path.send({ mailFrom: FROM, rcptTo: [to], bytes: mail([...lines, "", "Noon."]) });
    await send("without@verified.test", ["Subject: Other"]);
    await send("twice@verified.test", [`X-Tenant: ${TENANT}`, "Subject: Tenant"]);
    await send("forged@verified.test", ["X-Tenant: something-else", "Subject: Other"]);
    await send("once@verified.test", ["Subject: Tenant"]);
    const [delivery] = await path.arrived("once@verified.test");
    const added = addedFields(onTheWire(delivery), mail(["Subject: Tenant", "", "Noon."]));
    expect(added).toEqual(expect.arrayContaining([...TRACE_OF_POSTERN]));
    expect(delivery.bytes.toString()).not.toContain("X-Tenant");
    for (const to of ["without", "twice", "forged"]) {
      const answer = await answerFor(path, `${to}@verified.test`);
      expect(answer).toContain("550 5.7.1 Relaying denied: the message lacks the agreed proof");
    }
  });

  test("relays what its domain signed, and nothing that was changed since", async () => {
    const path = await pathWith({ dkim: { domains: ["clinic.test"] } });
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
    path.world.internet.dns.setRecord("s1._domainkey.clinic.test", {
      TXT: [[record.slice(0, 200), record.slice(200)]],
    });
    const unsigned = mail([`From: ${FROM}`, "Subject: Lunch", "", "Noon."]);
    const key = { domain: "clinic.test", selector: "s1", privateKey };
    const signature = await signMessage({ message: inOnePiece(unsigned), key, at: Date.now() });
    const bytes = Buffer.concat([signature, unsigned]);
    const forged = Buffer.from(bytes.toString("latin1").replace("Noon", "Dusk"), "latin1");
    await path.send({ mailFrom: FROM, rcptTo: ["forged@verified.test"], bytes: forged });
    await path.send({ mailFrom: FROM, rcptTo: ["signed@verified.test"], bytes });
    const [delivery] = await path.arrived("signed@verified.test");
    expect(addedFields(onTheWire(delivery), bytes)).toEqual(expect.arrayContaining([...TRACE_OF_POSTERN]));
    const answer = await answerFor(path, "forged@verified.test");
    expect(answer).toContain("550 5.7.1 Relaying denied: no valid DKIM signature");
  });
});

async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
