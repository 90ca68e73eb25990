/**
 * One gateway struck at a failpoint and started again: a world of its own for each case, a mail handed to the armed process,
 * its death, the next start with clocks that move, and what came of the mail. Gathers; judges nothing.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import type { Answer } from "../../src/cli/loopback/submit.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { verifyChain } from "../../src/stages/audit/verify.ts";
import { filesUnder, leaksIn } from "./canary.ts";
import { ChildGateway } from "./child-gateway.ts";
import type { ChildOptions } from "./child-gateway.ts";
import { patience, protectedMail, quiet, SENDER_HOST } from "./never-clear-run.ts";
import { World } from "./world.ts";

const GOOD = "mx.good.test";
const SLOW = "mx.slow.test";
const FIRST_DOMAIN = "plain.test";
const CANARY = "wagtail7f3c";
const LARGE_BYTES = 400_000;
const DEATH_MS = 20_000;
/** Longer than what follows a delivery takes to be written. */
const REST_MS = 500;
const MINUTE_MS = 60_000;

/** `refused`: its server takes nobody, so that the sender is told; `slow`: its server says nothing to MAIL in the first life. */
export type MailKind = "small" | "large" | "refused" | "slow";

const DOMAIN: Readonly<Record<MailKind, string>> = {
  small: "good.test",
  large: "good.test",
  refused: "refused.test",
  slow: "slow.test",
};

/** `SIGKILL`, an exit code, or null where it lived on and was killed from outside. */
export type Death = NodeJS.Signals | number | null;

export type Aftermath = {
  /** Of the mail whose answer was 250; of any there is where none was. */
  readonly recipients: readonly StoredRecipient[];
  /** Copies the recipient's server took, and what it was told apart in. */
  readonly copies: number;
  readonly areIdentical: boolean;
  /** Rows `possible_duplicate` of the audit. */
  readonly marks: number;
  /** Mails to the sender. */
  readonly reports: number;
  readonly chainFaults: readonly unknown[];
  /** Files with a word of the mail in them, and log lines. */
  readonly leaks: readonly string[];
  readonly missingBodies: boolean;
};

export class CrashLife {
  readonly world: World;
  readonly port: number;
  #output = "";
  #leaks: string[] = [];

  private constructor(world: World, port: number) {
    this.world = world;
    this.port = port;
  }

  static async begin(config: Readonly<Record<string, unknown>> = {}): Promise<CrashLife> {
    const port = await freePort();
    const world = await World.start({
      zone: {
        "clinic.test": { MX: [[10, SENDER_HOST]] },
        "good.test": { MX: [[10, GOOD]] },
        "refused.test": { MX: [[10, "mx.refused.test"]] },
        "plain.test": { MX: [[10, "mx.plain.test"]] },
        "slow.test": { MX: [[10, SLOW]] },
        "nowhere.test": { behaviour: "servfail" },
      },
      servers: [
        { name: SENDER_HOST, address: "127.31.0.1", certificate: "valid" },
        { name: GOOD, address: "127.31.0.2", certificate: "valid" },
        { name: "mx.plain.test", address: "127.31.0.4", certificate: "none" },
        {
          name: SLOW,
          address: "127.31.0.5",
          certificate: "valid",
          behaviour: { faults: { mail: { kind: "stall" } } },
        },
        {
          name: "mx.refused.test",
          address: "127.31.0.3",
          certificate: "valid",
          behaviour: { refuseAll: "550 5.1.1 nobody" },
        },
      ],
      // In the clear, so that an answer is with the kernel as soon as it is given.
      config: { ...patience(20), listen: { port, plaintext_networks: ["127.0.0.0/8"] }, ...config },
    });
    await world.stopGateway();
    return new CrashLife(world, port);
  }

  get databasePath(): string {
    return join(this.world.folder, "data", "gateway.db");
  }

  get output(): string {
    return this.#output;
  }

  /** A process that dies while it starts. */
  async dieAtStart(options: ChildOptions): Promise<Death> {
    return this.#bury(ChildGateway.spawn(this.world.configPath, options));
  }

  /** Hands over one mail, `isSecond` behind another, and waits for the end; `thenStop` asks it to drain once the mail has arrived. */
  async die(
    options: ChildOptions,
    mail: MailKind,
    { thenStop = false, isSecond = false }: { readonly thenStop?: boolean; readonly isSecond?: boolean } = {},
  ): Promise<{ readonly death: Death; readonly answer: Answer | null }> {
    const child = await ChildGateway.start(this.world.configPath, options);
    if (isSecond) await this.#handFirst();
    const answer = await this.hand(mail);
    if (thenStop) {
      await this.world.arrived(GOOD, 1);
      void child.stop();
    }
    return { death: await this.#bury(child), answer };
  }

  /** Under a load that goes on until the process is gone. */
  async dieUnder(load: () => Promise<void>, options: ChildOptions): Promise<Death> {
    const child = await ChildGateway.start(this.world.configPath, options);
    await load();
    return this.#bury(child);
  }

  /** Like `die`, where it may die while it starts. */
  async dieWhenever(
    options: ChildOptions,
    mail: MailKind,
  ): Promise<{ readonly death: Death; readonly answer: Answer | null }> {
    const child = ChildGateway.spawn(this.world.configPath, options);
    const answer = (await child.hasStarted()) ? await this.hand(mail) : null;
    return { death: await this.#bury(child), answer };
  }

  /** Null where the process died before it answered. */
  async hand(mail: MailKind): Promise<Answer | null> {
    const recipient = `to@${DOMAIN[mail]}`;
    const sender = "from@clinic.test";
    const text = protectedMail("phi", { canary: CANARY, sender, recipient });
    const bytes = mail === "large" ? Buffer.concat([text, Buffer.alloc(LARGE_BYTES, `${CANARY}\r\n`)]) : text;
    return this.submit({ mailFrom: sender, rcptTo: [recipient], bytes });
  }

  async submit(message: Parameters<typeof submit>[1]): Promise<Answer | null> {
    const hand = { host: "127.0.0.1", port: this.port, ca: null, serverName: "gateway.clinic.test", starttls: false };
    return submit(hand, message).catch(() => null);
  }

  /** Starts again, lets what is due happen, then lets the time of ambiguous retries pass. */
  async goOn(): Promise<Aftermath> {
    const { world } = this;
    this.#lookForLeaks();
    world.server(SLOW).setBehaviour({});
    await world.startGateway();
    const { faults } = await verifyChain(world.postern.store);
    await quiet(world);
    world.advance(20 * MINUTE_MS);
    await quiet(world);
    const stored = await world.postern.store.recipients({ limit: 1_000 });
    const recipients = stored.filter(({ recipient }) => recipient.mailbox.domain !== FIRST_DOMAIN);
    const later = await verifyChain(world.postern.store);
    const rows = await world.postern.store.auditPage(1, 100_000);
    const copies = [GOOD, SLOW].flatMap((name) => world.server(name).transactions.map(({ bytes }) => bytes));
    this.#lookForLeaks();
    return {
      recipients,
      copies: copies.length,
      areIdentical: copies.every((bytes) => copies[0]?.equals(bytes)),
      marks: rows.filter(({ kind }) => kind === "possible_duplicate").length,
      reports: world.server(SENDER_HOST).transactions.length,
      chainFaults: [...faults, ...later.faults],
      leaks: [...this.#leaks, ...leaksIn(`${this.#output}${world.log.join("")}`, [CANARY])],
      missingBodies: world.log.join("").includes("bodies_missing"),
    };
  }

  /** To another domain; nobody asks what came of it. */
  async #handFirst(): Promise<void> {
    const bytes = Buffer.from(`From: from@clinic.test\r\nSubject: Lunch\r\n\r\nSee you at noon.\r\n`);
    await this.submit({ mailFrom: "from@clinic.test", rcptTo: [`to@${FIRST_DOMAIN}`], bytes });
    await this.world.arrived(`mx.${FIRST_DOMAIN}`, 1);
    await this.rest();
  }

  /** Until nothing waits for the writer any more: only a mail that finds it idle leaves its body to the thread of the rows. */
  async rest(): Promise<void> {
    await sleep(REST_MS);
  }

  async end(): Promise<void> {
    await this.world.close();
  }

  async #bury(child: ChildGateway): Promise<Death> {
    const death = await Promise.race([child.ended(), sleep(DEATH_MS, null, { ref: false })]);
    if (death === null) await child.kill();
    this.#output += child.output;
    return death;
  }

  #lookForLeaks(): void {
    const files = filesUnder(join(this.world.folder, "data"));
    this.#leaks.push(...files.filter(({ bytes }) => leaksIn(bytes, [CANARY]).length > 0).map(({ path }) => path));
  }
}
