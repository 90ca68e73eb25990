/**
 * Where every alert of the service goes: the log, the audit, mail and web hook. Promises: raising never throws and never waits;
 * what is raised before the queue is open waits for it, up to WAITING_MAX. What the desk decides to tell goes everywhere once.
 */
import { AlertMail } from "./alert-mail.ts";
import type { OwnPost } from "./own-post.ts";
import type { Alert, AlertNotice, RaiseAlert } from "./core/alert.ts";
import { errorName } from "./core/error-facts.ts";
import type { EventBody, NewEvent } from "./core/event.ts";
import type { QueueStore } from "./core/queue-store.ts";
import { AlertDesk } from "./parts/alerts/alert-desk.ts";
import { Webhook, WEBHOOK_PAUSES_MS, WEBHOOK_TIMEOUT_MS } from "./parts/alerts/webhook.ts";
import type { Config } from "./parts/config/config.ts";
import { isSameSection } from "./config-changes.ts";
import type { Surroundings } from "./surroundings.ts";

export type AlertPost = OwnPost & { readonly store: Pick<QueueStore, "commit"> };

type AlertingEnv = Pick<Surroundings, "clock" | "log">;

const WAITING_MAX = 200;
const MINUTE_MS = 60_000;

export class Alerting {
  readonly #env: AlertingEnv;
  readonly #desk: AlertDesk;
  #mail: AlertMail;
  #webhook: Webhook | null;
  #config: Config;
  /** Bodies of our own audit rows: heard again when they were written, and no new alert. */
  readonly #own = new WeakSet<EventBody>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #post: AlertPost | null = null;
  #isClosed = false;

  constructor(config: Config, env: AlertingEnv) {
    this.#env = env;
    this.#config = config;
    this.#mail = mailOf(config, env);
    this.#webhook = webhookOf(config, env);
    const tell = (notice: AlertNotice, isAudited: boolean): void => this.#tell(notice, isAudited);
    this.#desk = new AlertDesk({ repeatMs: repeatMsOf(config) }, { clock: env.clock, tell });
  }

  /** A reload told where else alerts go. What still waits for a web hook goes to the new one. */
  use(config: Config): void {
    const before = this.#webhook;
    const isSame = isSameSection(this.#config.alerts.webhook, config.alerts.webhook);
    this.#config = config;
    this.#mail = mailOf(config, this.#env);
    this.#desk.repeatEvery(repeatMsOf(config));
    if (isSame) return;
    this.#webhook = webhookOf(config, this.#env);
    if (before !== null) this.#supervise(this.#handOver(before));
  }

  async #handOver(before: Webhook): Promise<void> {
    for (const notice of await before.giveBack()) this.#webhook?.send(notice);
  }

  readonly raise: RaiseAlert = (alert) => this.#desk.raise(alert);

  /** All that is so now under this topic. */
  observe(topic: string, present: readonly Alert[]): void {
    this.#desk.observe(topic, present);
  }

  /** Alerts the stages wrote beside what they did to a recipient. */
  heard(events: readonly NewEvent[]): void {
    for (const { body, messageId } of events) {
      if (body.kind !== "alert" || this.#own.has(body)) continue;
      this.#desk.raise({ code: body.code, facts: body.facts ?? {} }, { messageId, isAudited: true });
    }
  }

  tick(): void {
    this.#desk.tick();
  }

  active(): readonly AlertNotice[] {
    return this.#desk.active();
  }

  /** The queue is open. */
  attach(post: AlertPost): void {
    this.#post = post;
    for (const send of this.#waiting.splice(0)) send();
  }

  /** Of the life before, for the web hook alone: log and mail have it. */
  tellAgain(notices: readonly AlertNotice[]): void {
    for (const notice of notices) this.#webhook?.send(notice);
  }

  /** At a stop: what the web hook has not taken is written down, and told by the next life (last-life.ts). From then on it gets nothing. */
  async keepUntold(): Promise<void> {
    await Promise.all(this.#tasks);
    const untold = (await this.#webhook?.giveBack()) ?? [];
    if (untold.length === 0) return;
    const at = this.#env.clock.now();
    const events = untold.map((notice) => {
      const body: EventBody = { kind: "untold_alert", ...notice };
      return { at, messageId: null, recipientId: null, body };
    });
    try {
      await this.#post?.store.commit({ recipients: [], variants: [], inspected: null, events }, "durable");
      this.#env.log.info("alerts_kept", { alerts: untold.length });
    } catch (error) {
      this.#env.log.error("alerts_not_kept", { code: "PST-MON-030", alerts: untold.length, error: errorName(error) });
    }
  }

  /** Waits for what is being written; the web hook is broken off. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#webhook?.close();
    await Promise.all(this.#tasks);
  }

  #tell(notice: AlertNotice, isAudited: boolean): void {
    const { state, code, count, facts, messages } = notice;
    const [message = null] = messages;
    const fields = { ...facts, code, state, count, message };
    if (state === "resolved") this.#env.log.info("alert", fields);
    else this.#env.log.error("alert", fields);
    this.#webhook?.send(notice);
    this.#whenOpen(() => {
      if (!isAudited) this.#supervise(this.#record(notice));
      const post = this.#post;
      if (post !== null) this.#supervise(this.#mail.send(notice, post));
    });
  }

  #whenOpen(send: () => void): void {
    if (this.#isClosed) return;
    if (this.#post !== null) send();
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(send);
  }

  async #record({ state, code, count, facts, at }: AlertNotice): Promise<void> {
    const body: EventBody = { kind: "alert", code, state, count, facts };
    this.#own.add(body);
    const events = [{ at, messageId: null, recipientId: null, body }];
    try {
      await this.#post?.store.commit({ recipients: [], variants: [], inspected: null, events }, "ordered");
    } catch (error) {
      this.#env.log.error("alert_not_audited", { code, error: errorName(error) });
    }
  }

  #supervise(task: Promise<void>): void {
    const watched = task.finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }
}

function mailOf({ hostname, instanceId, postmaster, alerts }: Config, env: AlertingEnv): AlertMail {
  return new AlertMail({ hostname, instanceId, from: postmaster, to: alerts.mail }, env);
}

function webhookOf({ instanceId, alerts: { webhook } }: Config, env: AlertingEnv): Webhook | null {
  if (webhook === null) return null;
  const { url, ca } = webhook;
  const times = { pausesMs: WEBHOOK_PAUSES_MS, timeoutMs: WEBHOOK_TIMEOUT_MS };
  return new Webhook({ url, secret: webhook.secret.bytes(), ca, instanceId, ...times }, env);
}

function repeatMsOf({ alerts }: Config): number {
  return alerts.repeatMinutes * MINUTE_MS;
}
