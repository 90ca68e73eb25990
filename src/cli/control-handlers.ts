/**
 * What the control socket of a running service answers, for `serve` and the demo: state, acts on the queue, reload. A
 * configuration that is not valid changes nothing, and the refusal is logged and audited.
 */
import { messageIdOf, toMessageId } from "../core/ids.ts";
import type { RecipientId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Postern } from "../running.ts";
import type { Config } from "../parts/config/config.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { ControlHandlers, QueueRequest, QueueResult } from "../parts/control/control-protocol.ts";
import type { Act } from "../stages/spool/operator.ts";
import { CliError } from "./cli-error.ts";
import { asCliError } from "./start-error.ts";
import { requireConfig } from "./surroundings.ts";
import { versionOf } from "../version.ts";

/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;

export type Served = {
  readonly postern: Postern;
  readonly configPath: string;
  readonly log: Log;
  readonly startedAt: number;
};

export function controlHandlers(served: Served): ControlHandlers {
  const { postern, startedAt } = served;
  return {
    status: async () => ({
      version: versionOf(),
      instanceId: postern.config().instanceId,
      pid: process.pid,
      startedAt,
      configSha256: postern.config().sha256,
      draining: postern.isDraining(),
      queue: await postern.store.counts(),
    }),
    "queue.retry": (request) => actOn(postern, "retry", request),
    "queue.release": (request) => actOn(postern, "release", request),
    "queue.drop": (request) => actOn(postern, "drop", request),
    reload: async () => {
      try {
        const { sha256 } = await reloadConfig(served);
        return { configSha256: sha256, warnings: [] };
      } catch (error) {
        throw new ControlError("PST-CFG-002", error instanceof CliError ? error.lines.join("; ").slice(0, 1000) : "");
      }
    },
  };
}

/** Puts the file's present configuration in force; throws CliError and keeps the old one where it cannot. */
export async function reloadConfig({ postern, configPath, log }: Omit<Served, "startedAt">): Promise<Config> {
  try {
    const next = requireConfig(configPath, (line) => log.warn("config_warning", { warning: line }));
    await postern.reload(next);
    return next;
  } catch (error) {
    const complaint = asCliError(error);
    const lines = complaint instanceof CliError ? complaint.lines.length : 0;
    log.error("reload_refused", { code: "PST-CFG-002", errors: lines });
    await postern.tellReloadRefused();
    throw complaint;
  }
}

async function actOn(postern: Postern, action: Act["action"], request: QueueRequest): Promise<QueueResult> {
  const ids = (await Promise.all(request.ids.map((id) => recipientIds(postern, id)))).flat();
  const known = ids.filter((id) => id.known).map((id) => id.recipient);
  const unknown = ids.filter((id) => !id.known).map((id) => id.recipient);
  const { done, skipped } = await postern.act({ action, ids: known, actor: request.actor, reason: request.reason });
  return { done, skipped: [...skipped, ...unknown] };
}

/** A message id stands for all its recipients. */
async function recipientIds(
  postern: Postern,
  id: string,
): Promise<readonly { readonly recipient: RecipientId; readonly known: boolean }[]> {
  const messageId = id.includes(".") ? messageIdOf(id as RecipientId) : toMessageId(id);
  const rows = await postern.store.recipients({ messageId, limit: RECIPIENTS_MAX });
  const wanted = rows.filter((row) => !id.includes(".") || row.id === id).map((row) => row.id);
  if (wanted.length === 0) return [{ recipient: id as RecipientId, known: false }];
  return wanted.map((recipient) => ({ recipient, known: true }));
}
