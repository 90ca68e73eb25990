import { createHash, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signMessage } from "../../src/parts/dkim/sign.ts";
import { verifyDkim } from "../../src/parts/dkim/verify.ts";
import { peers } from "../support/peers.ts";
import { RelayPath } from "../support/peers-path.ts";
import {
  addedFields,
  onTheWire,
  TRACE_OF_POSTERN,
  TRACE_OF_POSTFIX_A,
  TRACE_OF_POSTFIX_B,
} from "../support/peers-trace.ts";
import { mail } from "../support/world.ts";

const postfix = peers("postfix");

const TRACE = [...TRACE_OF_POSTFIX_B, ...TRACE_OF_POSTERN, ...TRACE_OF_POSTFIX_A];

const head = ["From: Nurse <nurse@clinic.test>", "To: someone@verified.test", "Subject: Bytes"];

const samples: readonly { readonly name: string; readonly bytes: Buffer; readonly is8bit?: true }[] = [
  { name: "plain text", bytes: mail([...head, "", "See you at noon."]) },
  {
    name: "UTF-8 in 8 bits",
    bytes: mail([...head, "Content-Type: text/plain; charset=utf-8", "", "Grüße, 東京 ✓"]),
    is8bit: true,
  },
  {
    name: "every byte above 127 in Latin-1",
    bytes: Buffer.concat([
      mail([...head, "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit", ""]),
      Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index)),
      Buffer.from("\r\n"),
    ]),
    is8bit: true,
  },
  {
    name: "control characters",
    bytes: mail([...head, "", "bell \u0007, escape \u001b, form feed \f, delete \u007f, tab\t."]),
  },
  {
    name: "lines of 997 and 998 characters",
    bytes: mail([...head, "", "x".repeat(998), "", "y".repeat(997), "z".repeat(998)]),
  },
  { name: "lines that begin with dots", bytes: mail([...head, "", ".", "..", "...", ".a", ". b", "x", "."]) },
  {
    name: "blanks at the end of lines",
    bytes: mail([...head, "", "one ", "tab\t", " ", "   ", "soft-wrapped -- ", "-- ", ""]),
  },
  { name: "empty lines at both ends of the body", bytes: mail([...head, "", "", "", "middle", "", "", ""]) },
  { name: "a header section alone", bytes: mail([...head, ""]) },
  {
    name: "odd but lawful headers",
    bytes: mail([
      ...head,
      "x-lower-case:no blank after the colon",
      "X-Folded: one",
      "\ttwo",
      "  three",
      "X-Empty:",
      "X-Twice: 1",
      "X-Twice: 2",
      "Received: from elsewhere.test by mail.clinic.test; Thu, 01 Jan 2026 00:00:00 +0000",
      "Message-ID:   <spaced@clinic.test>  ",
      `X-Long: ${"word ".repeat(150)}end`,
      "",
      "text",
    ]),
  },
  {
    name: "multiparts within multiparts, with preamble and epilogue",
    bytes: mail([
      ...head,
      "MIME-Version: 1.0",
      'Content-Type: multipart/mixed; boundary="outer = (1)"',
      "",
      "preamble",
      "--outer = (1)",
      "Content-Type: multipart/alternative; boundary=inner",
      "",
      "--inner",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=C3=BC=C3=9Fe =",
      "joined",
      "--inner  ",
      "Content-Type: text/html",
      "",
      "<p>.</p>",
      ".",
      "--inner--",
      "between",
      "--outer = (1)",
      "Content-Type: message/rfc822",
      "",
      "Subject: inside",
      "",
      "--not a boundary",
      "--outer = (1)--",
      "epilogue",
    ]),
  },
];

describe.skipIf(postfix.areMissing)(`from Postfix through Postern to Postfix, byte for byte${postfix.note}`, () => {
  let path: RelayPath;
  beforeAll(async () => {
    path = await RelayPath.start();
  });
  afterAll(() => path.close());

  test.each(samples.map((sample, index) => ({ ...sample, to: `bytes${index}@verified.test` })))(
    "$name",
    async ({ bytes, is8bit, to }) => {
      const mailParameters = is8bit === true ? " BODY=8BITMIME" : "";
      await path.send({ mailFrom: "nurse@clinic.test", rcptTo: [to], bytes, mailParameters });
      const [delivery] = await path.arrived(to);
      expect(addedFields(onTheWire(delivery), bytes)).toEqual(TRACE);
      expect(delivery.returnPath).toBe("nurse@clinic.test");
    },
  );

  test("both hops were under TLS, and the trace says so", async () => {
    const bytes = mail([...head, "", "TLS."]);
    await path.send({ mailFrom: "nurse@clinic.test", rcptTo: ["tls@verified.test"], bytes });
    const [delivery] = await path.arrived("tls@verified.test");
    const text = delivery.bytes.toString().replaceAll(/\n[ \t]+/g, " ");
    expect(text).toMatch(
      /Received: from mail\.clinic\.test \(\[127\.0\.0\.1\]\) \(TLSv1\.3 TLS_AES_\w+\) by gateway\.clinic\.test \(Postern\) with ESMTPS id/,
    );
    expect(text).toMatch(/Received: from gateway\.clinic\.test .* by mx\.verified\.test \(Postfix\) with ESMTPS id/);
    expect(path.front.log.includes("Verified TLS connection established to 127.0.0.1")).toBe(true);
  });

  test("a DKIM signature made before Postfix still verifies after Postfix", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const unsigned = mail([...head, "Date: Thu, 01 Jan 2026 00:00:00 +0000", "", "Signed.  ", "", ".", "", ""]);
    const key = { domain: "clinic.test", selector: "s1", privateKey };
    const signature = await signMessage({ message: inOnePiece(unsigned), key, at: Date.now() });
    const bytes = Buffer.concat([signature, unsigned]);
    await path.send({ mailFrom: "nurse@clinic.test", rcptTo: ["dkim@verified.test"], bytes });
    const [delivery] = await path.arrived("dkim@verified.test");
    const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
    const txt = async () => ({ kind: "found", value: [record] }) as const;
    const options = { domains: ["clinic.test"], resolver: { txt } as never, now: Date.now() };
    const proof = await verifyDkim(inOnePiece(onTheWire(delivery)), options);
    expect(proof).toEqual({ kind: "signed", domain: "clinic.test" });
    const forged = Buffer.from(onTheWire(delivery).toString("latin1").replace("Signed.", "Forged."), "latin1");
    expect(await verifyDkim(inOnePiece(forged), options)).toEqual({ kind: "unsigned" });
  });

  test("an attachment of 10 MB arrives whole", async () => {
    const bytes = largeMail(10 * 1024 * 1024);
    await path.send({ mailFrom: "nurse@clinic.test", rcptTo: ["large@verified.test"], bytes });
    const [delivery] = await path.arrived("large@verified.test");
    expect(addedFields(onTheWire(delivery), bytes)).toEqual(TRACE);
  });

  test("a message from sendmail(1) of the machine in front arrives with the fields Postfix gave it and none of ours within", async () => {
    const text = "From: nurse@clinic.test\nTo: local@verified.test\nSubject: Local\n\n.dot\nlast line";
    await path.front.sendmail(["-i", "-f", "nurse@clinic.test", "local@verified.test"], text);
    const [delivery] = await path.arrived("local@verified.test");
    const arrived = delivery.bytes.toString();
    expect(arrived).toMatch(/\n\n\.dot\nlast line\n$/);
    expect(arrived.match(/^X-Postern-Loop:/gm)).toHaveLength(1);
    expect(arrived.match(/^Message-Id:/gim)).toHaveLength(1);
  });
});

async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Base64 of bytes that do not repeat, so that a lost or doubled block shows. */
function largeMail(sizeBytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / 57 / 32) }, (_, index) => {
    const digest = createHash("shake256", { outputLength: 57 * 32 })
      .update(String(index))
      .digest("base64");
    return digest.replaceAll(/.{76}/g, "$&\r\n").trimEnd();
  });
  return mail([
    ...head,
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "",
    "See the attachment.",
    "--b",
    'Content-Type: application/octet-stream; name="scan.bin"',
    "Content-Transfer-Encoding: base64",
    "",
    ...blocks,
    "--b--",
  ]);
}
