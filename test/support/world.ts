/**
 * A whole world for end-to-end tests: the loopback internet and a real gateway on a real disk, with a clock that can be
 * moved. Nothing is mocked; what arrives, what is stored and what is logged can be looked at.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeGatewayFolder } from "../../src/cli/loopback/gateway-folder.ts";
import { startInternet } from "../../src/cli/loopback/internet.ts";
import type { Internet, InternetDescription } from "../../src/cli/loopback/internet.ts";
import type { MxTransaction } from "../../src/cli/loopback/mx-behaviour.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import type { Answer, Handed } from "../../src/cli/loopback/submit.ts";
import type { AuditRow, EventBody } from "../../src/core/event.ts";
import type { StoredRecipient } from "../../src/core/queue-store.ts";
import { startPostern } from "../../src/main.ts";
import type { Postern } from "../../src/postern.ts";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { formatYamlError } from "../../src/parts/config/yaml-source.ts";
import type { Surroundings } from "../../src/surroundings.ts";
import { createLog } from "../../src/parts/log/log.ts";

export const SHIPPED_PACK = resolve(import.meta.dirname, "../../config/dlp/us-hipaa.yaml");

export type WorldOptions = InternetDescription & {
  /** Laid over the gateway's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly packs?: readonly string[];
  /** What fails, and when. */
  readonly failpoints?: NonNullable<Surroundings["failpoints"]>;
  /** Stands under the spool in place of the real one. */
  readonly disk?: NonNullable<Surroundings["disk"]>;
};

/** Longest a test waits for something to settle. */
const PATIENCE_MS = 15_000;

export class World {
  readonly internet: Internet;
  readonly folder: string;
  readonly configPath: string;
  /** Every log line so far. */
  readonly log: string[] = [];
  readonly fatal: string[] = [];
  #offsetMs = 0;
  #postern: Postern | null = null;
  readonly #troubles: Pick<Surroundings, "disk" | "failpoints">;
  #lives = 0;

  private constructor(
    internet: Internet,
    place: { readonly folder: string; readonly configPath: string },
    troubles: Pick<Surroundings, "disk" | "failpoints">,
  ) {
    this.internet = internet;
    this.folder = place.folder;
    this.configPath = place.configPath;
    this.#troubles = troubles;
  }

  static async start(options: WorldOptions): Promise<World> {
    const internet = await startInternet(options, Date.now());
    const folder = mkdtempSync(join(tmpdir(), "postern-world-"));
    const place = await writeGatewayFolder(folder, internet, {
      packs: options.packs ?? [SHIPPED_PACK],
      changes: { log: { level: "debug" }, ...options.config },
    });
    const { disk, failpoints } = options;
    const world = new World(internet, place, {
      ...(disk !== undefined && { disk }),
      ...(failpoints !== undefined && { failpoints }),
    });
    await world.startGateway();
    return world;
  }

  get postern(): Postern {
    if (this.#postern === null) throw new Error("the gateway is down");
    return this.#postern;
  }

  /** `port`: 0 takes a free one. */
  async startGateway({ port = 0 }: { readonly port?: number } = {}): Promise<void> {
    const environment = nodeConfigEnvironment({ variables: {}, hostname: "test.invalid", now: Date.now() });
    const loading = loadConfig(this.configPath, environment);
    if (!loading.ok) throw new Error(loading.errors.map(formatYamlError).join("\n"));
    // Port 0 is for tests only: the configuration itself wants a real one.
    const config = { ...loading.config, listen: { ...loading.config.listen, port } };
    this.#lives += 1;
    this.#postern = await startPostern(config, {
      clock: { now: () => Date.now() + this.#offsetMs, monotonic: () => performance.now() + this.#offsetMs },
      chance: () => 0.5,
      log: createLog("debug", { write: (line: string) => void this.log.push(line) }),
      owner: `test-${this.#lives}`,
      onFatal: (code) => this.fatal.push(code),
      ...this.#troubles,
    });
  }

  async stopGateway(): Promise<void> {
    await this.#postern?.stop();
    this.#postern = null;
  }

  /** Moves the gateway's clocks forward and lets it look. */
  advance(ms: number): void {
    this.#offsetMs += ms;
    this.postern.wake();
  }

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  server(name: string): MxServer {
    const server = this.internet.servers.get(name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  }

  async submit(message: Handed, how: { readonly starttls?: boolean } = {}): Promise<Answer> {
    const { host, port } = this.postern.address();
    return submit({ host, port, ca: this.internet.ca, serverName: "gateway.clinic.test", ...how }, message);
  }

  /** Submits and fails the test when the gateway does not take it; gives the queue id. */
  async accept(message: Handed): Promise<string> {
    const answer = await this.submit(message);
    const id = /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1];
    if (answer.code !== 250 || id === undefined) throw new Error(`not accepted: ${answer.code}`);
    return id;
  }

  recipients(messageId: string): Promise<readonly StoredRecipient[]> {
    return this.postern.store.recipients({ messageId: messageId as StoredRecipient["messageId"], limit: 2000 });
  }

  /** Waits until each recipient of the message is in one of these states and nobody works on it. */
  async settled(
    messageId: string,
    states: readonly StoredRecipient["state"][] = ["delivered", "failed", "cancelled", "held", "deferred"],
  ): Promise<readonly StoredRecipient[]> {
    return eventually(async () => {
      const recipients = await this.recipients(messageId);
      const isDone = recipients.every(({ state, lease }) => states.includes(state) && lease === null);
      return recipients.length > 0 && isDone ? recipients : null;
    });
  }

  /** Messages a server took, once there are that many. */
  async arrived(name: string, count: number): Promise<readonly MxTransaction[]> {
    return eventually(async () => {
      const taken = this.server(name).transactions;
      return taken.length >= count ? taken : null;
    });
  }

  async audit(messageId: string): Promise<readonly (AuditRow & { readonly event: EventBody })[]> {
    const rows = await this.postern.store.auditOf(messageId, 10_000);
    return rows.map((row) => ({ ...row, event: JSON.parse(row.body) as EventBody }));
  }

  async close(): Promise<void> {
    await this.stopGateway();
    await this.internet.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks until there is an answer; polling, because the world outside has no clock of ours. */
export async function eventually<T>(ask: () => Promise<T | null>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > end) throw new Error("it did not happen in time");
    await sleep(5);
  }
}

/** A message with CRLF line ends. */
export function mail(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join("\r\n")}\r\n`, "utf8");
}
