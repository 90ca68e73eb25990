/** Sample messages, a clock and a sealer for tests of queue stores. Addresses and texts are invented canaries. */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { Mailbox } from "../../core/envelope.ts";
import type { EventBody, NewEvent } from "../../core/event.ts";
import type { Findings } from "../../core/findings.ts";
import { recipientIdOf, toMessageId, variantIdOf } from "../../core/ids.ts";
import type { MessageId, RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { Parentage } from "../../core/origin.ts";
import type { Variant } from "../../core/parcel.ts";
import type { Plan } from "../../core/plan.ts";
import type { Lease, NewMessage, RecipientPatch, RecipientTransition, Transition } from "../../core/queue-store.ts";
import type { Sealer } from "../../core/sealer.ts";

export const CANARIES = {
  sender: "canary-sender",
  recipient: "canary-recipient",
  file: "canary-file-name",
  reply: "canary-reply-text",
  header: "canary-generated-header",
  helo: "canary-helo",
  finding: "canary-finding-hash",
} as const;

export const START = 1_700_000_000_000;

export function manualClock(): Clock & { advance(ms: number): void } {
  let now = START;
  return {
    now: () => now,
    monotonic: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const LEASE: Lease = { owner: "one", until: START + 60_000 };

export function testSealer(secret = "a key of this test"): Sealer {
  const key = createHmac("sha256", secret).update("seal").digest();
  let nonces = 0;
  return {
    seal(plaintext, context) {
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE(++nonces);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(context));
      return Buffer.concat([nonce, cipher.update(plaintext, "utf8"), cipher.final(), cipher.getAuthTag()]).toString(
        "base64",
      );
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("utf8");
    },
    index: (text) => createHmac("sha256", secret).update(text).digest("hex").slice(0, 32),
    indexes: (text) => [createHmac("sha256", secret).update(text).digest("hex").slice(0, 32)],
    mark: () => "",
  };
}

export function messageIdAt(n: number): MessageId {
  return toMessageId(`01HSAMPXE${String(n).padStart(17, "0")}`);
}

export function recipientAt(n: number, ordinal = 1): RecipientId {
  return recipientIdOf(messageIdAt(n), ordinal);
}

export type SampleOptions = {
  readonly recipients?: number;
  readonly dueAt?: number;
  readonly lease?: Lease | null;
  readonly parent?: Parentage | null;
  readonly events?: readonly NewEvent[];
  readonly sender?: string;
  /** Domain of each recipient; the last repeats. */
  readonly domains?: readonly string[];
};

export function sampleMessage(n: number, options: SampleOptions = {}): NewMessage {
  const { recipients = 1, dueAt = START, lease = null, parent = null, domains = ["rcpt.example"] } = options;
  const id = messageIdAt(n);
  return {
    submission: {
      id,
      origin: parent === null ? "relay" : "dsn",
      parent,
      envelope: {
        sender: mailbox(options.sender ?? CANARIES.sender, "sender.example"),
        body: "8bitmime",
        smtpUtf8: false,
        requireTls: false,
        ret: "hdrs",
        envid: "envelope-1",
      },
      recipients: Array.from({ length: recipients }, (_, index) => ({
        mailbox: mailbox(`${CANARIES.recipient}-${n}-${index + 1}`, domains[index] ?? domains.at(-1) ?? ""),
        notify: ["failure"],
        orcpt: null,
      })),
      submitter: {
        submitter: "m365",
        proof: "header",
        peerAddress: "192.0.2.7",
        helo: `${CANARIES.helo}.example`,
        tls: { protocol: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
      },
      body: sampleBlob(`body-${n}`),
      sha256: "ab".repeat(32),
      mime: {
        root: {
          path: "1",
          headerStart: 0,
          bodyStart: 100,
          bodyEnd: 4000,
          contentType: "application/pdf",
          charset: null,
          encoding: "base64",
          disposition: "attachment",
          filename: `${CANARIES.file}.pdf`,
          parameters: { name: `${CANARIES.file}.pdf`, bytes: "AAAA" },
          children: [],
        },
        sizeBytes: 4000,
        has8bitHeader: false,
        has8bitBody: true,
        longestLine: 78,
        defects: [],
      },
      receivedAt: START + n,
    },
    expiresAt: START + 172_800_000,
    dueAt,
    lease,
    events: options.events ?? [alertEvent(id, null)],
  };
}

export function sampleBlob(locator: string): NewMessage["submission"]["body"] {
  return { locator, sizeBytes: 4000, wrappedKey: `wrapped-${locator}` };
}

export function sampleVariant(n: number, ordinal = 1, locator = `body-${n}`): Variant {
  const messageId = messageIdAt(n);
  return {
    id: variantIdOf(messageId, ordinal),
    messageId,
    kind: "untouched",
    pieces: [
      { kind: "bytes", bytes: Buffer.from(`X-Generated: ${CANARIES.header}\r\n\0\xff`, "latin1") },
      { kind: "blob", ref: sampleBlob(locator), start: 0, end: 4000 },
    ],
    sizeBytes: 4050,
    needs: { eightBitMime: true, smtpUtf8: false },
  };
}

export const samplePlan: Plan = {
  floor: { profile: "standard", minRung: "pkix" },
  reasons: [{ kind: "profile", profile: "standard", because: "phi" }],
  steps: [
    {
      kind: "smime",
      certificates: [{ fingerprint: "f1", der: Buffer.from([0, 1, 2, 255]) }],
      minRung: "tls-unauthenticated",
    },
    { kind: "transport", minRung: "pkix" },
    { kind: "hold", code: "PST-DEC-001" },
  ],
};

export const sampleFindings: Findings = {
  verdict: "phi",
  tier: "high",
  hits: [],
  findings: [{ detector: "us.ssn", confidence: 90, part: "1", offset: 4, length: 11, valueHash: CANARIES.finding }],
  uninspectable: [],
  triggers: [],
  packs: [],
  engine: "1",
};

export function alertEvent(messageId: MessageId | null, recipientId: RecipientId | null, at = START): NewEvent {
  const body: EventBody = { kind: "alert", code: "PST-DEC-001" };
  return { at, messageId, recipientId, body };
}

/** One recipient's transition, with one event. */
export function step(recipientId: RecipientId, fence: number, patch: RecipientPatch): RecipientTransition {
  return { recipientId, fence, patch, children: [], events: [alertEvent(null, recipientId)] };
}

export function causing(cause: RecipientTransition, child: NewMessage): RecipientTransition {
  return { ...cause, children: [child] };
}

export function transition(...recipients: readonly RecipientTransition[]): Transition {
  return { recipients, variants: [], inspected: null, events: [] };
}

export function dsnOf(parent: RecipientId, n: number, at: { step: number; dueAt?: number }): NewMessage {
  const parentage: Parentage = {
    messageId: parent.slice(0, 26),
    recipientId: parent,
    kind: "delay_dsn",
    step: at.step,
  };
  return sampleMessage(n, { parent: parentage, dueAt: at.dueAt ?? START });
}

function mailbox(localPart: string, domain: string): Mailbox {
  return { address: `${localPart}@${domain}`, localPart, domain, isUtf8: false };
}
