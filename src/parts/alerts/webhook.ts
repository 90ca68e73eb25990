/**
 * Sends notices to a web hook as JSON, signed. Promises: never blocks and never throws; one request at a time, in order; a
 * queue of QUEUE_MAX; each notice is tried again after growing pauses and then dropped with a log line; redirects are not
 * followed and the answer is not read. Signature: header `Postern-Signature: t=SECONDS,v1=HEX`, HMAC-SHA256 over `SECONDS.BODY`.
 */
import { createHmac } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { AlertNotice } from "../../core/alert.ts";
import type { Clock } from "../../core/clock.ts";
import { errorName } from "../../core/error-facts.ts";
import type { Log } from "../../core/log.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";

export type WebhookOptions = {
  /** https, or http to this machine. */
  readonly url: string;
  readonly secret: Buffer;
  /** PEM of CAs trusted beside the public ones. */
  readonly ca: string | null;
  readonly instanceId: string;
  /** Pause before each further try; after the last the notice is dropped. */
  readonly pausesMs: readonly number[];
  readonly timeoutMs: number;
};

export const WEBHOOK_PAUSES_MS: readonly number[] = [5_000, 30_000, 120_000, 600_000];
export const WEBHOOK_TIMEOUT_MS = 10_000;
const QUEUE_MAX = 200;

type Waiting = { readonly notice: AlertNotice; tries: number };

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  readonly #queue: Waiting[] = [];
  readonly #stop = new AbortController();
  #working: Promise<void> | null = null;

  constructor(options: WebhookOptions, deps: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options;
    this.#deps = deps;
  }

  send(notice: AlertNotice): void {
    if (this.#stop.signal.aborted) {
      this.#drop([{ notice, tries: 0 }], "stopping");
      return;
    }
    if (this.#queue.length >= QUEUE_MAX) this.#drop(this.#queue.splice(0, 1), "queue full");
    this.#queue.push({ notice, tries: 0 });
    this.#working ??= this.#work().finally(() => (this.#working = null));
  }

  /** Breaks off; what still waits is dropped. What should be kept is given back before. */
  async close(): Promise<void> {
    await this.#breakOff();
    this.#drop(this.#queue.splice(0), "stopping");
  }

  /** Breaks off for good and gives back what still waits. One that was under way may have arrived. */
  async giveBack(): Promise<readonly AlertNotice[]> {
    await this.#breakOff();
    return this.#queue.splice(0).map(({ notice }) => notice);
  }

  async #breakOff(): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined && !this.#stop.signal.aborted; next = this.#queue[0]) {
      const failure = await this.#post(next.notice);
      if (failure === null) {
        this.#forget(next);
        continue;
      }
      const pauseMs = this.#options.pausesMs[next.tries];
      next.tries += 1;
      if (pauseMs === undefined) {
        this.#forget(next);
        this.#drop([next], failure);
      } else {
        this.#deps.log.warn("webhook_failed", { code: next.notice.code, tries: next.tries, error: failure });
        await this.#pause(pauseMs);
      }
    }
  }

  /** The oldest may have been dropped for want of room meanwhile. */
  #forget(sent: Waiting): void {
    const index = this.#queue.indexOf(sent);
    if (index !== -1) this.#queue.splice(index, 1);
  }

  #drop(dropped: readonly Waiting[], reason: string): void {
    for (const { notice, tries } of dropped) {
      this.#deps.log.error("webhook_dropped", { code: "PST-MON-030", alert: notice.code, tries, reason });
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** null where the hook took it; else why not, in a word. */
  async #post(notice: AlertNotice): Promise<string | null> {
    const { url, secret, ca, timeoutMs, instanceId } = this.#options;
    const body = JSON.stringify(bodyOf(notice, instanceId));
    const seconds = Math.floor(this.#deps.clock.now() / 1000);
    const signature = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
    // Loaded when first used, and not as an ES module: node:http would load fetch, WebSocket and HTTP/2 with it.
    const { request: open } = process.getBuiltinModule(url.startsWith("https:") ? "node:https" : "node:http");
    return await new Promise((resolve) => {
      const request = open(
        url,
        {
          method: "POST",
          agent: false,
          signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#stop.signal]),
          ...(ca !== null && { ca: [...rootCertificates, ca] }),
          headers: {
            "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(body),
            "User-Agent": "Postern",
            "Postern-Signature": `t=${seconds},v1=${signature}`,
          },
        },
        (response) => {
          const status = response.statusCode ?? 0;
          response.destroy();
          resolve(status >= 200 && status < 300 ? null : `status ${status}`);
        },
      );
      request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? errorName(error)));
      request.end(body);
    });
  }
}

function bodyOf(notice: AlertNotice, instanceId: string): object {
  const { what, next } = REASON_CODES[notice.code];
  return {
    source: "postern",
    instance: instanceId,
    state: notice.state,
    code: notice.code,
    what,
    next,
    since: new Date(notice.since).toISOString(),
    at: new Date(notice.at).toISOString(),
    count: notice.count,
    facts: notice.facts,
    messages: notice.messages,
  };
}
