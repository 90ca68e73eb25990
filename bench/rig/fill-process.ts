/**
 * Fills the queue of a gateway that does not run, through its own stores, so that rows are sealed and bodies encrypted as ever:
 * `node fill-process.ts '{"config":"PATH","messages":…,"recipients":…,"domains":["dead.test"],"dueFromMs":0,"dueToMs":600000}'`.
 * Afterwards everything is deferred and due at times spread evenly over that stretch from now.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { configEnvironment } from "../../src/cli/surroundings.ts";
import type { Submission } from "../../src/core/submission.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { FieldSealer } from "../../src/parts/keys/field-sealer.ts";
import { KeyRing } from "../../src/parts/keys/key-ring.ts";
import { messageIdMaker } from "../../src/parts/keys/message-id.ts";
import { MimeScanner } from "../../src/parts/mime/mime-scanner.ts";
import { BLOB_LIMITS, openBlobStore } from "../../src/parts/store/blob-store.ts";
import { openQueueStore } from "../../src/parts/store/sqlite-queue-store.ts";
import { createSpool } from "../../src/stages/spool/spool.ts";
import { OWN_DOMAIN } from "./mails.ts";

type Order = {
  readonly config: string;
  readonly messages: number;
  /** Of each message. */
  readonly recipients: number;
  readonly domains: readonly string[];
  readonly dueFromMs: number;
  readonly dueToMs: number;
};

/** Bodies and rows under way at once: what the writers take as one group. */
const AT_ONCE = 500;
/** Mail of a whole organisation. */
const SENDERS = 500;
const LIFETIME_MS = 48 * 3_600_000;

const order = JSON.parse(process.argv[2] ?? "") as Order;
const loading = loadConfig(order.config, configEnvironment());
if (!loading.ok) throw new Error(loading.errors.map(({ message }) => message).join("\n"));
const { dataDir, keys } = loading.config;
mkdirSync(dataDir, { recursive: true, mode: 0o700 });
const keyRing = new KeyRing({
  spool: { name: "keys.spool", bytes: keys.spool.bytes() },
  addresses: { name: "keys.addresses", bytes: keys.addresses.bytes() },
});
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const path = join(dataDir, "gateway.db");
const store = await openQueueStore({ path, owner: "fill", sealer: new FieldSealer(keyRing), clock, log: silent });
const blobs = await openBlobStore({ directory: join(dataDir, "spool"), keyRing, limits: BLOB_LIMITS });
const spool = createSpool({ lifetimeMs: LIFETIME_MS }, { store, blobs, clock });
const newMessageId = messageIdMaker(clock);
const text = Buffer.from(`From: office@${OWN_DOMAIN}\r\nSubject: Schedule\r\n\r\nSee you on Friday.\r\n`);
const scanner = new MimeScanner({ partsMax: 10, depthMax: 3, headerBytesMax: 10_000 });
scanner.push(text);
const mime = scanner.end();
const sha256 = createHash("sha256").update(text).digest("hex");

function mailbox(localPart: string, domain: string): Submission["recipients"][number]["mailbox"] {
  return { address: `${localPart}@${domain}`, localPart, domain, isUtf8: false };
}

async function fillOne(number: number): Promise<void> {
  const writer = blobs.create();
  await writer.write(text);
  const domain = order.domains[number % order.domains.length] ?? "";
  const submission: Submission = {
    id: newMessageId(),
    origin: "relay",
    parent: null,
    envelope: {
      sender: mailbox(`office-${number % SENDERS}`, OWN_DOMAIN),
      body: "7bit",
      smtpUtf8: false,
      requireTls: false,
      ret: null,
      envid: null,
    },
    recipients: Array.from({ length: order.recipients }, (_, index) => ({
      mailbox: mailbox(`reader-${index}-${randomBytes(4).toString("hex")}`, domain),
      notify: null,
      orcpt: null,
    })),
    submitter: { submitter: "local", proof: "own-network", peerAddress: "127.0.0.1", helo: "fill", tls: null },
    body: await writer.seal(),
    sha256,
    mime,
    receivedAt: clock.now(),
  };
  await spool.commit(submission, null);
}

let next = 0;
async function worker(): Promise<void> {
  while (next < order.messages) await fillOne(next++);
}
await Promise.all(Array.from({ length: AT_ONCE }, worker));
await blobs.close();
await store.close();

const database = new BetterSqlite3(path);
const now = Date.now();
const stretch = Math.max(1, order.dueToMs - order.dueFromMs);
// A spread that does not follow the order of the ids.
database
  .prepare(`UPDATE recipient SET state = 'deferred', attempts = 1, due_at = ? + (rowid * 7919) % ?`)
  .run(now + order.dueFromMs, stretch);
database.pragma("wal_checkpoint(TRUNCATE)");
database.close();
