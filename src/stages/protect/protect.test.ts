import { generateKeyPairSync } from "node:crypto";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { describe, expect, test } from "vitest";
import { MemoryBlobStore } from "../../../test/support/memory-blob-store.ts";
import type { Envelope, Mailbox } from "../../core/envelope.ts";
import { toMessageId } from "../../core/ids.ts";
import type { Origin } from "../../core/origin.ts";
import type { MissingExtension } from "../../core/outcome.ts";
import type { Parcel } from "../../core/parcel.ts";
import type { Step } from "../../core/plan.ts";
import type { StoredMessage } from "../../core/queue-store.ts";
import { signMessage } from "../../parts/dkim/sign.ts";
import type { DkimKey } from "../../parts/dkim/sign.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import { LOOP_FIELD } from "../../parts/mime/trace-field.ts";
import { createProtect } from "./protect.ts";
import type { ProtectOptions } from "./protect.ts";

const CANARY = "CANARY-4242";
const PAIR = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEY: DkimKey = {
  domain: "example.org",
  selector: "gate",
  privateKey: PAIR.privateKey,
};
const FOREIGN: DkimKey = { ...KEY, domain: "other.example" };
const PUBLIC = PAIR.publicKey.export({ type: "spki", format: "der" }).toString("base64");
const resolver = async (): Promise<string[][]> => [[`v=DKIM1; k=rsa; p=${PUBLIC}`]];

const OPTIONS: ProtectOptions = {
  hostname: "gate.example.org",
  instanceId: "instance-1",
  dkim: [KEY],
  stripHeaders: ["X-Gate-Secret", "Sensitivity"],
  subjectTags: ["[secure]"],
  tagHeader: "X-Postern-Tag",
  headerBytesMax: 65_536,
  requoteBytesMax: 100_000,
};
const STEP: Step = { kind: "transport", minRung: "pkix" };
const ENVELOPE: Envelope = {
  sender: { address: "a@example.org", localPart: "a", domain: "example.org", isUtf8: false } satisfies Mailbox,
  body: "8bitmime",
  smtpUtf8: false,
  requireTls: false,
  ret: null,
  envid: null,
};

class World {
  readonly blobs = new MemoryBlobStore();
  readonly protect;
  constructor(options: Partial<ProtectOptions> = {}) {
    this.protect = createProtect({ ...OPTIONS, ...options }, { blobs: this.blobs });
  }

  message(
    source: string | Buffer,
    change: { readonly origin?: Origin; readonly smtpUtf8?: boolean } = {},
  ): StoredMessage {
    const bytes = typeof source === "string" ? Buffer.from(source, "utf8") : source;
    const scanner = new MimeScanner({ depthMax: 20, partsMax: 100, headerBytesMax: 65_536 });
    scanner.push(bytes);
    return {
      submission: {
        id: toMessageId("01KDWZ0000000000000000000Q"),
        origin: change.origin ?? "relay",
        parent: null,
        envelope: { ...ENVELOPE, smtpUtf8: change.smtpUtf8 ?? false },
        submitter: {
          submitter: "m365",
          proof: "header",
          peerAddress: "192.0.2.7",
          helo: "mail.client.example",
          tls: { protocol: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
        },
        body: this.blobs.put(bytes),
        sha256: "",
        mime: scanner.end(),
        receivedAt: Date.UTC(2026, 0, 1, 9, 30),
      },
      expiresAt: 0,
      findings: null,
      variants: [],
    };
  }

  async parcel(
    message: StoredMessage,
    missing: readonly MissingExtension[] = [],
    tags: readonly string[] = [],
  ): Promise<Parcel & { readonly isNew: boolean }> {
    const result = await this.protect({ message, step: STEP, tags, missing });
    if (result.kind !== "parcel") throw new Error(result.code);
    return { ...result.parcel, isNew: result.isNew };
  }

  async bytes(parcel: Parcel): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for (const piece of parcel.variant.pieces) {
      if (piece.kind === "bytes") chunks.push(piece.bytes);
      else for await (const chunk of this.blobs.read(piece.ref, piece)) chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

const crlf = (...lines: readonly string[]): string => lines.join("\r\n");
const PLAIN = crlf("From: A <a@example.org>", "To: b@example.net", `Subject: ${CANARY}`, "Date: x", "", "body", "");
const TRACE = crlf(
  "Received: from mail.client.example ([192.0.2.7])",
  " (TLSv1.3 TLS_AES_256_GCM_SHA384) by gate.example.org (Postern) with ESMTPS id",
  " 01KDWZ0000000000000000000Q; Thu, 01 Jan 2026 09:30:00 +0000",
  "X-Postern-Loop: instance-1",
  "",
);

async function signed(source: string, key: DkimKey): Promise<string> {
  const once = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(source);
  };
  return (await signMessage({ message: once(), key, at: 1000 })).toString() + source;
}

async function verdicts(bytes: Buffer): Promise<readonly string[]> {
  const { results } = await dkimVerify(bytes, { resolver });
  return results.map((result) => `${result.signingDomain} ${result.status.result}`);
}

describe("untouched", () => {
  test("mail leaves byte for byte as it came, below a Received field and the loop marker", async () => {
    const world = new World();
    const parcel = await world.parcel(world.message(PLAIN));
    expect((await world.bytes(parcel)).toString()).toBe(TRACE + PLAIN);
    expect(parcel).toMatchObject({
      minRung: "pkix",
      isNew: true,
      variant: { kind: "untouched", sizeBytes: TRACE.length + PLAIN.length },
    });
    expect(parcel.variant.id).toBe("01KDWZ0000000000000000000Q.v1");
  });

  test("a stored variant is used again", async () => {
    const world = new World();
    const message = world.message(PLAIN);
    const first = await world.parcel(message);
    const again = await world.parcel({ ...message, variants: [first.variant] });
    expect(again.isNew).toBe(false);
    expect(again.variant).toBe(first.variant);
  });

  test("secrets, triggers and Exchange's own fields are cut and nothing else", async () => {
    const world = new World();
    const extra = "X-Gate-Secret: s\r\nX-MS-Exchange-Organization-SCL: 1\r\n";
    const bytes = await world.bytes(
      await world.parcel(world.message(extra + PLAIN.replace(CANARY, `[secure] ${CANARY}`))),
    );
    expect(bytes.toString()).toBe(TRACE + PLAIN);
  });

  test("pieces kept in rows hold no content", async () => {
    const world = new World();
    const encoded = PLAIN.replace(CANARY, `=?utf-8?q?=5Bsecure=5D_${CANARY}?=`);
    for (const source of [PLAIN, encoded, `Sensitivity: ${CANARY}\r\n${PLAIN}`]) {
      const { variant } = await world.parcel(world.message(source));
      const rows = variant.pieces
        .filter((piece) => piece.kind === "bytes")
        .map((piece) => Buffer.from(piece.bytes).toString());
      expect(rows.join("")).not.toContain(CANARY);
      expect((await world.bytes({ variant, step: STEP, minRung: "pkix" })).toString()).toContain(
        `Subject: ${CANARY}\r\n`,
      );
    }
  });

  test.each([
    ["a".repeat(300), "unknown"],
    ["evil (\r\nX: y", "unknown"],
    ["[192.0.2.7]", "[192.0.2.7]"],
  ])("a HELO name %j is written as %j", async (helo, written) => {
    const world = new World();
    const message = world.message(PLAIN);
    const submitter = {
      ...message.submission.submitter,
      helo,
      proof: "auth" as const,
      peerAddress: "2001:db8::1%eth0",
    };
    const bytes = await world.bytes(
      await world.parcel({ ...message, submission: { ...message.submission, submitter } }),
    );
    expect(bytes.toString()).toContain(`Received: from ${written} ([IPv6:2001:db8::1])`);
    expect(bytes.toString()).toMatch(/with ESMTPSA\s+id /);
  });
});

describe("DKIM", () => {
  test("mail nothing changed keeps its signature and gets no other", async () => {
    const world = new World();
    const source = await signed(PLAIN, KEY);
    const bytes = await world.bytes(await world.parcel(world.message(source)));
    expect(bytes.toString()).toBe(TRACE + source);
    expect(await verdicts(bytes)).toEqual(["example.org pass"]);
  });

  test("a changed Subject breaks the own signature: it is cut and the mail signed anew; a foreign one stays", async () => {
    const world = new World();
    const tagged = PLAIN.replace(CANARY, `[secure] ${CANARY}`);
    const source = await signed(await signed(tagged, FOREIGN), KEY);
    const bytes = await world.bytes(await world.parcel(world.message(source)));
    expect((await verdicts(bytes)).toSorted()).toEqual(["example.org pass", "other.example fail"]);
    expect(bytes.toString().match(/d=example\.org/g)).toHaveLength(1);
  });

  test("cutting a field the signature does not cover leaves the signature alone", async () => {
    const world = new World();
    const source = await signed(`X-Gate-Secret: s\r\n${PLAIN}`, KEY);
    const bytes = await world.bytes(await world.parcel(world.message(source)));
    expect(await verdicts(bytes)).toEqual(["example.org pass"]);
    expect(bytes.toString()).not.toContain("X-Gate-Secret");
  });

  test("down-converted mail is signed anew", async () => {
    const world = new World();
    const source = await signed(PLAIN.replace("body", "grüße"), KEY);
    const bytes = await world.bytes(await world.parcel(world.message(source), ["8BITMIME"]));
    expect(await verdicts(bytes)).toEqual(["example.org pass"]);
    expect(bytes.every((byte) => byte < 128)).toBe(true);
  });

  test.each(["dsn", "notice"] as const)("mail of origin %s is signed and nothing is cut from it", async (origin) => {
    const world = new World();
    const source = `Sensitivity: x\r\n${PLAIN.replace("a@example.org", "postmaster@eu.example.org")}`;
    const bytes = await world.bytes(await world.parcel(world.message(source, { origin })));
    expect(await verdicts(bytes)).toEqual(["example.org pass"]);
    expect(bytes.toString().endsWith(source)).toBe(true);
    expect(bytes.toString()).toContain("Received: by gate.example.org (Postern) id ");
  });

  test.each([
    ["no key for the domain", PLAIN.replace("a@example.org", "a@example.com")],
    ["several authors", PLAIN.replace("A <a@example.org>", "a@example.org, b@example.org")],
    ["no author", PLAIN.replace("From", "X-From")],
  ])("with %s own mail stays unsigned", async (_, source) => {
    const world = new World();
    const bytes = await world.bytes(await world.parcel(world.message(source, { origin: "dsn" })));
    expect(bytes.toString()).not.toMatch(/^DKIM-Signature/im);
  });
});

describe("a server that lacks extensions", () => {
  const eight = PLAIN.replace("body", "grüße");

  test("8BITMIME: the message is converted, once, with the same fields cut", async () => {
    const world = new World({ dkim: [] });
    const message = world.message(`X-Gate-Secret: s\r\n${eight}`);
    const parcel = await world.parcel(message, ["8BITMIME"]);
    expect(parcel.variant).toMatchObject({ kind: "downconverted", needs: { eightBitMime: false, smtpUtf8: false } });
    expect(parcel.variant.id).toBe("01KDWZ0000000000000000000Q.v2");
    const text = (await world.bytes(parcel)).toString();
    expect(text.startsWith(TRACE)).toBe(true);
    expect(text).toContain("\r\n\r\ngr=C3=BC=C3=9Fe\r\n");
    expect(text).not.toContain("X-Gate-Secret");
    expect((await world.parcel({ ...message, variants: [parcel.variant] }, ["8BITMIME"])).isNew).toBe(false);
  });

  test("8BITMIME is not missed by 7-bit mail", async () => {
    const world = new World();
    expect((await world.parcel(world.message(PLAIN), ["8BITMIME"])).variant.kind).toBe("untouched");
    expect((await world.parcel(world.message(PLAIN))).variant.needs).toEqual({ eightBitMime: false, smtpUtf8: false });
    expect((await world.parcel(world.message(eight))).variant.needs).toEqual({ eightBitMime: true, smtpUtf8: false });
  });

  test.each([
    ["SMTPUTF8", PLAIN, "PST-PRT-002"],
    ["8BITMIME", PLAIN.replace(CANARY, "ü"), "PST-PRT-002"],
    ["SIZE", PLAIN, "PST-PRT-005"],
    ["REQUIRETLS", PLAIN, "PST-PRT-006"],
    ["8BITMIME", `Content-Transfer-Encoding: x\r\n${eight}`, "PST-PRT-004"],
    [
      "8BITMIME",
      `Content-Type: multipart/signed; boundary=x\r\n${PLAIN.replace("body", "--x\r\n\r\nü\r\n--x--")}`,
      "PST-PRT-003",
    ],
  ] as const)("%s can be refused: %#", async (missing, source, code) => {
    const world = new World();
    const result = await world.protect({ message: world.message(source), step: STEP, tags: [], missing: [missing] });
    expect(result).toEqual({ kind: "unprotectable", code });
  });
});

describe("the words rules mark a copy with", () => {
  test("stand in a field of their own, above what came in, and one that came in is cut", async () => {
    const world = new World();
    const message = world.message(`X-Postern-Tag: forged\r\n${PLAIN}`);
    const text = (await world.bytes(await world.parcel(message, [], ["PHI", "Ward 7"]))).toString();
    expect(text.match(/^X-Postern-Tag: .*$/gm)).toEqual(["X-Postern-Tag: PHI", "X-Postern-Tag: Ward 7"]);
    expect(text.indexOf("X-Postern-Tag")).toBeLessThan(text.indexOf("From:"));
  });

  test.each([
    ["untouched", []],
    ["converted", ["8BITMIME"]],
  ] as const)("are not continued by a mail that begins with a continuation line: %s", async (_, missing) => {
    const world = new World();
    const message = world.message(Buffer.from(` and more\r\n${PLAIN}`.replace(/$/, "r\u00e4ume\r\n")));
    const text = (await world.bytes(await world.parcel(message, [...missing], ["PHI"]))).toString();
    expect(text).toMatch(/^X-Postern-Tag: PHI\r\nX-Postern-Stray: [ -~]*\r\n and more\r\n/m);
  });

  test("make bytes of their own, which are made once", async () => {
    const world = new World();
    const message = world.message(PLAIN);
    const [plain, marked, other] = [
      await world.parcel(message),
      await world.parcel(message, [], ["PHI"]),
      await world.parcel(message, [], ["B"]),
    ];
    expect(new Set([plain, marked, other].map(({ variant }) => variant.id)).size).toBe(3);
    const known = { ...message, variants: [plain.variant, marked.variant] };
    expect(await world.parcel(known, [], ["PHI"])).toMatchObject({ isNew: false, variant: { id: marked.variant.id } });
    expect(await world.parcel(known)).toMatchObject({ isNew: false, variant: { id: plain.variant.id } });
  });
});

test.each([
  { kind: "smime", certificates: [{ fingerprint: "x", der: new Uint8Array() }], minRung: "pkix" },
  { kind: "openpgp", keys: [{ fingerprint: "x", armored: "" }], minRung: "pkix" },
  { kind: "portal", noticeMinRung: "pkix" },
] as const satisfies readonly Step[])("a step of kind $kind is never answered with plain bytes", async (step) => {
  const world = new World();
  const result = await world.protect({ message: world.message(PLAIN), step, tags: [], missing: [] });
  expect(result).toEqual({ kind: "unprotectable", code: "PST-PRT-001" });
});

test("a header section over the limit is not sent with what should have been cut", async () => {
  const world = new World({ headerBytesMax: 50 });
  const result = await world.protect({ message: world.message(PLAIN), step: STEP, tags: [], missing: [] });
  expect(result).toEqual({ kind: "unprotectable", code: "PST-PRT-007" });
});

test("the loop marker has the name accept looks for", () => {
  expect(LOOP_FIELD).toBe("X-Postern-Loop");
});
