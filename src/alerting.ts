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
import type { Surroundings } from "./surroundings.ts";

export type AlertPost = OwnPost & { readonly store: Pick<QueueStore, "commit"> };

const WAITING_MAX = 200;
const MINUTE_MS = 60_000;

export class Alerting {
  readonly #env: Pick<Surroundings, "clock" | "log">;
  readonly #desk: AlertDesk;
  readonly #mail: AlertMail;
  readonly #webhook: Webhook | null;
  /** Bodies of our own audit rows: heard again when they were written, and no new alert. */
  readonly #own = new WeakSet<EventBody>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #post: AlertPost | null = null;
  #isClosed = false;

  constructor(config: Config, env: Pick<Surroundings, "clock" | "log">) {
    const { mail: to, webhook, repeatMinutes } = config.alerts;
    const { hostname, instanceId, postmaster: from } = config;
    this.#env = env;
    this.#mail = new AlertMail({ hostname, instanceId, from, to }, env);
    this.#webhook =
      webhook === null
        ? null
        : new Webhook(
            {
              url: webhook.url,
              secret: webhook.secret.bytes(),
              ca: webhook.ca,
              instanceId,
              pausesMs: WEBHOOK_PAUSES_MS,
              timeoutMs: WEBHOOK_TIMEOUT_MS,
            },
            env,
          );
    const tell = (notice: AlertNotice, isAudited: boolean): void => this.#tell(notice, isAudited);
    this.#desk = new AlertDesk({ repeatMs: repeatMinutes * MINUTE_MS }, { clock: env.clock, tell });
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
