/**
 * Alerts by mail: one message for each notice, through the queue like any other (docs/flow.md, origin `alert`). Promises: null
 * sender, so that no report answers it; our own text; never more than MAILS_PER_HOUR_MAX. Whether and when is decided by the desk.
 */
import type { AlertNotice } from "./core/alert.ts";
import type { Clock } from "./core/clock.ts";
import type { EnvelopeRecipient } from "./core/envelope.ts";
import { errorName } from "./core/error-facts.ts";
import type { Log } from "./core/log.ts";
import { enqueue } from "./own-post.ts";
import type { OwnPost } from "./own-post.ts";
import { composeAlert } from "./parts/mime/compose-alert.ts";
import { parseMailbox } from "./parts/smtp/mailbox.ts";

export type AlertMailOptions = {
  readonly hostname: string;
  readonly instanceId: string;
  readonly from: string;
  readonly to: readonly string[];
};

const MAILS_PER_HOUR_MAX = 60;
const HOUR_MS = 3_600_000;

export class AlertMail {
  readonly #options: AlertMailOptions;
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  readonly #recipients: readonly EnvelopeRecipient[];
  #hour = 0;
  #sentThisHour = 0;

  constructor(options: AlertMailOptions, deps: { readonly clock: Clock; readonly log: Log }) {
    this.#options = options;
    this.#deps = deps;
    this.#recipients = options.to.flatMap((address) => {
      const parsed = parseMailbox(address);
      return parsed.kind === "bad" ? [] : [{ mailbox: parsed.mailbox, notify: ["never"], orcpt: null }];
    });
  }

  /** Never rejects: an alert that cannot be mailed stands in the log. */
  async send(notice: AlertNotice, post: OwnPost): Promise<void> {
    if (this.#recipients.length === 0) return;
    const hour = Math.floor(this.#deps.clock.now() / HOUR_MS);
    if (hour !== this.#hour) [this.#hour, this.#sentThisHour] = [hour, 0];
    const alert = notice.code;
    if (++this.#sentThisHour > MAILS_PER_HOUR_MAX) {
      this.#deps.log.error("alert_mail_failed", { code: "PST-MON-031", alert, error: "too many this hour" });
      return;
    }
    try {
      await this.#enqueue(notice, post);
    } catch (error) {
      this.#deps.log.error("alert_mail_failed", { code: "PST-MON-031", alert, error: errorName(error) });
    }
  }

  async #enqueue(notice: AlertNotice, post: OwnPost): Promise<void> {
    const id = post.newMessageId();
    const now = this.#deps.clock.now();
    const bytes = composeAlert({ ...this.#options, id, now, notice });
    const { hostname } = this.#options;
    await enqueue({ id, origin: "alert", recipients: this.#recipients, bytes, hostname, now }, post);
  }
}
