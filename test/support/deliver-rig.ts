/** What the tests of deliver stand on: certificates, bodies in memory, requests, and a delivery with short patience. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RaiseAlert } from "../../src/core/alert.ts";
import type { BlobRef, BlobStore } from "../../src/core/blob-store.ts";
import type { MxHost } from "../../src/core/capabilities.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { DaneState } from "../../src/core/dane.ts";
import type { Envelope, EnvelopeRecipient, Mailbox } from "../../src/core/envelope.ts";
import { recipientIdOf, toMessageId, variantIdOf } from "../../src/core/ids.ts";
import type { Log } from "../../src/core/log.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { Needs, Piece } from "../../src/core/parcel.ts";
import type { Rung } from "../../src/core/rung.ts";
import type { DeliveryReport, DeliveryRecipient, DeliveryRequest } from "../../src/core/stages.ts";
import type { MxTls } from "../../src/cli/loopback/mx-server.ts";
import type { IssuedCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { createDeliver } from "../../src/stages/deliver/deliver.ts";
import type { Delivery } from "../../src/stages/deliver/deliver.ts";
import type { DeliverOptions } from "../../src/stages/deliver/options.ts";
import { DELIVER_DEFAULTS } from "../../src/stages/deliver/options.ts";

export const MX = "mx.test";
export const MESSAGE_ID = toMessageId("01JD0000000000000000000000");

export type TestCertificates = {
  readonly ca: string;
  /** Valid for mx.test and mx2.test. */
  readonly good: MxTls;
  readonly wrongName: MxTls;
  readonly expired: MxTls;
  readonly selfSigned: MxTls;
};

export async function issueTestCertificates(): Promise<TestCertificates> {
  const day = 86_400_000;
  const now = Date.now();
  const valid = { notBefore: now - day, notAfter: now + day };
  const authority = await issueAuthority({ ...valid, commonName: "Test CA" });
  const issue = async (
    names: readonly string[],
    validity: { readonly notBefore: number; readonly notAfter: number },
    issuer: IssuedCertificate | "self",
  ): Promise<MxTls> => {
    const issued = await issueServerCertificate({ ...validity, commonName: "test", dnsNames: names, issuer });
    return { key: issued.keyPem, cert: issued.certPem };
  };
  return {
    ca: authority.certPem,
    good: await issue([MX, "mx2.test"], valid, authority),
    wrongName: await issue(["other.test"], valid, authority),
    expired: await issue([MX], { notBefore: now - 2 * day, notAfter: now - day }, authority),
    selfSigned: await issue([MX], valid, "self"),
  };
}

/** Only reading is real: the tests of deliver store nothing. */
export function memoryBlobs(bodies: Readonly<Record<string, Uint8Array>>, chunkBytes = 16_384): BlobStore {
  const unsupported = (): never => {
    throw new Error("not part of this fake");
  };
  return {
    create: unsupported,
    async *read(ref, range) {
      const body = bodies[ref.locator];
      if (body === undefined) throw new Error("damaged blob");
      const bytes = body.subarray(range?.start ?? 0, range?.end ?? body.length);
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        await Promise.resolve();
        yield bytes.subarray(at, at + chunkBytes);
      }
    },
    readAll: unsupported,
    keep: unsupported,
    disown: unsupported,
    release: unsupported,
    recover: unsupported,
    verify: unsupported,
    tidy: unsupported,
    close: () => Promise.resolve(),
  };
}

export class ManualClock implements Clock {
  timeMs = 1_000_000;
  now(): number {
    return this.timeMs;
  }
  monotonic(): number {
    return this.timeMs;
  }
}

export const SILENT_LOG: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const TIMEOUT_MS = 400;
export const TEST_OPTIONS: DeliverOptions = {
  ...DELIVER_DEFAULTS,
  helo: "gateway.test",
  allowPrivateDestinations: true,
  timeouts: {
    dialMs: TIMEOUT_MS,
    greetingMs: TIMEOUT_MS,
    ehloMs: TIMEOUT_MS,
    starttlsMs: TIMEOUT_MS,
    handshakeMs: 1_000,
    mailMs: TIMEOUT_MS,
    rcptMs: TIMEOUT_MS,
    dataMs: TIMEOUT_MS,
    blockMs: TIMEOUT_MS,
    dotMs: TIMEOUT_MS,
    quitMs: 50,
    totalMs: 60_000,
  },
};

export type RigOptions = {
  readonly port: number;
  readonly ca?: string;
  readonly bodies?: Readonly<Record<string, Uint8Array>>;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly raise?: RaiseAlert;
  readonly options?: Partial<DeliverOptions>;
};

export function makeDelivery(rig: RigOptions): Delivery {
  const options = { ...TEST_OPTIONS, port: rig.port, ca: rig.ca === undefined ? null : [rig.ca], ...rig.options };
  return createDeliver(options, {
    blobs: memoryBlobs(rig.bodies ?? {}),
    clock: rig.clock ?? new ManualClock(),
    chance: () => 0,
    log: rig.log ?? SILENT_LOG,
    raise: rig.raise ?? (() => undefined),
  });
}

export function mailbox(address: string): Mailbox {
  const at = address.lastIndexOf("@");
  const localPart = address.slice(0, at);
  // oxlint-disable-next-line no-control-regex -- ASCII is the range asked for
  return { address, localPart, domain: address.slice(at + 1), isUtf8: !/^[\x00-\x7f]*$/.test(localPart) };
}

export function recipients(addresses: readonly string[]): readonly [DeliveryRecipient, ...DeliveryRecipient[]] {
  const [first, ...others] = addresses.map((address, index) => ({
    id: recipientIdOf(MESSAGE_ID, index + 1),
    recipient: { mailbox: mailbox(address), notify: null, orcpt: null } satisfies EnvelopeRecipient,
  }));
  if (first === undefined) throw new Error("a delivery needs a recipient");
  return [first, ...others];
}

export function mxHost(address: string, name = MX, dane: DaneState = { kind: "none" }): MxHost {
  return {
    name,
    preference: 10,
    addresses: { kind: "found", value: [address], security: "insecure" },
    dane,
    sts: { kind: "none" },
  };
}

export type RequestOptions = {
  readonly route?: Partial<Pick<DeliveryRequest["route"], "via" | "security">>;
  readonly hosts: readonly MxHost[];
  readonly to?: readonly string[];
  readonly minRung?: Rung;
  readonly body?: string | Uint8Array;
  readonly pieces?: readonly Piece[];
  readonly sizeBytes?: number;
  readonly needs?: Partial<Needs>;
  readonly envelope?: Partial<Envelope>;
  readonly domain?: string;
  readonly onDot?: DeliveryRequest["onDot"];
  readonly signal?: AbortSignal;
};

export const BODY = "Subject: test\r\n\r\nhello\r\n";

export function makeRequest(options: RequestOptions): DeliveryRequest {
  const bytes = Buffer.from(options.body ?? BODY);
  const minRung = options.minRung ?? "plain";
  return {
    origin: "relay",
    envelope: {
      sender: mailbox("sender@clinic.test"),
      body: "7bit",
      smtpUtf8: false,
      requireTls: false,
      ret: null,
      envid: null,
      ...options.envelope,
    },
    recipients: recipients(options.to ?? ["anna@hospital.test"]),
    domain: options.domain ?? "hospital.test",
    route: { kind: "hosts", hosts: options.hosts, via: "mx", security: "insecure", ...options.route },
    parcel: {
      variant: {
        id: variantIdOf(MESSAGE_ID, 1),
        messageId: MESSAGE_ID,
        kind: "untouched",
        pieces: options.pieces ?? [{ kind: "bytes", bytes }],
        sizeBytes: options.sizeBytes ?? bytes.length,
        needs: { eightBitMime: false, smtpUtf8: false, ...options.needs },
      },
      step: { kind: "transport", minRung },
      minRung,
    },
    onDot: options.onDot ?? (() => Promise.resolve()),
    signal: options.signal ?? new AbortController().signal,
  };
}

export function blobPiece(locator: string, start: number, end: number): Piece {
  const ref: BlobRef = { locator, sizeBytes: end, wrappedKey: "" };
  return { kind: "blob", ref, start, end };
}

/** The outcome of the n-th recipient, counted from 1. */
export function outcomeOf(report: DeliveryReport, ordinal = 1): Outcome {
  const outcome = report.outcomes.get(recipientIdOf(MESSAGE_ID, ordinal));
  if (outcome === undefined) throw new Error("a recipient has no outcome");
  return outcome;
}

/** Kind and code in one word, for tables. */
export function verdictOf(outcome: Outcome): string {
  const code = "code" in outcome ? ` ${outcome.code.slice(-3)}` : "";
  return `${outcome.kind === "deferred" ? `${outcome.kind}/${outcome.scope}` : outcome.kind}${code}`;
}

/** Waits for something another socket does; bounded. */
export async function eventually(isTrue: () => boolean): Promise<void> {
  for (let round = 0; round < 400 && !isTrue(); round++) await sleep(2);
  if (!isTrue()) throw new Error("it did not come to pass");
}
