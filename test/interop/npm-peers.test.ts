import { createTransport } from "nodemailer";
import type { Transporter } from "nodemailer";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addedFields, TRACE_OF_POSTERN } from "../support/peers-trace.ts";
import { eventually, mail, World } from "../support/world.ts";

/** One message as smtp-server handed it over. */
type Taken = {
  readonly mailFrom: string;
  readonly rcptTo: readonly string[];
  readonly bytes: Buffer;
  readonly isSecure: boolean;
  readonly cipher: string;
};

const PHI = "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.";

let world: World;
let servers: readonly SMTPServer[];
let client: Transporter;
const taken: Taken[] = [];

beforeAll(async () => {
  world = await World.start({
    zone: {
      "npm.test": { MX: [[10, "mx.npm.test"]] },
      "mx.npm.test": { A: ["127.0.23.2"] },
      "misnamed.test": { MX: [[10, "mx.misnamed.test"]] },
      "mx.misnamed.test": { A: ["127.0.23.3"] },
    },
    servers: [{ name: "mx.other.test", address: "127.0.23.9", certificate: "none" }],
  });
  servers = [await startServer("127.0.23.2", "mx.npm.test"), await startServer("127.0.23.3", "mx.elsewhere.test")];
  client = createTransport({
    ...world.postern.address(),
    requireTLS: true,
    tls: { ca: world.internet.ca, servername: "gateway.clinic.test", minVersion: "TLSv1.2" },
  });
});
afterAll(async () => {
  client.close();
  await world.close();
  for (const server of servers) await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** An MX of other making: STARTTLS with a certificate of the loopback CA; `full@` is refused, `busy@` put off. */
async function startServer(address: string, name: string): Promise<SMTPServer> {
  const { keyPem, certPem } = await world.internet.issue(name);
  const answers = new Map([
    ["full@npm.test", 550],
    ["busy@npm.test", 450],
  ]);
  const made = new SMTPServer({
    key: keyPem,
    cert: certPem,
    name,
    closeTimeout: 500,
    authOptional: true,
    disabledCommands: ["AUTH"],
    disableReverseLookup: true,
    size: 10 * 1024 * 1024,
    onRcptTo({ address }, _session, callback) {
      const responseCode = answers.get(address);
      callback(responseCode === undefined ? null : Object.assign(new Error("not now"), { responseCode }));
    },
    onData(stream, { envelope, secure, tlsOptions }, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        taken.push({
          mailFrom: envelope.mailFrom === false ? "" : envelope.mailFrom.address,
          rcptTo: envelope.rcptTo.map(({ address }) => address),
          bytes: Buffer.concat(chunks),
          isSecure: secure,
          cipher: tlsOptions === false ? "" : tlsOptions.version,
        });
        callback();
      });
    },
  });
  made.on("error", () => undefined);
  await new Promise<void>((resolve) => made.listen(world.internet.port, address, resolve));
  return made;
}

function queueId({ response }: { readonly response?: string | undefined }): string {
  return /queued as (\w+)/.exec(response ?? "")?.[1] ?? "";
}

function takenBy(address: string): Promise<Taken> {
  return eventually(async () => taken.find(({ rcptTo }) => rcptTo.includes(address)) ?? null);
}

describe("nodemailer in front and smtp-server behind", () => {
  test("a composed message with an attachment arrives byte for byte, under TLS on both hops", async () => {
    const bytes = await composed("both@npm.test");
    const sent = await client.sendMail({ envelope: { from: "nurse@clinic.test", to: ["both@npm.test"] }, raw: bytes });
    expect(sent.response).toMatch(/^250 2\.0\.0 queued as /);
    const message = await takenBy("both@npm.test");
    expect(addedFields(message.bytes, bytes)).toEqual(TRACE_OF_POSTERN);
    expect(message).toMatchObject({ mailFrom: "nurse@clinic.test", isSecure: true, cipher: "TLSv1.3" });
    expect(message.bytes.toString()).toContain("(TLSv1.3 ");
  });

  test("recipients the server refuses or puts off do not hinder the third", async () => {
    const to = ["third@npm.test", "full@npm.test", "busy@npm.test"];
    const raw = mail(["From: nurse@clinic.test", "Subject: Lunch", "", "Noon."]);
    const sent = await client.sendMail({ envelope: { from: "nurse@clinic.test", to }, raw });
    expect(sent.accepted).toEqual(to);
    expect((await takenBy("third@npm.test")).rcptTo).toEqual(["third@npm.test"]);
    const recipients = await world.settled(queueId(sent));
    expect(recipients.map(({ state }) => state)).toEqual(["delivered", "failed", "deferred"]);
  });

  test("SMTPUTF8 and DSN wishes of nodemailer are taken", async () => {
    const sent = await client.sendMail({
      from: "zoë@clinic.test",
      to: "jörg@npm.test",
      subject: "Grüße",
      text: "Grüße.",
      dsn: { id: "envelope id", return: "headers", notify: ["failure", "delay"], recipient: "nurse@clinic.test" },
    });
    expect(sent.accepted).toEqual(["jörg@npm.test"]);
    expect(await takenBy("jörg@npm.test")).toMatchObject({ mailFrom: "zoë@clinic.test" });
  });

  test("PHI goes to the smtp-server with a valid certificate, and is held for the one with another's", async () => {
    const envelope = { from: "nurse@clinic.test", to: ["phi@npm.test", "phi@misnamed.test"] };
    const sent = await client.sendMail({ envelope, raw: mail(["Subject: Results", "", PHI]) });
    const recipients = await world.settled(queueId(sent), ["held", "delivered"]);
    expect(recipients.map(({ state, lastCode }) => [state, lastCode])).toEqual([
      ["delivered", null],
      ["held", "PST-DEC-001"],
    ]);
    expect(await takenBy("phi@npm.test")).toMatchObject({ isSecure: true, rcptTo: ["phi@npm.test"] });
    expect(taken.some(({ rcptTo }) => rcptTo.includes("phi@misnamed.test"))).toBe(false);
  });

  test("nodemailer that trusts another authority never gets as far as MAIL", async () => {
    const { certPem } = await world.internet.issue("unrelated.test");
    const stranger = createTransport({ ...world.postern.address(), requireTLS: true, tls: { ca: certPem } });
    const envelope = { from: "nurse@clinic.test", to: ["never@npm.test"] };
    await expect(stranger.sendMail({ envelope, raw: "Subject: x\r\n\r\nx\r\n" })).rejects.toMatchObject({
      command: "CONN",
    });
    stranger.close();
    expect(await world.postern.store.recipients({ address: "never@npm.test", limit: 1 })).toEqual([]);
  });
});

/** What nodemailer itself makes of a message with an attachment. */
async function composed(to: string): Promise<Buffer> {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  const made = await composer.sendMail({
    from: "Nurse <nurse@clinic.test>",
    to,
    subject: "Grüße vom Team",
    text: ".\n..leading dots\nSee you at noon.\n\n",
    html: "<p>See you at noon.</p>",
    attachments: [{ filename: "menü.txt", content: "soup\n".repeat(2000) }],
  });
  if (!Buffer.isBuffer(made.message)) throw new Error("not in one piece");
  return made.message;
}
