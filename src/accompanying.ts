/** Builds what writes copies to compliance and notices beside the mail. Whom they go to follows a reload. */
import type { EnvelopeRecipient } from "./core/envelope.ts";
import { reportOptions } from "./options.ts";
import type { OwnPost } from "./own-post.ts";
import type { Config } from "./parts/config/config.ts";
import { parseMailbox } from "./parts/smtp/mailbox.ts";
import { NoticeBudget } from "./stages/protect/notice-budget.ts";
import { createWriteCompanion } from "./stages/protect/write-companion.ts";
import type { CompanionOptions } from "./stages/protect/write-companion.ts";
import { createAccompany } from "./stages/spool/accompany.ts";
import type { Accompany } from "./stages/spool/accompany.ts";
import type { Parts } from "./surroundings.ts";

type Wiring = {
  readonly config: () => Config;
  readonly post: Omit<OwnPost, "submit">;
  readonly wake: () => void;
};

export function accompanying({ store, blobs, env }: Parts, { config, post, wake }: Wiring): Accompany {
  const deps = { blobs, ...post, budget: new NoticeBudget(), log: env.log };
  const writeCompanion = createWriteCompanion(() => companionOptions(config()), deps);
  return createAccompany({ store, blobs, wake, clock: env.clock, log: env.log, writeCompanion });
}

function companionOptions(config: Config): CompanionOptions {
  const { copyTo, notify, noticesPerHourMax } = config.dlp;
  return { ...reportOptions(config), copyTo: toRecipients(copyTo), notify: toRecipients(notify), noticesPerHourMax };
}

/** Addresses that are none were refused with the configuration. */
function toRecipients(addresses: readonly string[]): readonly EnvelopeRecipient[] {
  return addresses.flatMap((address) => {
    const parsed = parseMailbox(address);
    return parsed.kind === "bad" ? [] : [{ mailbox: parsed.mailbox, notify: ["never"], orcpt: null }];
  });
}
