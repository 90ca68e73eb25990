/** Builds what writes copies to compliance and notices beside the mail. Whom they go to follows a reload. */
import type { EnvelopeRecipient } from "./core/envelope.ts";
import type { QueueStore } from "./core/queue-store.ts";
import { RECIPIENT_STATES } from "./core/recipient-state.ts";
import { reportOptions } from "./options.ts";
import type { OwnPost } from "./own-post.ts";
import type { Config } from "./parts/config/config.ts";
import { parseMailbox } from "./parts/smtp/mailbox.ts";
import { CopyRounds } from "./stages/protect/copy-rounds.ts";
import { NoticeBudget } from "./stages/protect/notice-budget.ts";
import { createWriteCompanion } from "./stages/protect/write-companion.ts";
import type { CompanionOptions, SentNotices } from "./stages/protect/write-companion.ts";
import { createAccompany } from "./stages/spool/accompany.ts";
import type { Accompany } from "./stages/spool/accompany.ts";
import type { Parts } from "./surroundings.ts";

/** Mail of one state to one address within an hour that is looked through for notices. */
const SCANNED_MAX = 1_000;

type Wiring = {
  readonly config: () => Config;
  readonly post: Omit<OwnPost, "submit">;
  readonly wake: () => void;
};

export function accompanying({ store, blobs, env }: Parts, { config, post, wake }: Wiring): Accompany {
  const budget = new NoticeBudget(env.clock.now());
  const sentBefore = (notices: SentNotices): Promise<number> => countSent(notices, store);
  const deps = { blobs, ...post, budget, rounds: new CopyRounds(), sentBefore, log: env.log };
  const writeCompanion = createWriteCompanion(() => companionOptions(config()), deps);
  return createAccompany({ store, blobs, wake, clock: env.clock, log: env.log, writeCompanion });
}

async function countSent(
  { kind, address, since, max }: SentNotices,
  store: Pick<QueueStore, "scan" | "message">,
): Promise<number> {
  let count = 0;
  for (const state of RECIPIENT_STATES) {
    const { recipients } = await store.scan({ state, address, from: since, after: null, limit: SCANNED_MAX });
    for (const { messageId } of recipients) {
      if (count >= max) return count;
      const parent = (await store.message(messageId))?.submission.parent ?? null;
      if (parent?.kind === kind) count += 1;
    }
  }
  return count;
}

function companionOptions(config: Config): CompanionOptions {
  const { copyTo, notify, noticesPerHourMax } = config.dlp;
  const { ownDomains } = config;
  const [copies, reviewers] = [toRecipients(copyTo), toRecipients(notify)];
  return { ...reportOptions(config), copyTo: copies, notify: reviewers, noticesPerHourMax, ownDomains };
}

/** Addresses that are none were refused with the configuration. */
function toRecipients(addresses: readonly string[]): readonly EnvelopeRecipient[] {
  return addresses.flatMap((address) => {
    const parsed = parseMailbox(address);
    return parsed.kind === "bad" ? [] : [{ mailbox: parsed.mailbox, notify: ["never"], orcpt: null }];
  });
}
