/**
 * What the tests of accept share: a listener on loopback with a spool in memory, and a client that says exactly what it is
 * told to. Promises nothing about SMTP of its own.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import type { BlobRef, BlobStore } from "../../core/blob-store.ts";
import type { DnsAnswer, Resolver } from "../../core/dns-answer.ts";
import { toMessageId } from "../../core/ids.ts";
import { nextPressure } from "../../core/pressure.ts";
import type { Pressure, PressureLimits } from "../../core/pressure.ts";
import type { BodyIntake } from "../../core/stages.ts";
import type { Submission } from "../../core/submission.ts";
import { issueAuthority, issueServerCertificate } from "../../parts/keys/issue-certificate.ts";
import { startListener } from "./accept.ts";
import type { Listener } from "./accept.ts";
import { ACCEPT_LIMIT_DEFAULTS } from "./options.ts";
import type { AcceptLimits, AcceptOptions, Submitter } from "./options.ts";
import type { AcceptDeps } from "./session.ts";

export const LIMITS: PressureLimits = {
  commitWaitingMax: 10,
  commitAgeMsMax: 1_000,
  stalledMs: 10_000,
  diskFreeBytesMin: 1_000_000,
  diskFreePercentMin: 5,
  inodesFreePercentMin: 5,
  diskReserveBytes: 100_000,
  queueRecipientsMax: 1_000,
  queueBytesMax: 1_000_000,
};

const VALID = { notBefore: Date.parse("2026-01-01"), notAfter: Date.parse("2099-01-01") };

export const authority = await issueAuthority({ commonName: "Test Authority", ...VALID });
const server = await issueServerCertificate({
  commonName: "gw.test",
  dnsNames: ["gw.test"],
  issuer: authority,
  ...VALID,
});
const client = await issueServerCertificate({
  commonName: "sender.test",
  dnsNames: ["sender.test"],
  issuer: authority,
  usage: "client",
  ...VALID,
});
const stranger = await issueServerCertificate({ commonName: "x", dnsNames: ["sender.test"], issuer: "self", ...VALID });

export const TLS = { certificate: server.certPem, key: server.keyPem, clientCa: authority.certPem };
export const CLIENT_CERTIFICATE = { cert: client.certPem, key: client.keyPem };
export const UNTRUSTED_CERTIFICATE = { cert: stranger.certPem, key: stranger.keyPem };

export const OWN: Submitter = { name: "own", networks: ["127.0.0.0/8"], proof: { kind: "own-network" } };

/** Bodies in memory, with the failures a test wants. */
export class MemorySpool {
  readonly submissions: Submission[] = [];
  readonly aborted: Buffer[] = [];
  readonly disowned: string[] = [];
  opened = 0;
  onWrite: (chunk: Uint8Array) => Promise<void> = async () => {};
  onFinish: () => Promise<void> = async () => {};
  onAbort: () => Promise<void> = async () => {};
  onSubmission: (submission: Submission) => Promise<void> = async () => {};
  pressure: Pressure = OPEN;
  /** What a look at the machine finds. */
  look: () => Pressure = () => this.pressure;
  /** False: bytes are counted and forgotten. */
  keeps = true;
  readonly #bodies = new Map<string, Buffer>();

  /** The only message, as text. */
  get message(): string {
    return this.bodyOf(this.submissions.at(-1)).toString("latin1");
  }

  bodyOf(submission: Submission | undefined): Buffer {
    return this.#bodies.get(submission?.body.locator ?? "") ?? Buffer.alloc(0);
  }

  readonly openIntake = (): BodyIntake => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    const locator = `blob-${++this.opened}`;
    return {
      write: async (chunk) => {
        await this.onWrite(chunk);
        sizeBytes += chunk.length;
        if (this.keeps) chunks.push(chunk);
      },
      finish: async () => {
        await this.onFinish();
        this.#bodies.set(locator, Buffer.concat(chunks));
        const root = { path: "1", headerStart: 0, bodyStart: 0, bodyEnd: sizeBytes, contentType: "text/plain" };
        const part = {
          ...root,
          charset: null,
          encoding: "7bit",
          disposition: null,
          filename: null,
          parameters: {},
          children: [],
        } as const;
        const mime = { root: part, sizeBytes, has8bitHeader: false, has8bitBody: false, longestLine: 0, defects: [] };
        return { body: { locator, sizeBytes, wrappedKey: "" }, sha256: "", mime };
      },
      abort: async () => {
        await this.onAbort();
        this.aborted.push(Buffer.concat(chunks));
      },
    };
  };

  readonly blobs: BlobStore = {
    create: () => {
      throw new Error("not used");
    },
    read: (ref) => this.#read(ref),
    readAll: async () => Buffer.alloc(0),
    keep: () => {},
    disown: (refs) => {
      this.disowned.push(...refs.map(({ locator }) => locator));
    },
    release: async () => {},
    recover: async () => ({ reclaimed: 0 }),
    verify: async () => ({ missing: [] }),
    tidy: async () => ({ dropped: 0, moved: 0, copiedBytes: 0 }),
    close: async () => {},
  };

  async *#read(ref: BlobRef): AsyncIterable<Uint8Array> {
    const body = this.#bodies.get(ref.locator) ?? Buffer.alloc(0);
    for (let at = 0; at < body.length; at += 1_000) yield body.subarray(at, at + 1_000);
  }
}

/** Answers TXT from a map; `undefined` is a name that does not exist. */
export class MapResolver implements Pick<Resolver, "txt"> {
  readonly txtRecords = new Map<string, DnsAnswer<readonly string[]>>();
  readonly asked: string[] = [];

  async txt(name: string): Promise<DnsAnswer<readonly string[]>> {
    this.asked.push(name);
    return this.txtRecords.get(name) ?? { kind: "absent", reason: "nxdomain", security: "insecure" };
  }
}

export type LogLine = { readonly level: string; readonly event: string; readonly fields: Record<string, unknown> };

export type TestListener = {
  readonly listener: Listener;
  readonly spool: MemorySpool;
  readonly resolver: MapResolver;
  readonly log: LogLine[];
  readonly port: number;
  /** A client that has read the greeting. */
  readonly dial: () => Promise<Dialog>;
};

type Overrides = Partial<Omit<AcceptOptions, "limits">> & { readonly limits?: Partial<AcceptLimits> };

export function optionsWith(overrides: Overrides): AcceptOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    implicitTls: false,
    hostname: "gw.test",
    postmaster: "postmaster@gw.test",
    tls: TLS,
    requestClientCertificate: false,
    plaintextNetworks: ["127.0.0.0/8"],
    submitters: [OWN],
    loopMarker: "gw-one",
    offerRequireTls: true,
    ...overrides,
    limits: { ...ACCEPT_LIMIT_DEFAULTS, closeTimeoutMs: 2_000, ...overrides.limits },
  };
}

const running = new Set<Listener>();
const dialogs = new Set<Dialog>();

export const OPEN: Pressure = nextPressure(
  [],
  {
    commitWaiting: 0,
    commitAgeMs: 0,
    space: { freeBytes: 1e12, totalBytes: 2e12, inodes: null },
    queueRecipients: 0,
    queueBytes: 0,
    isSpaceRefused: false,
    isUnhealthy: false,
  },
  LIMITS,
);

export async function listen(overrides: Overrides = {}): Promise<TestListener> {
  const spool = new MemorySpool();
  const resolver = new MapResolver();
  const log: LogLine[] = [];
  const at = (level: string) => (event: string, fields?: object) =>
    void log.push({ level, event, fields: { ...fields } });
  let ids = 0;
  const deps: AcceptDeps = {
    openIntake: spool.openIntake,
    onSubmission: async (submission) => {
      await spool.onSubmission(submission);
      spool.submissions.push(submission);
    },
    blobs: spool.blobs,
    resolver,
    newMessageId: () => toMessageId(`01ARZ3NDEKTSV4RRFFQ69G${String(++ids).padStart(4, "0")}`),
    pressure: () => spool.look(),
    later: (task) => task(),
    clock: { now: () => Date.parse("2026-06-01"), monotonic: () => performance.now() },
    log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") },
  };
  const listener = await startListener(optionsWith(overrides), deps);
  running.add(listener);
  const { port } = listener.address();
  const dial = async (): Promise<Dialog> => {
    const dialog = Dialog.to(port);
    await dialog.reply();
    return dialog;
  };
  return { listener, spool, resolver, log, port, dial };
}

/** After each test: nothing stays open. */
export async function closeAll(): Promise<void> {
  for (const dialog of dialogs) dialog.destroy();
  dialogs.clear();
  await Promise.all([...running].map((listener) => listener.close()));
  running.clear();
}

type Handshake = Pick<ConnectionOptions, "cert" | "key" | "minVersion" | "maxVersion" | "ciphers" | "servername">;

/** One connection that speaks byte for byte what the test says. */
export class Dialog {
  #socket: Socket;
  #received = "";
  #isClosed = false;
  #wake: () => void = () => {};

  static to(port: number): Dialog {
    const dialog = new Dialog(connect({ host: "127.0.0.1", port, noDelay: true }));
    dialogs.add(dialog);
    return dialog;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#attach();
  }

  get socket(): Socket {
    return this.#socket;
  }

  send(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes);
  }

  /** The next whole reply, its lines joined by \n; "closed" when the server ended instead. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#received);
      if (match !== null) {
        this.#received = this.#received.slice(match[0].length);
        return match[0].trimEnd().replaceAll("\r\n", "\n");
      }
      if (this.#isClosed) return "closed";
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async say(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return await this.reply();
  }

  /** Says each line and keeps the last reply. */
  async sayAll(...lines: readonly string[]): Promise<string> {
    let reply = "";
    for (const line of lines) reply = await this.say(line);
    return reply;
  }

  /** From EHLO to the reply to the message. */
  async submit(message: string): Promise<string> {
    const ready = await this.sayAll("EHLO me.test", "MAIL FROM:<a@sender.test>", "RCPT TO:<b@example.org>", "DATA");
    if (!ready.startsWith("354")) return ready;
    this.send(`${message}\r\n.\r\n`);
    return await this.reply();
  }

  async startTls(options: Handshake = {}): Promise<void> {
    const ready = await this.say("STARTTLS");
    if (!ready.startsWith("220")) throw new Error(`STARTTLS was answered ${ready}`);
    await this.handshake(options);
  }

  async handshake(options: Handshake = {}): Promise<void> {
    this.#socket.removeAllListeners();
    const secured = connectTls({ socket: this.#socket, servername: "gw.test", ca: authority.certPem, ...options });
    await new Promise<void>((resolve, reject) => {
      secured.once("secureConnect", resolve);
      secured.once("error", reject);
      secured.once("close", () => reject(new Error("closed in the handshake")));
    });
    secured.removeAllListeners("error");
    this.#socket = secured;
    this.#attach();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #attach(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("utf8");
      this.#wake();
    });
    const onEnd = (): void => {
      this.#isClosed = true;
      this.#socket.destroy();
      this.#wake();
    };
    this.#socket.on("end", onEnd).on("close", onEnd).on("error", onEnd);
  }
}
