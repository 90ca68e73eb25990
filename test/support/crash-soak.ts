/**
 * A gateway under load that is killed over and over: at random moments, while it starts, and at failpoints, whichever comes.
 * Counts what was acknowledged, what each server took, and what the audit says of it. Judges after each start and at the end; what
 * is not as promised is a sentence in `flaws`.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { FAILPOINTS } from "../../src/core/failpoint.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { isTerminal } from "../../src/core/recipient-state.ts";
import { SqliteReads } from "../../src/parts/store/sqlite-reads.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { filesUnder, leaksIn } from "./canary.ts";
import { ChildGateway } from "./child-gateway.ts";
import { patience, protectedMail, quiet, SENDER_HOST } from "./never-clear-run.ts";
import { mail, World } from "./world.ts";

export type SoakResult = {
  readonly kills: number;
  readonly killedWhileStarting: number;
  readonly killedAtFailpoints: number;
  readonly submitted: number;
  readonly acknowledged: number;
  /** Recipients in the queue at the end, and how they ended. */
  readonly recipients: number;
  readonly delivered: number;
  readonly failed: number;
  /** Copies beyond the first, and recipients marked. */
  readonly duplicates: number;
  readonly marked: number;
  readonly auditRows: number;
  readonly flaws: readonly string[];
};

const SENDERS = 6;
const LOAD_MS = { from: 20, to: 300 } as const;
/** Longest wait for a failpoint that may never be reached. */
const FAILPOINT_MS = 300;
const START_MS = 700;
const FIRST_ANSWER_MS = 3_000;
const CANARY = "wagtailsoak9d";
const MINUTE_MS = 60_000;
const DOMAINS = ["good", "good", "good", "plain", "grey", "refused"] as const;

export class CrashSoak {
  readonly #world: World;
  readonly #port: number;
  readonly #random: () => number;
  readonly #acknowledged: string[] = [];
  readonly #flaws: string[] = [];
  #submitted = 0;
  #kills = 0;
  #killedWhileStarting = 0;
  #killedAtFailpoints = 0;
  #output = "";

  private constructor(world: World, { port, random }: { readonly port: number; readonly random: () => number }) {
    this.#world = world;
    this.#port = port;
    this.#random = random;
  }

  static async run(kills: number, seed: number): Promise<SoakResult> {
    const port = await freePort();
    const world = await startWorld(port);
    try {
      await world.stopGateway();
      const soak = new CrashSoak(world, { port, random: seeded(seed) });
      for (let kill = 0; kill < kills; kill += 1) await soak.#live();
      return await soak.#end();
    } finally {
      await world.close();
    }
  }

  async #live(): Promise<void> {
    const kind = this.#random();
    const child = ChildGateway.spawn(this.#world.configPath, kind < 0.3 ? { failpoints: this.#failpoint() } : {});
    if (kind > 0.9) {
      await Promise.race([child.ended(), sleep(this.#random() * START_MS)]);
      this.#killedWhileStarting += 1;
    } else if (await child.hasStarted()) {
      await this.#look();
      const over = new AbortController();
      const load = Array.from({ length: SENDERS }, () => this.#send(over.signal));
      const moment = kind < 0.3 ? FAILPOINT_MS : LOAD_MS.from + this.#random() * (LOAD_MS.to - LOAD_MS.from);
      const first = this.#acknowledged.length;
      await Promise.race([child.ended(), this.#firstAnswer(first)]);
      const died = await Promise.race([child.ended(), sleep(moment, null)]);
      if (died === "SIGKILL") this.#killedAtFailpoints += 1;
      else if (died !== null) this.#flaws.push(`ended by itself with ${died}: ${child.output}`);
      over.abort();
      await child.kill();
      await Promise.all(load);
    } else if ((await child.ended()) === "SIGKILL") {
      this.#killedAtFailpoints += 1;
    } else {
      this.#flaws.push(`did not start: ${child.output}`);
    }
    await child.kill();
    this.#kills += 1;
    this.#output += child.output;
  }

  /** The load begins to count with the first 250 of this life. */
  async #firstAnswer(before: number): Promise<void> {
    const end = performance.now() + FIRST_ANSWER_MS;
    while (this.#acknowledged.length === before && performance.now() < end) await sleep(2);
  }

  #failpoint(): string {
    const name = FAILPOINTS[Math.floor(this.#random() * FAILPOINTS.length)] ?? FAILPOINTS[0];
    return `${name}=kill@${1 + Math.floor(this.#random() ** 2 * 12)}`;
  }

  async #send(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const number = (this.#submitted += 1);
      const domain = DOMAINS[Math.floor(this.#random() * DOMAINS.length)] ?? "good";
      const recipient = `to-${number}@${domain}.test`;
      const sender = `from-${number}@clinic.test`;
      const isLarge = this.#random() < 0.02;
      const bytes =
        domain === "plain"
          ? mail([`From: ${sender}`, `To: ${recipient}`, "Subject: Lunch", "", `See you at noon. ${CANARY}`])
          : protectedMail("phi", { canary: CANARY, sender, recipient });
      const body = isLarge ? Buffer.concat([bytes, Buffer.alloc(300_000, "a line of it\r\n")]) : bytes;
      const hand = {
        host: "127.0.0.1",
        port: this.#port,
        ca: null,
        serverName: "gateway.clinic.test",
        starttls: false,
      };
      try {
        const answer = await submit(hand, { mailFrom: sender, rcptTo: [recipient], bytes: body });
        const id = /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1];
        if (answer.code === 250 && id !== undefined) this.#acknowledged.push(id);
      } catch {
        return; // the gateway is dead; whoever heard no 250 is owed nothing
      }
    }
  }

  /** After each start: what was acknowledged is there, and the chain is whole. */
  async #look(): Promise<void> {
    const db = new Database(join(this.#world.folder, "data", "gateway.db"), { readonly: true });
    try {
      const stored = new Set(db.prepare("SELECT id FROM message").pluck().all());
      const lost = this.#acknowledged.filter((id) => !stored.has(id));
      if (lost.length > 0) this.#flaws.push(`after kill ${this.#kills}, acknowledged and gone: ${lost.join(" ")}`);
      const reads = new SqliteReads(db);
      const { faults } = await verifyChain({
        auditPage: async (from, rowsMax) => reads.auditPage(from, rowsMax),
        auditMarks: async (kind, beforeSeq, rowsMax) => reads.auditMarks(kind, beforeSeq, rowsMax),
      });
      if (faults.length > 0) this.#flaws.push(`after kill ${this.#kills}, the chain: ${JSON.stringify(faults[0])}`);
    } finally {
      db.close();
    }
  }

  async #end(): Promise<SoakResult> {
    const world = this.#world;
    await world.startGateway();
    await this.#look();
    let rows = await this.#rows();
    for (let round = 0; round < 12 && !rows.every(({ state }) => isTerminal(state)); round += 1) {
      await quiet(world);
      world.advance(20 * MINUTE_MS);
      await quiet(world);
      rows = await this.#rows();
    }
    const chain = await verifyChain(world.postern.store);
    if (chain.faults.length > 0) this.#flaws.push(`at the end, the chain: ${JSON.stringify(chain.faults[0])}`);
    if (world.log.join("").includes("bodies_missing")) this.#flaws.push("a body of a row is missing");
    for (const { path, bytes } of filesUnder(join(world.folder, "data"))) {
      if (leaksIn(bytes, [CANARY]).length > 0) this.#flaws.push(`plaintext in ${path}`);
    }
    if (this.#output.includes(CANARY)) this.#flaws.push("plaintext in the log");
    return { ...(await this.#judge(rows)), auditRows: chain.rows };
  }

  async #judge(rows: readonly StoredRecipient[]): Promise<Omit<SoakResult, "auditRows">> {
    const relayed = rows.filter(({ recipient }) => recipient.mailbox.domain !== "clinic.test");
    const marks = await this.#marks();
    const copies = this.#copies();
    let [duplicates, marked] = [0, 0];
    for (const { id, state, recipient } of relayed) {
      const { address } = recipient.mailbox;
      const taken = copies.get(address) ?? [];
      const marksHere = marks.get(id) ?? 0;
      duplicates += Math.max(0, taken.length - 1);
      marked += marksHere > 0 ? 1 : 0;
      copies.delete(address);
      if (!isTerminal(state)) this.#flaws.push(`${id} is ${state}`);
      if (state === "delivered" && taken.length === 0) this.#flaws.push(`${id} is delivered and never arrived`);
      if (state === "failed" && taken.length > 0) this.#flaws.push(`${id} failed and arrived`);
      if (taken.length > 1 + marksHere) this.#flaws.push(`${id} arrived ${taken.length} times with ${marksHere} marks`);
      if (taken.some((bytes) => !bytes.equals(taken[0] ?? bytes))) this.#flaws.push(`two copies of ${id} differ`);
    }
    for (const address of copies.keys()) this.#flaws.push(`${address} arrived without a row`);
    this.#judgeReports(relayed, marks.size);
    return {
      kills: this.#kills,
      killedWhileStarting: this.#killedWhileStarting,
      killedAtFailpoints: this.#killedAtFailpoints,
      submitted: this.#submitted,
      acknowledged: this.#acknowledged.length,
      recipients: relayed.length,
      delivered: relayed.filter(({ state }) => state === "delivered").length,
      failed: relayed.filter(({ state }) => state === "failed").length,
      duplicates,
      marked,
      flaws: this.#flaws,
    };
  }

  /** Whoever failed, their sender was told, and once, but for reports whose own last reply was lost. */
  #judgeReports(relayed: readonly StoredRecipient[], marked: number): void {
    const told = this.#world.server(SENDER_HOST).transactions.map(({ rcptTo }) => rcptTo[0] ?? "");
    const failed = relayed.filter(({ state }) => state === "failed").map(({ recipient }) => recipient.mailbox.address);
    const owed = failed.map((address) => address.replace(/^to-(\d+)@.*$/, "from-$1@clinic.test"));
    for (const sender of owed) if (!told.includes(sender)) this.#flaws.push(`${sender} was never told`);
    if (told.length > owed.length + marked) this.#flaws.push(`${owed.length} reports owed, ${told.length} arrived`);
  }

  #rows(): Promise<readonly StoredRecipient[]> {
    return this.#world.postern.store.recipients({ limit: 100_000 });
  }

  async #marks(): Promise<ReadonlyMap<string, number>> {
    const marks = new Map<string, number>();
    for (const { kind, recipientId } of await this.#world.postern.store.auditPage(1, 1_000_000)) {
      if (kind === "possible_duplicate" && recipientId !== null)
        marks.set(recipientId, (marks.get(recipientId) ?? 0) + 1);
    }
    return marks;
  }

  #copies(): Map<string, Buffer[]> {
    const copies = new Map<string, Buffer[]>();
    for (const [name, { transactions }] of this.#world.internet.servers) {
      if (name === SENDER_HOST) continue;
      for (const { rcptTo, bytes } of transactions) {
        for (const address of rcptTo) copies.set(address, [...(copies.get(address) ?? []), bytes]);
      }
    }
    return copies;
  }
}

function startWorld(port: number): Promise<World> {
  const hosts = [...new Set(DOMAINS)];
  return World.start({
    zone: Object.fromEntries([
      ["clinic.test", { MX: [[10, SENDER_HOST]] }],
      ...hosts.map((name) => [`${name}.test`, { MX: [[10, `mx.${name}.test`]] }] as const),
    ]),
    servers: [
      { name: SENDER_HOST, address: "127.33.0.1", certificate: "valid" },
      { name: "mx.good.test", address: "127.33.0.2", certificate: "valid" },
      { name: "mx.plain.test", address: "127.33.0.3", certificate: "none" },
      { name: "mx.grey.test", address: "127.33.0.4", certificate: "valid", behaviour: { greylist: true } },
      {
        name: "mx.refused.test",
        address: "127.33.0.5",
        certificate: "valid",
        behaviour: { refuseAll: "550 5.1.1 nobody" },
      },
    ],
    config: {
      ...patience(20),
      listen: { port, plaintext_networks: ["127.0.0.0/8"] },
      delivery: { ...patience(20).delivery, retry: { schedule_seconds: [1, 60] } },
    },
  });
}

/** Park-Miller: the same choices in every run, though not the same moments. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
