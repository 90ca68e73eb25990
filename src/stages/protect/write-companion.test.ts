import { expect, test } from "vitest";
import { MemoryBlobStore } from "../../../test/support/memory-blob-store.ts";
import { toMessageId } from "../../core/ids.ts";
import type { StoredMessage } from "../../core/queue-store.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import { CopyRounds } from "./copy-rounds.ts";
import { NoticeBudget } from "./notice-budget.ts";
import { createWriteCompanion } from "./write-companion.ts";

const ID = toMessageId("01KDWZ0000000000000000000Q");
const COMPLIANCE = { address: "c@vault.test", localPart: "c", domain: "vault.test", isUtf8: false };
const OURS = `X-Postern-Copy-Of: ${ID}\r\nX-Postern-Rule: p/r\r\n`;

function scanned(bytes: Buffer): StoredMessage["submission"]["mime"] {
  const scanner = new MimeScanner({ depthMax: 20, partsMax: 100, headerBytesMax: 65_536 });
  scanner.push(bytes);
  return scanner.end();
}

async function copyOf(source: string): Promise<string> {
  const blobs = new MemoryBlobStore();
  const bytes = Buffer.from(source);
  const chunks: Uint8Array[] = [];
  const options = {
    hostname: "gate.test",
    from: "postmaster@clinic.test",
    lifetimeMs: 1,
    headerBytesMax: 65_536,
    copyTo: [{ mailbox: COMPLIANCE, notify: null, orcpt: null }],
    notify: [],
    noticesPerHourMax: 1,
    ownDomains: [],
  };
  const write = createWriteCompanion(() => options, {
    blobs,
    openIntake: () => ({
      write: async (chunk) => void chunks.push(chunk),
      finish: async () => ({ body: blobs.put(Buffer.concat(chunks)), sha256: "", mime: scanned(bytes) }),
      abort: async () => undefined,
    }),
    newMessageId: () => toMessageId("01KDWZ0000000000000000000R"),
    budget: new NoticeBudget(0),
    rounds: new CopyRounds(),
    sentBefore: async () => 0,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const envelope = { sender: null, body: "7bit", smtpUtf8: false, requireTls: false } as const;
  const submission = { id: ID, envelope, body: blobs.put(bytes), mime: scanned(bytes) };
  await write({
    companion: { kind: "copy", rules: ["p/r"] },
    message: { submission } as unknown as StoredMessage,
    floor: { profile: "opportunistic", minRung: "plain" },
    fates: ["sent"],
    now: 0,
    findings: null,
    recipients: [],
  });
  return Buffer.concat(chunks).toString();
}

test.each([
  ["as it came", "From: <a@b.test>\r\n\r\nhello\r\n", "From: <a@b.test>\r\n\r\nhello\r\n"],
  ["without a header", "\r\nhello\r\n", "\r\nhello\r\n"],
  ["of nothing", "", ""],
  [
    "with what speaks of another message",
    "X-Postern-Rule : none\r\nFrom: <a@b.test>\r\nx-postern-copy-of: 1\r\n 2\r\n\r\nX-Postern-Rule: told\r\n",
    "From: <a@b.test>\r\n\r\nX-Postern-Rule: told\r\n",
  ],
  [
    "that would go on with our field",
    " and more\r\nFrom: <a@b.test>\r\n\r\nhello\r\n",
    "X-Postern-Stray: the message began with a line that continues no field\r\n and more\r\nFrom: <a@b.test>\r\n\r\nhello\r\n",
  ],
])("a copy stands behind fields of ours: a message %s", async (_, source, copied) => {
  expect(await copyOf(source)).toBe(`${OURS}${copied}`);
});
